"""Trains a model from files, as `lightrnn train` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rescorer.errors import InputError
from rescorer.files import sole_use
from rescorer.models.lightrnn import LightRNN, LightRNNSettings
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.progress import Progress, silent
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import ProcessGroup, data_parallel
from rescorer.training.embedding_init import init_embeddings
from rescorer.training.loop import Trainer, checkpoint_in
from rescorer.training.precision import bfloat16_gain
from rescorer.training.reallocation.unseen import read_lists
from rescorer.training.settings import TableSettings, TrainingSettings
from rescorer.training.table_init import balanced_clustering, ppmi_svd_embeddings


def train_model(
    texts: Sequence[Path],
    valid: Path,
    vocabulary: Path,
    output: Path,
    work: Path,
    *,
    network: LightRNNSettings,
    table_settings: TableSettings,
    training: TrainingSettings,
    threads: int | None,
    device: str,
    say: Callable[[str], None],
    progress: Progress = silent,
) -> float:
    """Train, or resume an interrupted training; returns the best validation perplexity.

    Every process that torchrun started calls this, and they train one model together.

    Args:
        texts, valid: texts with a sentence a line.
        vocabulary: a file `NAME.tsv` of words; `NAME.lists.tsv` beside it holds their lists.
        output: the new lightrnn.pt.
        work: folder of the checkpoint and the logs.
        threads: number of threads of the processor; None: all.

    Raises:
        InputError: a file or a setting cannot be used.
    """
    if threads:
        torch.set_num_threads(threads)
    with data_parallel(device) as processes, ExitStack() as held:
        say = say if processes.is_first else _discard
        words = Vocabulary.load(vocabulary)
        lists = _lists_of(vocabulary, words)
        processes.run_on_first(lambda: held.enter_context(sole_use(work)))
        train = _encoded(texts, words, work / "train.ids", processes)
        held_out = _encoded([valid], words, work / "valid.ids", processes)
        settings = _resolved(training, processes, say)
        torch.manual_seed(settings.seed)
        is_resumed = processes.broadcast_flag(checkpoint_in(work).exists())
        model = _new_model(network, table_settings, words, train, lists, is_resumed, processes, say)
        model.provenance = {
            "texts": [path.name for path in texts],
            "valid": valid.name,
            "table": table_settings.table_init,
        }
        trainer = Trainer(
            model,
            train,
            held_out,
            settings,
            output,
            work,
            lists=lists,
            say=say,
            progress=progress if processes.is_first else silent,
            processes=processes,
        )
        best = trainer.run()
    say(f"best validation perplexity {best:.2f}: {output}")
    return best


def _lists_of(vocabulary: Path, words: Vocabulary) -> list[NDArray[np.int64]]:
    """Ids of the words of each list that `lexicon vocabulary --list` noted beside its output."""
    file = vocabulary.with_suffix(".lists.tsv")
    return read_lists(file, words) if file.exists() else []


def _resolved(
    training: TrainingSettings, processes: ProcessGroup, say: Callable[[str], None]
) -> TrainingSettings:
    """The settings with a measured precision, and the training's seed for the blocks, too."""
    precision = _precision(training.precision, processes, say)
    reallocation = training.reallocation.with_seed(training.seed)
    return replace(training, precision=precision, reallocation=reallocation)


def _new_model(
    network: LightRNNSettings,
    table_settings: TableSettings,
    words: Vocabulary,
    train: Corpus,
    lists: Sequence[NDArray[np.int64]],
    is_resumed: bool,
    processes: ProcessGroup,
    say: Callable[[str], None],
) -> LightRNN:
    """The network before training; a resumed run replaces its table and its parameters."""
    try:
        table = WordTable.shaped(len(words), table_settings.rows, table_settings.columns)
    except ValueError as error:
        raise InputError(str(error), remedy="correct --rows and --columns") from None
    if table_settings.table_init == "ppmi" and not is_resumed:
        say(f"computing the PPMI-SVD embeddings of {len(words)} words, which order the table")
        # One process computes them: the last bits, and so the table, differ between processors.
        model = processes.run_on_first(
            lambda: _initialised_by_ppmi(network, words, table, train, lists)
        )
    else:
        model = LightRNN(network, words, table)
    model = model.to(processes.device)
    model.spelling = Spelling.learn(words.words)
    shape = f"{table.rows} × {table.columns}"
    say(f"{len(words)} words in a table of {shape}, {model.parameter_count():,} parameters")
    return model


def _precision(asked: str, processes: ProcessGroup, say: Callable[[str], None]) -> str:
    """The precision asked for; for "auto" the faster one, as the first process measures it."""
    if asked == "float32":
        return asked
    gain = processes.run_on_first(lambda: bfloat16_gain(processes.device))
    if asked == "auto":
        return "bfloat16" if gain > 1 else "float32"
    if gain < 0.8:
        say(
            f"products take {1 / gain:.1f} times as long in bfloat16 as in float32 here: "
            "--precision auto is quicker"
        )
    return asked


def _initialised_by_ppmi(
    network: LightRNNSettings,
    words: Vocabulary,
    shape: WordTable,
    train: Corpus,
    lists: Sequence[NDArray[np.int64]],
) -> LightRNN:
    """A network whose table and embeddings are initialised by PPMI-SVD embeddings of the words."""
    vectors = ppmi_svd_embeddings(train.ids, words, lists)
    model = LightRNN(
        network, words, balanced_clustering(vectors, words.counts, shape.rows, shape.columns)
    )
    init_embeddings(model, vectors)
    return model


def _encoded(
    texts: Sequence[Path], words: Vocabulary, path: Path, processes: ProcessGroup
) -> Corpus:
    """The text as ids, written by the first process and mapped by all."""

    def write() -> None:
        Corpus.encode(texts, words, path)

    processes.run_on_first(write)
    return Corpus.open(path)


def _discard(line: str) -> None:
    pass
