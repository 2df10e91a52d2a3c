"""From files to a trained model: what `lightrnn train` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rescorer.errors import InputError
from rescorer.files import sole_use
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import ProcessGroup, data_parallel
from rescorer.training.embedding_init import init_embeddings
from rescorer.training.loop import Trainer, TrainingSettings, checkpoint_in
from rescorer.training.precision import bfloat16_gain
from rescorer.training.reallocation.assign import AssignmentSettings
from rescorer.training.reallocation.reallocate import ReallocationSettings
from rescorer.training.reallocation.unseen import read_lists
from rescorer.training.table_init import balanced_clustering, ppmi_svd_embeddings


def train_model(
    texts: Sequence[Path],
    valid: Path,
    vocabulary: Path,
    output: Path,
    work: Path,
    options: Mapping[str, Any],
    *,
    threads: int | None,
    device: str,
    say: Callable[[str], None],
) -> float:
    """Train, or go on with a training that was cut; returns the best validation perplexity.

    Where torchrun started several processes each calls this, and they train one model together.

    Args:
        options: the fields of the settings, by name, and of the table `rows`, `columns` and
            `table_init`: "ppmi" or "frequency".

    Raises:
        InputError: a file or a setting cannot be used.
    """
    if threads:
        torch.set_num_threads(threads)
    with data_parallel(device) as processes, ExitStack() as held:
        say = say if processes.is_first else _discard
        trainer = _trainer(texts, valid, vocabulary, output, work, options, processes, say, held)
        best = trainer.run()
    say(f"best validation perplexity {best:.2f}: {output}")
    return best


def _trainer(
    texts: Sequence[Path],
    valid: Path,
    vocabulary: Path,
    output: Path,
    work: Path,
    options: Mapping[str, Any],
    processes: ProcessGroup,
    say: Callable[[str], None],
    held: ExitStack,
) -> Trainer:
    """What trains; `held` gets the lock of the work folder, which the first process takes for
    all.
    """
    options = {**options, "precision": _precision(options["precision"], processes, say)}
    try:
        settings, network = (
            _settings(options),
            LightRNNSettings(**_those_of(LightRNNSettings, options)),
        )
        words = Vocabulary.load(vocabulary)
        table = WordTable.shaped(len(words), options["rows"], options["columns"])
    except ValueError as error:
        raise InputError(str(error), remedy="correct that option") from None
    file = vocabulary.with_suffix(".lists.tsv")
    lists = read_lists(file, words) if file.exists() else []
    processes.run_on_first(lambda: held.enter_context(sole_use(work)))
    train, held_out = (
        _encoded(paths, words, work / name, processes)
        for paths, name in ((texts, "train.ids"), ([valid], "valid.ids"))
    )
    torch.manual_seed(settings.seed)
    if options["table_init"] == "ppmi" and not processes.broadcast_flag(
        checkpoint_in(work).exists()
    ):
        say(f"finding the company of {len(words)} words, by which they share rows and begin alike")
        # By one process: where the last bits of another one's computation differ, its table might.
        model = processes.run_on_first(
            lambda: _initialised_by_ppmi(network, words, table, train, lists)
        )
    else:
        model = LightRNN(network, words, table)
    model = model.to(processes.device)
    say(
        f"{len(words)} words in a table of {table.rows} × {table.columns}, {model.parameter_count():,} parameters"
    )
    model.provenance = {
        "texts": [path.name for path in texts],
        "valid": valid.name,
        "table": options["table_init"],
    }
    model.spelling = Spelling.learn(words.words)
    return Trainer(
        model,
        train,
        held_out,
        settings,
        output,
        work,
        lists=lists,
        say=say,
        progress=processes.is_first,
        processes=processes,
    )


def _precision(asked: str, processes: ProcessGroup, say: Callable[[str], None]) -> str:
    """What is asked for; for "auto" the quicker one, by the first process's measurement."""
    if asked == "float32":
        return asked
    gain = processes.run_on_first(lambda: bfloat16_gain(processes.device))
    if asked == "auto":
        return "bfloat16" if gain > 1 else "float32"
    if gain < 0.8:
        say(
            f"products take {1 / gain:.1f} times as long in bfloat16 as in float32 here: --precision auto is quicker"
        )
    return asked


def _initialised_by_ppmi(
    network: LightRNNSettings,
    words: Vocabulary,
    shape: WordTable,
    train: Corpus,
    lists: Sequence[NDArray[np.int64]],
) -> LightRNN:
    """A table of that shape, and vectors, by the company that words keep in the text."""
    vectors = ppmi_svd_embeddings(train.ids, words, lists)
    model = LightRNN(
        network, words, balanced_clustering(vectors, words.counts, shape.rows, shape.columns)
    )
    init_embeddings(model, vectors)
    return model


def _encoded(
    texts: Sequence[Path], words: Vocabulary, path: Path, processes: ProcessGroup
) -> Corpus:
    """Written by the first process, mapped by all."""

    def write() -> None:
        Corpus.encode(texts, words, path)

    processes.run_on_first(write)
    return Corpus.open(path)


def _discard(line: str) -> None:
    pass


def _settings(options: Mapping[str, Any]) -> TrainingSettings:
    return TrainingSettings(
        **_those_of(TrainingSettings, options), reallocation=reallocation_settings(options)
    )


def reallocation_settings(options: Mapping[str, Any]) -> ReallocationSettings:
    """Of options by the names of its fields and of the assignment's. Raises ValueError."""
    assignment = AssignmentSettings(**_those_of(AssignmentSettings, options))
    return ReallocationSettings(
        **_those_of(ReallocationSettings, options, leave=("batch_size", "bptt")),
        assignment=assignment,
    )


def _those_of(
    kind: type[Any], options: Mapping[str, Any], leave: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        field.name: options[field.name]
        for field in fields(kind)
        if field.name in options and field.name not in leave
    }
