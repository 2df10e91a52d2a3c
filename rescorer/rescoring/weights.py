"""Weights: how the scores of a hypothesis are combined into its total.

    total = Σ_name scale[name] · raw[name] + lm_scale · log P(words) − word_penalty · words

where log P mixes the models word by word. The score of a model for a word is

    log P(word | history)                                                       a known word
    log P(word | history) − new_word_penalty                                    a word added later
    log P(word | history) − (1 − spelling_scale) · log P(word | unknown) − unknown_penalty
                                                                                an unknown word

Shapes: U utterances, H hypotheses of all of them, n nodes of the prefix tree, K models.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.mixture import KINDS, combine
from rescorer.recognition.nbest import ACOUSTIC, BIAS
from rescorer.rescoring.prefix_tree import PathScores
from rescorer.rescoring.word_kinds import WordKinds

# Kaldi's usual inverse acoustic weight is 10 to 12. sherpa-onnx adds 1.5 nats for each piece of a
# hot word, which has three or four pieces.
DEFAULT_SCALES = {ACOUSTIC: 0.1, BIAS: 5.0}
_SENTENCE_MODELS = "sentence_models"  # key of a file: their names, which first_pass lacks
_LARGEST = 1e30  # weight; raw scores may be in any unit


@dataclass(frozen=True)
class Weights:
    """Weights of one total, tuned on a development set and applied to any other.

    Attributes:
        scales: scale of each raw score by name, and of each model that scores whole sentences.
        lm_scale: factor of the natural-log probability of the words and `</s>`; 0: no language
            model.
        word_penalty: nats subtracted for each word (positive: fewer words; Kaldi's sign).
        unknown_penalty: nats subtracted from a model's log-probability of an unknown word. It is
            below 0 if `<unk>` is too improbable, because the training text has no unknown word.
        spelling_scale: share of log P(word | unknown) that counts. 1: all of it, as in a
            perplexity. 0: none, so that all unknown words cost the same, as in a closed vocabulary.
        mixture: weight of each model by name.
        mixture_kind: "linear" or "log-linear".
        new_word_penalty: nats subtracted from a model's log-probability of a word that was added
            after training. It is below 0 if such words are more frequent than their pseudo-counts.
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
        _check_numbers(self)
        if not 0 <= self.spelling_scale <= 1:
            raise ValueError(f"spelling_scale = {self.spelling_scale}: expected 0 to 1")
        if self.mixture_kind not in KINDS:
            raise ValueError(
                f"mixture_kind {self.mixture_kind!r}: expected one of {', '.join(KINDS)}"
            )
        if any(weight < 0 for weight in self.mixture.values()):
            raise ValueError("a mixture weight is below 0")
        if (
            self.mixture
            and self.mixture_kind == "linear"
            and abs(sum(self.mixture.values()) - 1) > 1e-6
        ):
            raise ValueError(
                f"the mixture weights sum to {sum(self.mixture.values()):.6g}, not to 1"
            )

    def mixed(self, log_probs: np.ndarray, kinds: WordKinds, models: Sequence[str]) -> np.ndarray:
        """[n] log P under the mixture.

        With a single model, or in a log-linear mixture, a word may be a whole sentence with summed
        scores.

        Args:
            log_probs: [n, K] log P of each word under each model.
            kinds: which words are unknown or new.
            models: names of the models.
        """
        mixture = torch.tensor([self.mixture[name] for name in models], dtype=torch.float64)
        counted = (
            log_probs
            - (1 - self.spelling_scale) * kinds.log_spellings
            - self.unknown_penalty * kinds.unknown
            - self.new_word_penalty * kinds.new
        )
        return np.asarray(combine(torch.from_numpy(counted), mixture, self.mixture_kind).numpy())

    def check_names(
        self, scores: Collection[str], models: Collection[str], utterance: str | None = None
    ) -> None:
        """Check that these weights are for these raw scores and models.

        Args:
            scores: names of the raw scores.
            models: names of the models.
            utterance: utterance that has these scores; None: all have them.

        Raises:
            InputError: a name has no weight, or a weight has no name.
        """
        where = "" if utterance is None else f"utterance {utterance!r}: "
        for what, have, want in (("score", scores, self.scales), ("model", models, self.mixture)):
            if set(have) != set(want):
                raise InputError(
                    f"{where}the {what}s here are {', '.join(have) or 'none'}, the weights are for "
                    f"{', '.join(want) or 'none'}",
                    remedy="give the files that the weights were tuned with, or tune new weights "
                    "with --tune",
                )

    def muted(self, models: Weights) -> Weights:
        """These weights, with a language-model scale of 0 and the mixture of other weights."""
        scales = {**dict.fromkeys(models.scales, 0.0), **self.scales}
        return replace(models, scales=scales, word_penalty=self.word_penalty, lm_scale=0.0)

    @classmethod
    def default(cls, score_names: Sequence[str], models: Sequence[str]) -> Weights:
        """Scales of 1 (acoustic: 0.1, bias: 5), equal mixture weights, and an lm_scale of 0.

        Spellings count in full. Without them every unknown word has the whole probability of
        `<unk>`, which only a tuned unknown penalty corrects. `rescorer.rescoring.default_weights`
        chooses the lm_scale for untuned use from the lists.
        """
        return cls(
            {name: DEFAULT_SCALES.get(name, 1.0) for name in score_names},
            lm_scale=0.0,
            mixture={name: 1 / len(models) for name in models},
        )


def _check_numbers(weights: Weights) -> None:
    """Raises ValueError for a weight that is not a number, or so large that a total may be
    infinite.
    """
    for name in ("scales", "mixture"):
        if not isinstance(getattr(weights, name), Mapping):
            raise ValueError(
                f"{name} {getattr(weights, name)!r:.80}: expected a number for each name"
            )
    scalars = ("lm_scale", "word_penalty", "unknown_penalty", "spelling_scale", "new_word_penalty")
    named: list[tuple[str, object]] = [*weights.scales.items(), *weights.mixture.items()]
    named += [(name, getattr(weights, name)) for name in scalars]
    for name, number in named:
        if not _is_weight(number):
            raise ValueError(
                f"{name} = {number!r:.40}: expected a finite number, at most {_LARGEST:g} large"
            )


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= _LARGEST  # false for NaN, too


@dataclass(frozen=True, eq=False)
class ScoredLists:
    """The scores that weights combine; they do not depend on the weights.

    Attributes:
        score_names: names of the raw scores, and of the models that score whole sentences.
        model_names: names of the K models that score words.
        raw: [H, names] these scores, natural logs.
        lengths: [H] number of words.
        begins: [U] index of each utterance's first hypothesis; every utterance has one.
        paths: scores of each node of the prefix tree, and the nodes of each hypothesis.
        sentence_names: names of the models that score whole sentences.
    """

    score_names: tuple[str, ...]
    model_names: tuple[str, ...]
    raw: np.ndarray
    lengths: np.ndarray
    begins: np.ndarray
    paths: PathScores
    sentence_names: tuple[str, ...] = ()

    def sentence_scores(self) -> dict[str, np.ndarray]:
        """[H] log P of each hypothesis under the models that score whole sentences, by name."""
        columns = dict(zip(self.score_names, self.raw.T, strict=True))
        return {name: columns[name] for name in self.sentence_names}

    def lm_scores(self, weights: Weights) -> np.ndarray:
        """[H] log P of the words of each hypothesis under the mixture."""
        self._check(weights)
        # The score of a sentence is linear in that of its words: sums over words suffice.
        if weights.mixture_kind == "log-linear" or len(self.model_names) == 1:
            return weights.mixed(*self.sums, self.model_names)
        nodes = weights.mixed(self.paths.log_probs, self.paths.kinds, self.model_names)
        return np.asarray(self.paths.paths @ nodes)

    @cached_property
    def sums(self) -> tuple[np.ndarray, WordKinds]:
        """[H, K] sums over the words of each hypothesis; tuning uses them thousands of times."""
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
        """[U] the best hypothesis of each utterance; the first of several."""
        top = np.flatnonzero(totals == np.maximum.reduceat(totals, self.begins)[self.owners])
        return np.asarray(top[np.searchsorted(self.owners[top], np.arange(len(self.begins)))])

    @cached_property
    def owners(self) -> np.ndarray:
        """[H] the utterance of each hypothesis."""
        return np.repeat(
            np.arange(len(self.begins)), np.diff(self.begins, append=len(self.lengths))
        )

    @classmethod
    def joined(cls, parts: Sequence[ScoredLists]) -> ScoredLists:
        """The scores of one or more parts of an input as those of one."""
        first, *others = parts
        if not others:
            return first
        sizes = np.cumsum([0, *(len(part.lengths) for part in parts)])
        return replace(
            first,
            raw=np.concatenate([part.raw for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
            begins=np.concatenate(
                [part.begins + size for part, size in zip(parts, sizes[:-1], strict=True)]
            ),
            paths=PathScores.beside([part.paths for part in parts]),
        )

    def without_models(self) -> ScoredLists:
        """These lists with the raw scores alone."""
        paths = self.paths
        empty = PathScores(paths.log_probs[:, :0], paths.kinds.without_models(), paths.paths)
        kept = [name not in self.sentence_names for name in self.score_names]
        return replace(
            self,
            score_names=tuple(itertools.compress(self.score_names, kept)),
            model_names=(),
            raw=self.raw[:, kept],
            paths=empty,
            sentence_names=(),
        )

    def _check(self, weights: Weights) -> None:
        # Weights without a language model fit any.
        models = self.model_names if weights.lm_scale else tuple(weights.mixture)
        weights.check_names(self.score_names, models)


@dataclass(frozen=True)
class TunedWeights:
    """The file of `rescore --tune`: the weights, and those of the first pass with a tuned word
    penalty.

    The second is the baseline of the report, because a gain without a language model is no gain of
    language modelling.

    Attributes:
        weights: weights with the language models.
        first_pass: weights of the raw scores alone, without those of sentence models.
        at_bounds: names of weights at the end of the search range; the file does not hold them.
    """

    weights: Weights
    first_pass: Weights
    at_bounds: tuple[str, ...] = field(default=(), compare=False)

    def save(self, path: str | Path) -> None:
        """Write the JSON file, whole or not at all."""
        content = {
            "weights": asdict(self.weights),
            "first_pass": asdict(self.first_pass),
            **({_SENTENCE_MODELS: self.sentence_names} if self.sentence_names else {}),
        }
        write_lines(path, [json.dumps(content, indent=2)])

    @property
    def sentence_names(self) -> tuple[str, ...]:
        """The names of the models that score whole sentences."""
        return tuple(name for name in self.weights.scales if name not in self.first_pass.scales)

    def without_sentence_models(self) -> TunedWeights:
        """The weights of all other scores, such as those that the arcs of a lattice have."""
        scales = {name: self.weights.scales[name] for name in self.first_pass.scales}
        return replace(self, weights=replace(self.weights, scales=scales))

    @classmethod
    def load(cls, path: str | Path) -> TunedWeights:
        """Read what `save` wrote.

        Raises:
            InputError: not such a file.
        """
        remedy = "make it with `rescore --tune`"
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
            return cls._from_json(
                json.loads(text, object_pairs_hook=_without_doubles, parse_int=float)
            )
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}", remedy="check the path", file=path
            ) from None
        except json.JSONDecodeError as error:
            raise InputError(
                f"no JSON: {error.msg}",
                expected="a weights file",
                remedy=remedy,
                file=path,
                line=error.lineno,
            ) from None
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
            cause = error if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
            raise InputError(
                f"no weights: {cause}", expected="a weights file", remedy=remedy, file=path
            ) from None

    @classmethod
    def _from_json(cls, content: object) -> TunedWeights:
        """Raises ValueError, TypeError: no weights, or two parts for different scores."""
        weights, first_pass = _part(content, "weights"), _part(content, "first_pass")
        added = set(content.get(_SENTENCE_MODELS, ())) if isinstance(content, dict) else set()
        if set(weights.scales) != set(first_pass.scales) | added or added & set(first_pass.scales):
            raise ValueError(
                f"scales of {', '.join(weights.scales) or 'none'} in weights, of "
                f"{', '.join(first_pass.scales) or 'none'} in first_pass"
            )
        if any(part.lm_scale and not part.mixture for part in (weights, first_pass)):
            raise ValueError("an lm_scale, and no model in the mixture")
        return cls(weights, first_pass)


def _part(content: object, name: str) -> Weights:
    part = content.get(name) if isinstance(content, dict) else None
    if not isinstance(part, dict):
        raise ValueError(f"no {name} in it")
    return Weights(**part)


def _without_doubles(items: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object. Raises ValueError for a name that occurs twice."""
    found = dict(items)
    if len(found) < len(items):
        raise ValueError("a name comes twice")
    return found
