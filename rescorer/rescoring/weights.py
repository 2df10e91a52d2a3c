"""How the scores of a hypothesis are put together, and how that is learnt from a development set.

    total = Σ_name scale[name] · raw[name] + lm_scale · log P(words) − word_penalty · words

where log P is the mixture's, word by word, of what each model says of a word:

    log P(word | history) − (1 − spelling_scale) · log P(word | unknown) − unknown_penalty

the last two for a word that the model does not know; − new_word_penalty for one that it was given later.

Shapes: U utterances, H hypotheses of all of them, n nodes of the history tree, K models.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import differential_evolution

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.mixture import KINDS, combine
from rescorer.recognition.nbest import ACOUSTIC, BIAS
from rescorer.rescoring.history_tree import PathScores
from rescorer.rescoring.word_kinds import WordKinds

# Kaldi's usual inverse acoustic weight is 10 to 12. Hot words of sherpa-onnx have 1.5 nats for each of their pieces,
# three or four a word.
DEFAULT_SCALES = {ACOUSTIC: 0.1, BIAS: 5.0}
# A word that is spelled out has tens of nats less than one that is known, though no speaker finds it harder.
_PENALTIES = (-40.0, 12.0)


@dataclass(frozen=True)
class Weights:
    """One small JSON file, made on a development set and applied to any other.

    Attributes:
        scales: of each named raw score.
        lm_scale: multiplies the natural-log probability of the words, `</s>` included; 0: no language model.
        word_penalty: nats taken off for each word (positive: fewer words; Kaldi's sign).
        unknown_penalty: nats taken off a model's log-probability of a word that it does not know; below 0 where the
            training text, having no unknown word itself, left `<unk>` too little.
        spelling_scale: how much of log P(word | unknown) counts. 1: all of it, as in a perplexity. 0: nothing, so that
            all unknown words cost alike, as in a closed vocabulary.
        mixture: the weight of each model by name.
        mixture_kind: "linear" or "log-linear".
        new_word_penalty: nats taken off a model's log-probability of a word that it was given after its training; below
            0 where such words are more frequent than their pseudo-counts say.
    """

    scales: Mapping[str, float]
    lm_scale: float = 0.5
    word_penalty: float = 0.0
    unknown_penalty: float = 0.0
    spelling_scale: float = 1.0
    mixture: Mapping[str, float] = field(default_factory=dict)
    mixture_kind: str = "linear"
    new_word_penalty: float = 0.0

    def __post_init__(self) -> None:
        numbers = [*self.scales.values(), *self.mixture.values(), self.lm_scale, self.word_penalty,
                   self.unknown_penalty, self.new_word_penalty, self.spelling_scale]
        if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
            raise ValueError("every weight must be a finite number")
        if not 0 <= self.spelling_scale <= 1:
            raise ValueError(f"spelling_scale = {self.spelling_scale}: expected 0 to 1")
        if self.mixture_kind not in KINDS:
            raise ValueError(f"mixture_kind {self.mixture_kind!r}: expected one of {', '.join(KINDS)}")
        if any(weight < 0 for weight in self.mixture.values()):
            raise ValueError("a mixture weight is below 0")
        if self.mixture and self.mixture_kind == "linear" and abs(sum(self.mixture.values()) - 1) > 1e-6:
            raise ValueError(f"the mixture weights sum to {sum(self.mixture.values()):.6g}, not to 1")

    def mixed(self, log_probs: np.ndarray, kinds: WordKinds, models: Sequence[str]) -> np.ndarray:
        """[n] log P under the mixture, from what each model says of words [n, K], and of which kinds they are.

        Of a single model, or in a log-linear mixture, words may be whole sentences, of which all that is summed.
        """
        mixture = torch.tensor([self.mixture[name] for name in models], dtype=torch.float64)
        counted = (log_probs - (1 - self.spelling_scale) * kinds.log_spellings
                   - self.unknown_penalty * kinds.unknown - self.new_word_penalty * kinds.new)
        return np.asarray(combine(torch.from_numpy(counted), mixture, self.mixture_kind).numpy())

    def muted(self, models: Weights) -> Weights:
        """These weights of the raw scores, with models that count for nothing."""
        return replace(models, scales=self.scales, word_penalty=self.word_penalty, lm_scale=0.0)

    @classmethod
    def default(cls, score_names: Sequence[str], models: Sequence[str]) -> Weights:
        """Raw scores as they are (acoustic: 0.1, bias: 5), models alike and without effect.

        Spellings count in full: without them every unknown word has all of `<unk>`'s probability,
        which only a tuned unknown penalty makes up for. What is used untuned depends on the lists:
        `rescorer.rescoring.default_weights`.
        """
        return cls({name: DEFAULT_SCALES.get(name, 1.0) for name in score_names}, lm_scale=0.0,
                   mixture={name: 1 / len(models) for name in models})


@dataclass(frozen=True, eq=False)
class ScoredLists:
    """Everything that weights are applied to; computed once, whatever the weights.

    Attributes:
        score_names: of the raw scores.
        model_names: of the K models.
        raw: [H, names] natural logs.
        lengths: [H] words.
        begins: [U] the first hypothesis of each utterance; none is without.
        paths: what each model says of every node, and which nodes make each hypothesis.
    """

    score_names: tuple[str, ...]
    model_names: tuple[str, ...]
    raw: np.ndarray
    lengths: np.ndarray
    begins: np.ndarray
    paths: PathScores

    def lm_scores(self, weights: Weights) -> np.ndarray:
        """[H] log P of the words of each hypothesis under the mixture."""
        self._check(weights)
        if weights.mixture_kind == "log-linear" or len(self.model_names) == 1:  # then a sum over words, part by part
            return weights.mixed(*self.sums, self.model_names)
        nodes = weights.mixed(self.paths.log_probs, self.paths.kinds, self.model_names)
        return np.asarray(self.paths.paths @ nodes)

    @cached_property
    def sums(self) -> tuple[np.ndarray, WordKinds]:
        """[H, K] what each model says of all words of each hypothesis: tuning asks for it thousands of times."""
        return self.paths.paths @ self.paths.log_probs, self.paths.kinds.along(self.paths.paths)

    def totals(self, weights: Weights) -> np.ndarray:
        """[H] the total score of each hypothesis."""
        self._check(weights)
        scales = np.array([weights.scales[name] for name in self.score_names])
        totals = self.raw @ scales - weights.word_penalty * self.lengths
        if weights.lm_scale:
            totals = totals + weights.lm_scale * self.lm_scores(weights)
        return np.asarray(totals)

    def best(self, totals: np.ndarray) -> np.ndarray:
        """[U] the best hypothesis of each utterance; of equal ones the first."""
        top = np.flatnonzero(totals == np.maximum.reduceat(totals, self.begins)[self.owners])
        return np.asarray(top[np.searchsorted(self.owners[top], np.arange(len(self.begins)))])

    @cached_property
    def owners(self) -> np.ndarray:
        """[H] the utterance of each hypothesis."""
        return np.repeat(np.arange(len(self.begins)), np.diff(self.begins, append=len(self.lengths)))

    def without_models(self) -> ScoredLists:
        """The same with the raw scores alone."""
        paths = self.paths
        empty = PathScores(paths.log_probs[:, :0], paths.kinds.without_models(), paths.paths)
        return replace(self, model_names=(), paths=empty)

    def _check(self, weights: Weights) -> None:
        pairs = (("score", self.score_names, weights.scales), ("model", self.model_names, weights.mixture))
        for what, have, want in pairs:
            if set(have) != set(want) and (what == "score" or weights.lm_scale):
                raise InputError(f"the {what}s here are {', '.join(have) or 'none'}, the weights are for "
                                 f"{', '.join(want) or 'none'}",
                                 remedy="give the files that the weights were tuned with, or tune new ones with --tune")


@dataclass(frozen=True)
class TuningSettings:
    """The global search (differential evolution, scipy).

    Attributes:
        rounds: generations at most.
        population: candidates a weight in each.
        seed: of the search.
    """

    rounds: int = 80
    population: int = 20
    seed: int = 1


def tune(lists: ScoredLists, errors: np.ndarray, settings: TuningSettings, *,
         kind: str = "linear") -> Weights:
    """The weights with the fewest word errors on a development set.

    Only ratios of scales matter: the first raw score keeps its default scale. Half of what is minimised is the errors
    of the best hypotheses, half the expected errors under softmax of the totals, which is smooth and breaks ties.

    Args:
        errors: [H] word errors of each hypothesis against its reference.
        kind: of the mixture.
    """
    bounds = _bounds(lists)

    def loss(vector: np.ndarray) -> float:
        return _loss(lists, errors, _weights_of(vector, lists, kind))

    with _one_thread():
        found = differential_evolution(loss, bounds, maxiter=settings.rounds, popsize=settings.population,
                                       rng=settings.seed, polish=False, tol=1e-4)
    return _weights_of(found.x, lists, kind)


@contextmanager
def _one_thread() -> Iterator[None]:
    """On arrays this small a second thread costs more than it brings: ten times more beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _bounds(lists: ScoredLists) -> list[tuple[float, float]]:
    """The ranges of: raw scales but the first, word penalty; LM scale, unknown penalty, spelling scale, mixture, and
    the penalty of new words, where some come."""
    bounds = [(0.0, 3.0 * scale) if tells else (scale, scale)
              for scale, tells in zip(_default_scales(lists)[1:], _telling(lists)[1:], strict=True)] + [(-8.0, 8.0)]
    if lists.model_names:
        bounds += [(0.0, 3.0), _PENALTIES if lists.paths.kinds.unknown.any() else (0.0, 0.0)]
        bounds += [(0.0, 1.0) if lists.paths.kinds.log_spellings.any() else (1.0, 1.0)]
        bounds += [(0.0, 1.0)] * (len(lists.model_names) - 1)
        bounds += [_PENALTIES] if lists.paths.kinds.new.any() else []
    return bounds


def _telling(lists: ScoredLists) -> list[bool]:
    """Which raw scores tell hypotheses of an utterance apart: `bias` does not where no expected word comes.

    Any scale of the others has as few errors here, though not elsewhere.
    """
    most, least = (bound.reduceat(lists.raw, lists.begins) for bound in (np.maximum, np.minimum))  # [U, names]
    return [bool((most[:, name] > least[:, name]).any()) for name in range(len(lists.score_names))]


def _default_scales(lists: ScoredLists) -> list[float]:
    return list(Weights.default(lists.score_names, ()).scales.values())


def _weights_of(vector: np.ndarray, lists: ScoredLists, kind: str) -> Weights:
    """What a point of the search stands for."""
    values = iter(vector.tolist())
    defaults = _default_scales(lists)
    scales = dict(zip(lists.score_names, [*defaults[:1], *(next(values) for _ in defaults[1:])], strict=True))
    penalty = next(values)
    if not lists.model_names:
        return Weights(scales, lm_scale=0.0, word_penalty=penalty)
    lm_scale, unknown_penalty, spelling_scale = (next(values) for _ in range(3))
    mixture = _mixture(lists.model_names, [next(values) for _ in lists.model_names[1:]])
    return Weights(scales, lm_scale, penalty, unknown_penalty, spelling_scale, mixture, kind, next(values, 0.0))


def _mixture(names: Sequence[str], cuts: Sequence[float]) -> dict[str, float]:
    """Weights that sum to 1: each model but the last takes its share of what those before it left."""
    left, mixture = 1.0, {}
    for name, cut in zip(names, [*cuts, 1.0], strict=True):
        mixture[name] = left * cut
        left -= mixture[name]
    return mixture


def _loss(lists: ScoredLists, errors: np.ndarray, weights: Weights) -> float:
    totals = lists.totals(weights)
    owners = lists.owners
    top = np.maximum.reduceat(totals, lists.begins)
    shares = np.exp(totals - top[owners])
    expected = np.add.reduceat(shares * errors, lists.begins) / np.add.reduceat(shares, lists.begins)
    return float(errors[lists.best(totals)].sum() + expected.sum()) / 2


@dataclass(frozen=True)
class TunedWeights:
    """What `rescore --tune` writes: the weights, and those of the first pass alone with its own word penalty.

    The second is the fair peer: what it gains without a language model is no gain of language modelling.
    """

    weights: Weights
    first_pass: Weights

    def save(self, path: str | Path) -> None:
        """Write the JSON file, whole or not at all."""
        write_lines(path, [json.dumps(asdict(self), indent=2)])

    @classmethod
    def load(cls, path: str | Path) -> TunedWeights:
        """Read what `save` wrote.

        Raises:
            InputError: not such a file.
        """
        remedy = "make it with `rescore --tune`"
        try:
            text = Path(path).read_text(encoding="utf-8")
            content: Any = json.loads(text)
            return cls(Weights(**content["weights"]), Weights(**content["first_pass"]))
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", remedy="check the path", file=path) from None
        except json.JSONDecodeError as error:
            raise InputError(f"no JSON: {error.msg}", expected="a weights file", remedy=remedy, file=path,
                             line=error.lineno) from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise InputError(f"no weights: {type(error).__name__} {error}", expected="a weights file", remedy=remedy,
                             file=path) from None
