"""Trains a model from files, as `lightrnn train` does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
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
from rescorer.training.auto_training import Chooser, saved_choice, table_of, write_vocabulary
from rescorer.training.corpus import Corpus
from rescorer.training.data_parallel import ProcessGroup, data_parallel
from rescorer.training.embedding_init import init_embeddings
from rescorer.training.held_out import check_held_out
from rescorer.training.loop import Trainer, checkpoint_in
from rescorer.training.outlook import outlook
from rescorer.training.precision import bfloat16_gain
from rescorer.training.reallocation.problem import Floats
from rescorer.training.reallocation.unseen import read_lists
from rescorer.training.settings import RunSettings, TableSettings, TrainingSettings
from rescorer.training.table_init import balanced_clustering, ppmi_svd_embeddings

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingRequest:
    """What a model is trained from.

    Attributes:
        texts, valid: texts with a sentence a line.
        output: the new lightrnn.pt.
        work: folder of the checkpoint and the logs.
        given: settings by name. With a vocabulary and without hours all others have their
            defaults; else they are chosen by the size of the text.
        vocabulary: a file `NAME.tsv` of words; `NAME.lists.tsv` beside it holds their lists. None:
            it is made from the texts.
        hours: what the run may take on this machine; None: as long as the text is worth.
        device: of all processes.
        threads: number of threads of the processor; None: all.
    """

    texts: Sequence[Path]
    valid: Path
    output: Path
    work: Path
    given: Mapping[str, object] = field(default_factory=dict)
    vocabulary: Path | None = None
    hours: float | None = None
    device: str = "cpu"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.hours is not None and not 0 < self.hours < math.inf:
            raise InputError(
                f"--hours {self.hours:g}",
                expected="a number above 0",
                remedy="give the hours that the training may take, such as 0.5",
            )

    @property
    def is_by_size(self) -> bool:
        """Whether settings are chosen by the size of the text."""
        return self.vocabulary is None or self.hours is not None


def train_model(request: TrainingRequest, say: Say, progress: Progress = silent) -> float:
    """Train, or resume an interrupted training; returns the best validation perplexity.

    Every process that torchrun started calls this, and they train one model together.

    Raises:
        InputError: a file or a setting cannot be used.
    """
    began = time.monotonic()
    if request.threads:
        torch.set_num_threads(request.threads)
    with data_parallel(request.device) as processes, ExitStack() as held:
        say = say if processes.is_first else _discard
        words = Vocabulary.load(request.vocabulary) if request.vocabulary else None
        processes.run_on_first(lambda: held.enter_context(sole_use(request.work)))
        run = _Run(request, processes, say, processes.broadcast_flag(_is_resumed(request)))
        trainer = run.trainer(words or run.make_vocabulary(), began, progress)
        best = trainer.run()
        if request.is_by_size and processes.is_first:
            for line in outlook(trainer.log.rows, trainer.settings.epochs):
                say(line)
            say(_size_of(trainer.model, request.output))
    say(f"best validation perplexity {best:.2f}: {request.output}")
    return best


def _is_resumed(request: TrainingRequest) -> bool:
    return checkpoint_in(request.work).exists()


def _size_of(model: torch.nn.Module, output: Path) -> str:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return f"{parameters:,} parameters, {output.stat().st_size / 1e6:.1f} MB"


@dataclass(frozen=True)
class _Data:
    """What a network is trained on: its words, ids of the words of lists, and texts as ids."""

    words: Vocabulary
    lists: Sequence[NDArray[np.int64]]
    train: Corpus
    valid: Corpus


@dataclass(frozen=True)
class _Run:
    """One training run in the making. All methods are collective, as those of ProcessGroup."""

    request: TrainingRequest
    processes: ProcessGroup
    say: Say
    is_resumed: bool

    def make_vocabulary(self) -> Vocabulary:
        """The vocabulary of the texts, in the work folder; a resumed run finds its own there."""
        path = self.request.work / "words.tsv"
        if not (self.is_resumed and path.exists()):
            texts = self.request.texts
            self.processes.run_on_first(lambda: write_vocabulary(texts, path, self.say))
        return Vocabulary.load(path)

    def trainer(self, words: Vocabulary, began: float, progress: Progress) -> Trainer:
        """A trainer of a new network; a resumed run replaces its table and its parameters."""
        request, processes = self.request, self.processes
        data = self._read(words)
        vectors = self._ppmi_vectors(data)
        settings = self._settings(data, began)
        torch.manual_seed(settings.training.seed)
        model = self._new_model(settings, data, vectors)
        model.provenance = {
            "texts": [path.name for path in request.texts],
            "valid": request.valid.name,
            "table": settings.table.table_init,
        }
        return Trainer(
            model,
            data.train,
            data.valid,
            settings.training,
            request.output,
            request.work,
            lists=data.lists,
            say=self.say,
            progress=progress if processes.is_first else silent,
            processes=processes,
        )

    def _read(self, words: Vocabulary) -> _Data:
        request = self.request
        train = self._encoded(request.texts, words, "train.ids")
        valid = self._encoded([request.valid], words, "valid.ids")
        if not self.is_resumed:
            self.processes.run_on_first(
                lambda: check_held_out(train, valid, words.end_id, request.valid, self.say)
            )
        return _Data(words, _lists_of(request.vocabulary, words), train, valid)

    def _encoded(self, texts: Sequence[Path], words: Vocabulary, name: str) -> Corpus:
        """The text as ids, written by the first process and mapped by all."""
        path = self.request.work / name

        def write() -> None:
            Corpus.encode(texts, words, path)

        self.processes.run_on_first(write)
        return Corpus.open(path)

    def _ppmi_vectors(self, data: _Data) -> Floats | None:
        """Embeddings that order the table; only the first process has them."""
        table_init = self.request.given.get("table_init", TableSettings().table_init)
        if table_init != "ppmi" or self.is_resumed or not self.processes.is_first:
            return None
        self.say(
            f"computing the PPMI-SVD embeddings of {len(data.words)} words, which order the table"
        )
        return ppmi_svd_embeddings(data.train.ids, data.words, data.lists)

    def _settings(self, data: _Data, began: float) -> RunSettings:
        """All settings, with a measured precision, and the training's seed for the blocks, too."""
        request, by_size = self.request, self.request.is_by_size
        asked = request.given.get("precision", "auto" if by_size else TrainingSettings().precision)
        precision = _precision(str(asked), self.processes, self.say)
        given = {**request.given, "precision": precision}
        chosen: Mapping[str, object] = {}
        if by_size:
            chosen = self.processes.run_on_first(lambda: self._chosen(data, given, began))
        settings = RunSettings.of({**chosen, **given})
        training = settings.training
        reallocation = training.reallocation.with_seed(training.seed)
        return replace(settings, training=replace(training, reallocation=reallocation))

    def _chosen(
        self, data: _Data, given: Mapping[str, object], began: float
    ) -> Mapping[str, object]:
        request, processes = self.request, self.processes
        if self.is_resumed:
            return saved_choice(request.work)
        chooser = Chooser(
            data.words, data.train, data.valid, request.work, processes.device, processes.count
        )
        seconds = None if request.hours is None else 3600 * request.hours
        return chooser.choose(given, seconds, time.monotonic() - began, self.say)

    def _new_model(self, settings: RunSettings, data: _Data, vectors: Floats | None) -> LightRNN:
        """The network before training, on the device of this process."""
        words, network = data.words, settings.network
        table = table_of(words, settings.table)
        if settings.table.table_init == "ppmi" and not self.is_resumed:
            # One process makes it: the last bits, and so the table, differ between processors.
            model = self.processes.run_on_first(
                lambda: _initialised_by_ppmi(network, words, table, vectors)
            )
        else:
            model = LightRNN(network, words, table)
        model = model.to(self.processes.device)
        model.spelling = Spelling.learn(words.words)
        shape = f"{table.rows} × {table.columns}"
        self.say(
            f"{len(words)} words in a table of {shape}, {model.parameter_count():,} parameters"
        )
        return model


def _lists_of(vocabulary: Path | None, words: Vocabulary) -> list[NDArray[np.int64]]:
    """Ids of the words of each list that `lexicon vocabulary --list` noted beside its output."""
    file = vocabulary.with_suffix(".lists.tsv") if vocabulary else None
    return read_lists(file, words) if file and file.exists() else []


def _precision(asked: str, processes: ProcessGroup, say: Say) -> str:
    """The precision asked for; for "auto" the faster one, as the first process measures it."""
    if asked == "float32":
        return asked
    gain = processes.run_on_first(lambda: bfloat16_gain(processes.device))
    if asked == "auto":
        return "bfloat16" if gain > 1 else "float32"
    if not gain:
        raise InputError(
            "--precision bfloat16 on a processor for which torch has no LSTM in bfloat16",
            expected="a processor with AVX-512, or a GPU",
            remedy="give --precision auto or float32",
        )
    if gain < 0.8:
        say(
            f"products take {1 / gain:.1f} times as long in bfloat16 as in float32 here: "
            "--precision auto is quicker"
        )
    return asked


def _initialised_by_ppmi(
    network: LightRNNSettings, words: Vocabulary, shape: WordTable, vectors: Floats | None
) -> LightRNN:
    """A network whose table and embeddings are initialised by PPMI-SVD embeddings [V, F]."""
    assert vectors is not None  # the first process has them
    table = balanced_clustering(vectors, words.counts, shape.rows, shape.columns)
    model = LightRNN(network, words, table)
    init_embeddings(model, vectors)
    return model


def _discard(line: str) -> None:
    pass
