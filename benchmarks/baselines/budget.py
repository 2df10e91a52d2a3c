"""The budget that all entries of one table share, and the folder that holds the table.

FOLDER/budget.json              the budget
FOLDER/lstm.json                words a second of the LSTM alone; the speed of a network is
                                measured as a share of it
FOLDER/{train,valid,test}.txt   the texts, a sentence a line, in the case of the vocabulary
FOLDER/{train,valid,test}.ids   their words
FOLDER/ENTRY.json               a finished entry
FOLDER/ENTRY.work/              its models, checkpoints and logs; log.txt has its output
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.baselines.recurrent import BaselineSettings
from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.corpus import Corpus, read_sentences
from rescorer.training.settings import PRECISIONS

SCORED = ("valid", "test")
KINDS = ("closed", "open")  # unknown words as `<unk>`, or each in its spelling
TEXTS = ("train", *SCORED)


@dataclass(frozen=True)
class Budget:
    """What every network gets.

    Attributes:
        texts: names of the training texts, of the validation text and of the test text.
        vocabulary: file of `lexicon vocabulary`, of which the first `size` words are used.
        size: V; None: all words.
        train_words: number of words of the training texts that are used; None: all.
        eval_words: number of words of the validation and of the test text that are used, up to the
            end of a sentence; None: all.
        seconds: of one core, for the preparation and the training of each network, unless `epochs`
            sets the length of the training.
        trial_seconds: of one core, for the trial of each learning rate.
        lrs: learning rates that each network tries; the one with the best validation perplexity
            is used for its training.
        intervals: number of validations in a training.
        order: n, of the n-gram.
        prune: lmplz's option of that name.
        epochs: number of times that each network reads the training texts; None: as often as
            `seconds` allow.
        weight_dropout: share of the LSTM's recurrent weights that is zeroed in each step of
            training.
    """

    texts: tuple[str, ...]
    vocabulary: str
    size: int | None
    train_words: int | None
    eval_words: int | None
    seconds: float
    trial_seconds: float
    lrs: tuple[float, ...]
    hidden_dim: int
    num_layers: int
    dropout: float
    batch_size: int
    bptt: int
    precision: str
    intervals: int
    seed: int
    order: int
    prune: tuple[int, ...]
    epochs: int | None = None
    weight_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in (
            "seconds",
            "trial_seconds",
            "hidden_dim",
            "num_layers",
            "batch_size",
            "bptt",
            "intervals",
            "order",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: expected more than 0")
        for name in ("size", "train_words", "eval_words", "epochs"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: expected at least 1")
        if not self.lrs or min(self.lrs) <= 0:
            raise ValueError(f"lrs = {self.lrs}: expected numbers of more than 0")
        BaselineSettings(**self.network)  # which checks itself
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision = {self.precision!r}: expected one of {', '.join(PRECISIONS)}"
            )

    @property
    def duration(self) -> str:
        """The length of the training, in words."""
        whole = (
            f"{self.epochs} epochs" if self.epochs else f"{self.seconds:g} s of one core a training"
        )
        return f"{whole}, {self.trial_seconds:g} s a trial" if len(self.lrs) > 1 else whole

    @property
    def network(self) -> dict[str, Any]:
        """The settings that every network shares."""
        return {
            name: getattr(self, name)
            for name in ("hidden_dim", "num_layers", "dropout", "weight_dropout")
        }


class Folder:
    """The folder of one table."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def budget(self) -> Budget:
        content = json.loads((self.path / "budget.json").read_text(encoding="utf-8"))
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in content.items()
        }
        return Budget(**values)

    def vocabulary(self) -> Vocabulary:
        budget = self.budget()
        whole = Vocabulary.load(budget.vocabulary)
        size = budget.size or len(whole)
        return Vocabulary(whole.words[:size], whole.counts[:size], whole.case)

    def text(self, name: str) -> Corpus:
        """The text "train", "valid" or "test"."""
        return Corpus.open(self.path / f"{name}.ids")

    def sentences(self, name: str) -> Path:
        """The file of a text, a sentence a line."""
        return self.path / f"{name}.txt"

    def result(self, spec: str) -> Path:
        return self.path / f"{slug(spec)}.json"

    def work(self, spec: str) -> Path:
        return self.path / f"{slug(spec)}.work"

    def log_probs(self, spec: str, name: str, kind: str) -> Path:
        """The file of log-probabilities [W] of the words of a text of SCORED, by the entry's model.

        Args:
            kind: of KINDS.
        """
        return self.work(spec) / f"{name}-{kind}.npy"

    def prepare(self, budget: Budget, texts: Sequence[Path], valid: Path, test: Path) -> None:
        """Write the budget and the texts' ids, or check that the folder has the same budget.

        Raises:
            InputError: it has another budget, or a text cannot be read.
        """
        if (self.path / "budget.json").exists():
            old, new = asdict(self.budget()), asdict(budget)
            changed = [key for key in new if old[key] != new[key]]
            if changed:
                key = changed[0]
                raise InputError(
                    f"{key} is {new[key]}, and was {old[key]} for the entries that are there",
                    file=self.path,
                    remedy="give the same budget, or another --output",
                )
            return
        whole = Vocabulary.load(budget.vocabulary)
        size = budget.size or len(whole)
        try:
            words = Vocabulary(whole.words[:size], whole.counts[:size], whole.case)
        except ValueError as error:
            raise InputError(
                str(error), remedy="give a larger --size", file=budget.vocabulary
            ) from None
        limits = (budget.train_words, budget.eval_words, budget.eval_words)
        for name, paths, limit in zip(TEXTS, (texts, [valid], [test]), limits, strict=True):
            write_lines(self.sentences(name), _first_sentences(paths, words, limit))
            Corpus.encode([self.sentences(name)], words, self.path / f"{name}.ids")
        # This file comes last: it tells that the texts are complete.
        write_lines(self.path / "budget.json", [json.dumps(asdict(budget), indent=1)])


def _first_sentences(
    paths: Sequence[Path], vocabulary: Vocabulary, limit: int | None
) -> Iterator[str]:
    """The sentences of texts, up to the one that holds word number `limit`.

    `</s>` counts as a word.
    """
    count = 0
    for sentence in read_sentences(paths):
        yield " ".join(map(vocabulary.normalise, sentence))
        count += len(sentence) + 1
        if limit is not None and count >= limit:
            return


def slug(spec: str) -> str:
    """A file name for an entry."""
    return re.sub(r"[^\w.-]+", "-", spec).strip("-")
