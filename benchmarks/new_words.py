"""New words without retraining: perplexity of names that are added to a model.

    python -m benchmarks.new_words TEXT… --without without.pt --with with.pt --names names.tsv
                                   [--examples examples.1.txt examples.5.txt examples.20.txt]
                                   [--priors 1 10 100 counts] [--many 10000 --gazetteers DIR]

`recipes/names` makes the files and the two models: one was trained on a text without the names, the
other with them. TEXT is held out. Its names (`word<TAB>count`) are scored by

- the model that was trained with them;
- the model without them, as P(<unk>) times the probability of their spelling;
- that model with the names added: without example sentences and with each file of them, with each
  pseudo-count (`counts`: their true counts in the text of the model with the names), and in random
  free cells with the same calibration of their biases.

All sentences are read alone. `<unk>` without a spelling cannot be compared: it is the probability
of all unknown words together.

With --many, so many unknown words of the gazetteers are added, to measure the time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from benchmarks.row_purity import fields_of
from rescorer.models.lightrnn import LightRNN
from rescorer.models.running_text import perplexity
from rescorer.models.spelling import Spelling
from rescorer.rescoring.perplexity import score_text
from rescorer.training.corpus import read_sentences
from rescorer.training.new_words.add_words import add_words
from rescorer.training.new_words.calibrate import calibrate
from rescorer.training.new_words.contexts import sample_text
from rescorer.training.settings import NewWordSettings

_MEMORY = 1 << 30
COLUMNS = (
    Column("names", "the names"),
    Column("prior", "pseudo-count"),
    Column("names_perplexity", "perplexity of names", ",.0f"),
    Column("others_perplexity", "of all other words", ".2f"),
    Column("change", "of others, against without", "+.3%"),
    Column("perplexity", "of all", ".2f"),
    Column("seconds", "seconds to add", ".1f"),
)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Names:
    """The names, with their counts in the text of the model that was trained with them."""

    words: list[str]
    counts: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Names:
        fields = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        return cls([word for word, _ in fields], np.array([float(count) for _, count in fields]))

    def pseudo_counts(self, prior: str) -> np.ndarray:
        """[W] the same number for each name, or the true counts."""
        return self.counts if prior == "counts" else np.full(len(self.words), float(prior))


class HeldOut:
    """Text with names, and its perplexities; those of old words are compared with `base`."""

    def __init__(
        self, paths: Sequence[Path], names: Names, base: LightRNN, spelling: Spelling
    ) -> None:
        listed = set(names.words)
        self.sentences = list(read_sentences(paths))
        self.tokens = [word for sentence in self.sentences for word in (*sentence, "</s>")]
        self.is_name = np.array([word in listed for word in self.tokens])
        self.base = self._log_probs(base)
        spelled = {word: spelling.unknown_log_prob(word) for word in listed}
        self._spelled = np.array([spelled[word] if word in listed else 0.0 for word in self.tokens])

    def _log_probs(self, model: LightRNN) -> np.ndarray:
        return score_text(self.sentences, [model], context="sentence", memory=_MEMORY).log_probs[
            :, 0
        ]

    def rows_of_base(self) -> list[dict[str, Any]]:
        """The rows of the model without the names."""
        return [
            self._row("`<unk>`, not spelled out", self.base),
            self._row("`<unk>` and the piece model", self.base + self._spelled),
        ]

    def row(
        self, name: str, model: LightRNN, prior: str | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        return self._row(name, self._log_probs(model), prior, seconds)

    def _row(
        self,
        name: str,
        log_probs: np.ndarray,
        prior: str | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """By the keys of the columns."""
        others = perplexity(log_probs[~self.is_name])
        return {
            "names": name,
            "prior": prior,
            "names_perplexity": perplexity(log_probs[self.is_name]),
            "others_perplexity": others,
            "change": others / perplexity(self.base[~self.is_name]) - 1,
            "perplexity": perplexity(log_probs),
            "seconds": seconds,
        }


def timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def added(
    model: LightRNN, words: Sequence[str], counts: np.ndarray, examples: Path | None = None
) -> LightRNN:
    sentences = read_sentences([examples]) if examples else ()
    return add_words(model, words, counts, examples=sentences, settings=NewWordSettings())[0]


def in_random_cells(model: LightRNN, names: Names, counts: np.ndarray, seed: int) -> LightRNN:
    """The model with the names in random free cells of rows with words, calibrated as usual."""
    settings = NewWordSettings()
    free = model.table.words < 0  # [R, C]
    free_cells = np.flatnonzero(free & ~free.all(1, keepdims=True) & ~free.all(0))
    cells = np.random.default_rng(seed).choice(free_cells, len(names.words), replace=False)
    vocabulary = model.vocabulary.with_words(
        names.words, np.maximum(np.rint(counts), 1).astype(np.int64)
    )
    new = model.with_words(vocabulary, model.table.with_words(cells))
    targets = counts / (model.vocabulary.counts.sum() + counts.sum())
    text = sample_text(model, settings.text_words, settings.seed)
    calibrate(new, targets, text.state, draws=settings.row_contexts, seed=settings.seed)
    return new


def unknown_names(model: LightRNN, gazetteers: Path, count: int) -> list[str]:
    """So many names of one word that the model does not know."""
    lists = (fields_of(gazetteers, name) for name in ("places", "surnames", "first-names"))
    words = sorted(
        {
            fields[0].lower()
            for fields_of_list in lists
            for fields in fields_of_list
            if fields[0].isalpha() and fields[0].lower() not in model.vocabulary
        }
    )
    return random.Random(1).sample(words, count)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--without", type=Path, required=True)
    parser.add_argument(
        "--with", dest="every", type=Path, help="the model that had the names from the start"
    )
    parser.add_argument("--names", type=Path, required=True)
    parser.add_argument("--examples", type=Path, nargs="*", default=[])
    parser.add_argument("--priors", nargs="+", default=["1", "10", "100", "counts"])
    parser.add_argument("--random", type=int, default=1, help="draws of random cells")
    parser.add_argument(
        "--many",
        type=int,
        default=0,
        help="so many names of the gazetteers are added, for the time",
    )
    parser.add_argument("--gazetteers", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, names = LightRNN.load(arguments.without), Names.read(arguments.names)
    if known := model.knows(names.words).sum():
        parser.error(f"{arguments.without} knows {known} of the names")
    text = HeldOut(
        arguments.texts, names, model, model.spelling or Spelling.learn(model.vocabulary.words)
    )
    if not text.is_name.any():
        parser.error("the texts hold none of the names")
    measured = Measurement(
        __file__,
        arguments,
        "Names added without retraining: perplexity",
        "How well does a model predict names that were added to it?",
        COLUMNS,
        machine("cpu", "torch"),
    )
    if arguments.every:
        measured.add(**text.row("known from the start", LightRNN.load(arguments.every)))
    for row in text.rows_of_base():
        measured.add(**row)
    for prior in arguments.priors:
        counts = names.pseudo_counts(prior)
        for examples in (None, *arguments.examples):
            new, seconds = timed(partial(added, model, names.words, counts, examples))
            name = f"added, {examples.name}" if examples else "added, no examples"
            measured.add(**text.row(name, new, prior, seconds))
        for seed in range(arguments.random):
            measured.add(
                **text.row("random free cells", in_random_cells(model, names, counts, seed), prior)
            )
    measured.note(
        f"{len(names.words):,} names; of {len(text.tokens):,} words and sentence ends of held-out "
        f"text {text.is_name.sum():,} are names; {arguments.threads} threads."
    )
    if arguments.many and arguments.gazetteers:
        words = unknown_names(model, arguments.gazetteers, arguments.many)
        new, seconds = timed(lambda: added(model, words, np.ones(len(words))))
        measured.note(
            f"{len(words):,} names of the gazetteers, no examples: {seconds:.1f} s, table "
            f"{model.table.rows} × {model.table.columns} before, {new.table.rows} × "
            f"{new.table.columns} "
            "after."
        )
    measured.finish()


if __name__ == "__main__":
    main()
