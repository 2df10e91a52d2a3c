"""From files to a trained model: what `lightrnn train` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from rescorer.errors import InputError
from rescorer.models.light_rnn import LightRNN, LightRNNSettings
from rescorer.models.spelling import Spelling
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.assignment import AssignmentSettings
from rescorer.training.corpus import Corpus
from rescorer.training.distributed import Processes, processes_on
from rescorer.training.first_table import first_table
from rescorer.training.reallocation import ReallocationSettings
from rescorer.training.trainer import Trainer, TrainingSettings, checkpoint_in
from rescorer.training.unseen_words import read_lists


def train_model(
    texts: Sequence[Path], valid: Path, vocabulary: Path, output: Path, work: Path, options: Mapping[str, Any], *,
    threads: int | None, device: str, say: Callable[[str], None],
) -> float:
    """Train, or go on with a training that was cut; returns the best validation perplexity.

    Where torchrun started several processes each calls this, and they train one model together.

    Args:
        options: the fields of the settings, by name, and of the table `rows`, `columns` and `first_table`: "likeness"
            or "frequency".

    Raises:
        InputError: a file or a setting cannot be used.
    """
    if threads:
        torch.set_num_threads(threads)
    with processes_on(device) as processes:
        say = say if processes.is_first else _be_silent
        trainer = _trainer(texts, valid, vocabulary, output, work, options, processes, say)
        best = trainer.run()
    say(f"best validation perplexity {best:.2f}: {output}")
    return best


def _trainer(
    texts: Sequence[Path], valid: Path, vocabulary: Path, output: Path, work: Path, options: Mapping[str, Any],
    processes: Processes, say: Callable[[str], None],
) -> Trainer:
    try:
        settings, network = _settings(options), LightRNNSettings(**_those_of(LightRNNSettings, options))
        words = Vocabulary.load(vocabulary)
        table = WordTable.shaped(len(words), options["rows"], options["columns"])
    except ValueError as error:
        raise InputError(str(error), remedy="correct that option") from None
    file = vocabulary.with_suffix(".lists.tsv")
    lists = read_lists(file, words) if file.exists() else []
    train, held_out = (_encoded(paths, words, work / name, processes)
                       for paths, name in ((texts, "train.ids"), ([valid], "valid.ids")))
    if options["first_table"] == "likeness" and not processes.first_says(checkpoint_in(work).exists()):
        say(f"finding the company of {len(words)} words, by which they share rows")
        # By one process: where another one's last bits differ, its table might.
        table = processes.first_does(lambda: first_table(train.ids, words, lists, table.rows, table.columns))
    torch.manual_seed(settings.seed)
    model = LightRNN(network, words, table).to(processes.device)
    say(f"{len(words)} words in a table of {table.rows} × {table.columns}, {model.parameter_count():,} parameters")
    model.provenance = {"texts": [path.name for path in texts], "valid": valid.name, "table": options["first_table"]}
    model.spelling = Spelling.learn(words.words)
    return Trainer(model, train, held_out, settings, output, work, lists=lists, say=say, progress=processes.is_first,
                   processes=processes)


def _encoded(texts: Sequence[Path], words: Vocabulary, path: Path, processes: Processes) -> Corpus:
    """Written by the first process, mapped by all."""
    def write() -> None:
        Corpus.encode(texts, words, path)

    processes.first_does(write)
    return Corpus.open(path)


def _be_silent(line: str) -> None:
    pass


def _settings(options: Mapping[str, Any]) -> TrainingSettings:
    return TrainingSettings(**_those_of(TrainingSettings, options), reallocation=reallocation_settings(options))


def reallocation_settings(options: Mapping[str, Any]) -> ReallocationSettings:
    """Of options by the names of its fields and of the assignment's. Raises ValueError."""
    assignment = AssignmentSettings(**_those_of(AssignmentSettings, options))
    return ReallocationSettings(**_those_of(ReallocationSettings, options, leave=("streams", "unroll")),
                                assignment=assignment)


def _those_of(kind: type[Any], options: Mapping[str, Any], leave: tuple[str, ...] = ()) -> dict[str, Any]:
    return {field.name: options[field.name] for field in fields(kind)
            if field.name in options and field.name not in leave}
