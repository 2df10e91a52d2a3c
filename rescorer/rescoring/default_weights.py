"""Default weights: weights for lists and lattices without a development set.

They are cautious: the first pass decides unless there is evidence for a change. Let f be the
first-pass score of a hypothesis, and g its language-model score minus the average cost of its
words:

    total = f + lm_scale · g        g = log P(words </s>) − word_return · mean · words
    lm_scale = spread_ratio · trust · median_u σ_u(f) / median_u σ_u(g)

σ_u is the standard deviation over the best hypotheses of utterance u by f; mean, below 0, is log P
a word over all hypotheses. So lm_scale · g has a fixed share of the spread of f, whatever its unit.
Models that score whole sentences and the mixture of word models share lm_scale evenly.

trust falls from 1 to 0 with the logarithm of the perplexity on the first hypotheses, and with the
share of their words that the model does not know. f is the sum of the raw scores at their default
scales; if that does not give the order of the lists, f = −place.

The score of the recogniser's language model is sometimes known in natural logs. If it stands apart
(`first_lm`, Kaldi's `graph`), the new model takes half of its scale if it is no worse on the first
hypotheses. If there are acoustic scores alone, the new model counts in full.

Shapes: U utterances, H hypotheses of all of them, B the best ones of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rescorer.recognition.nbest import (
    ACOUSTIC,
    BIAS,
    FIRST_LM,
    GRAPH,
    RANK,
    REPLACED,
    SOUND,
    SPELLING,
    Hypothesis,
    NBest,
)
from rescorer.rescoring.weights import DEFAULT_SCALES, ScoredLists, TunedWeights, Weights

NAME_SCORES = (SOUND, SPELLING, REPLACED, BIAS)  # what expected names add
_FEW_NAMES = 100  # names of an utterance for which the scale of `bias` is meant
_NAME_WORD_PENALTY = -2.0  # a name may replace several words

# Scores that hold the first pass's language model: a separate one, or Kaldi's graph costs.
OLD_LM = (FIRST_LM, GRAPH)


@dataclass(frozen=True)
class DefaultSettings:
    """How careful untuned weights are.

    Attributes:
        spread_ratio: spread of the language model's part of a total to that of the first pass's.
        word_return: how much of a word's mean cost is given back. It is more than 1, because
            hypotheses that leave words out cost most errors.
        best: number of hypotheses of each list by which spreads and order are judged.
        familiar: perplexity on the first hypotheses up to which trust is full.
        foreign: perplexity from which trust is 0.
        known: share of unknown words up to which trust is full.
        unknown: share of unknown words from which trust is 0.
        ordered: share of the lists whose first hypothesis must have the best score.
        disordered: share of pairs in order up to which the order of the lists is ignored.
        handicap: nats a word by which the new model may be behind the old one.
        uniform: nats a word that no language model exceeds; a greater score has another unit.
    """

    spread_ratio: float = 0.15
    word_return: float = 1.2
    best: int = 5
    familiar: float = 400.0
    foreign: float = 1100.0
    known: float = 0.03
    unknown: float = 0.08
    ordered: float = 0.99
    disordered: float = 0.6
    handicap: float = 0.5
    uniform: float = 12.0


@dataclass(frozen=True, eq=False)
class DefaultWeights:
    """Untuned weights.

    Attributes:
        weights: the weights.
        reason: why these weights were chosen, in a line.
    """

    weights: Weights
    reason: str


@dataclass(frozen=True, eq=False)
class Untuned:
    """Lists with their default weights.

    Attributes:
        lists, scored: the lists; with the score `rank` if the order is the first pass.
        default: the weights.
    """

    lists: Sequence[NBest]
    scored: ScoredLists
    default: DefaultWeights


def untuned(
    lists: Sequence[NBest], scored: ScoredLists, settings: DefaultSettings | None = None
) -> Untuned:
    """Choose safe weights for n-best lists, whose hypotheses are those of `scored`."""
    default = untuned_weights(scored, settings)
    return Untuned(*with_rank_for(default.weights, lists, scored), default)


def untuned_weights(scored: ScoredLists, settings: DefaultSettings | None = None) -> DefaultWeights:
    """Choose safe weights for n-best lists. If their order is the first pass, the weights are for
    lists with the score `rank`: see `with_rank_for`.
    """
    settings = settings or DefaultSettings()
    first_pass = recogniser_weights(scored.score_names, scored.sentence_names)
    if _scores_give_order(scored, first_pass, settings):
        return choose_weights(scored, first_pass, settings)
    if RANK not in scored.score_names:
        scored = _with_rank(scored)
    scales = {name: float(name == RANK) for name in scored.score_names}
    first_pass = replace(first_pass, scales=scales)
    default = choose_weights(scored, first_pass, settings)
    reason = f"the scores do not give the order of the lists, so the order counts; {default.reason}"
    return replace(default, reason=reason)


def with_rank_for(
    weights: Weights, lists: Sequence[NBest], scored: ScoredLists
) -> tuple[Sequence[NBest], ScoredLists]:
    """The lists and their scores, with one more raw score if default weights need it: `rank`, minus
    the place in the list, from 0.
    """
    if RANK in scored.score_names or RANK not in weights.scales:
        return lists, scored
    ranked = [replace(nbest, hypotheses=tuple(_ranked(nbest.hypotheses))) for nbest in lists]
    return ranked, _with_rank(scored)


def recogniser_weights(score_names: Sequence[str], added: Sequence[str] = ()) -> Weights:
    """The default scales of the recogniser's scores; 0 for what rescoring adds.

    Args:
        added: names of scores that it adds, beside `bias`.
    """
    scales = Weights.default(score_names, ()).scales
    own = {name: 0.0 if name in (BIAS, *added) else scale for name, scale in scales.items()}
    return Weights(own, lm_scale=0.0)


def _scores_give_order(scored: ScoredLists, first_pass: Weights, settings: DefaultSettings) -> bool:
    """Whether the first pass's scores differ and give the order of the lists.

    The order of lists that look shuffled means nothing: then the scores count, too.
    """
    totals = scored.totals(first_pass)
    chosen = np.diff(scored.begins, append=len(totals)) > 1
    if not chosen.any():
        return True
    if not _median_spread(scored, totals, totals, settings.best):
        return False
    best = np.maximum.reduceat(totals, scored.begins)
    if (totals[scored.begins] == best)[chosen].mean() >= settings.ordered:
        return True
    return _pairs_in_order(scored, totals, settings.best) <= settings.disordered


def choose_weights(
    scored: ScoredLists, first_pass: Weights, settings: DefaultSettings | None = None
) -> DefaultWeights:
    """Choose the language models' weights beside the first pass's.

    Args:
        first_pass: the scales of the raw scores, 0 for what rescoring adds, and the word penalty.
    """
    settings = settings or DefaultSettings()
    bias = {BIAS: DEFAULT_SCALES[BIAS]} if BIAS in first_pass.scales else {}
    models = scored.model_names
    weights = replace(
        first_pass,
        scales={**first_pass.scales, **bias},
        lm_scale=0.0,
        mixture={name: 1 / len(models) for name in models},
    )
    if not models and not scored.sentence_names:
        return DefaultWeights(weights, "the first pass is kept: there is no language model")
    names = {name for name, scale in first_pass.scales.items() if scale}
    if names == {ACOUSTIC}:
        return DefaultWeights(
            _with_lm_scale(weights, scored, 1.0),
            "lm_scale 1: the scores are acoustic alone, so the language model counts in full",
        )
    fit = _Fit.of(scored, first_pass, weights)
    old = next((name for name in OLD_LM if name in names), None)
    if old and _no_worse(fit, scored, old, settings):
        share = first_pass.scales[old] / 2
        kept = replace(weights, scales={**weights.scales, old: share})
        return DefaultWeights(
            _with_lm_scale(kept, scored, share),
            f"lm_scale {share:.3g}: the recogniser's language model "
            f"({old}) and the new one share its scale",
        )
    return _cautious(scored, first_pass, weights, fit, settings)


def without_names(nbest: NBest) -> NBest:
    """The hypotheses of a list in which no name replaces anything, without the scores of names."""
    hypotheses = tuple(
        replace(
            each,
            scores={name: score for name, score in each.scores.items() if name not in NAME_SCORES},
        )
        for each in nbest.hypotheses
        if not each.scores[REPLACED]
    )
    return replace(nbest, hypotheses=hypotheses)


def name_scales(number: float) -> dict[str, float]:
    """Scales of what expected names add, for a language model's scale of 1.

    Args:
        number: names that are expected in an utterance. Each of many is less probable, so its bias
            is less; of very many, each replacement costs.
    """
    bias = 6.0 - max(0.0, math.log(max(number, 1.0) / _FEW_NAMES))
    return {SOUND: 0.75, SPELLING: 8.0, REPLACED: 3 * min(0.0, bias), BIAS: max(0.0, bias)}


def with_names(chosen: DefaultWeights, have_choice: bool, number: float) -> DefaultWeights:
    """The weights with scales of what expected names add.

    Args:
        number: names that are expected in an utterance.
        have_choice: whether there are lists of several hypotheses; without, the language model
            only decides between what was written and names.
    """
    lm_scale = chosen.weights.lm_scale if have_choice else 1.0
    scales = {name: (lm_scale or 1.0) * scale for name, scale in name_scales(number).items()}
    weights = replace(
        chosen.weights,
        scales={**chosen.weights.scales, **scales},
        lm_scale=lm_scale,
        word_penalty=chosen.weights.word_penalty + _NAME_WORD_PENALTY * lm_scale,
    )
    reason = chosen.reason if have_choice else "lm_scale 1: it decides between words and names"
    return DefaultWeights(weights, f"{reason}; names count by rule of thumb")


def guided_by_names(tuned: TunedWeights) -> TunedWeights:
    """The weights, with a first pass in which a candidate is as good as what was written.

    The first pass guides the pruning of lattices. It cannot judge a candidate, because the language
    model may outweigh all other scores of it.
    """
    scales = {
        name: 0.0 if name in NAME_SCORES else scale
        for name, scale in tuned.first_pass.scales.items()
    }
    return replace(tuned, first_pass=replace(tuned.first_pass, scales=scales))


@dataclass(frozen=True)
class _Fit:
    """How well the models fit the first hypotheses.

    Attributes:
        first: [U] the first hypotheses.
        nats: −log P a word, `</s>` counted.
        unknown: share of words that the models do not know.
    """

    first: np.ndarray
    nats: float
    unknown: float

    @classmethod
    def of(cls, scored: ScoredLists, first_pass: Weights, weights: Weights) -> _Fit:
        first = scored.best(scored.totals(first_pass))
        words = scored.lengths[first].sum()
        unknown = scored.sums[1].unknown[first].sum() / max(1, len(scored.model_names))
        nats = -_lm_scores(scored, weights)[first].sum() / (words + len(first))
        return cls(first, float(nats), float(unknown / max(1, words)))

    def trust(self, settings: DefaultSettings) -> float:
        """0 to 1."""
        logs = [math.log(settings.familiar), math.log(settings.foreign)]
        nats = np.interp(self.nats, logs, [1, 0])
        unknown = np.interp(self.unknown, [settings.known, settings.unknown], [1, 0])
        return float(min(nats, unknown))

    def describe(self) -> str:
        return (
            f"perplexity {math.exp(min(self.nats, 50)):,.0f} on the first hypotheses, "
            f"{100 * self.unknown:.1f} % of their words unknown"
        )


def _no_worse(fit: _Fit, scored: ScoredLists, old: str, settings: DefaultSettings) -> bool:
    """Whether the new model is nearly as good as the old one on the first hypotheses."""
    old_scores = scored.raw[fit.first, scored.score_names.index(old)]
    nats = -old_scores.sum() / (scored.lengths[fit.first] + 1).sum()
    return bool(fit.nats <= nats + settings.handicap and nats <= settings.uniform)


def _cautious(
    scored: ScoredLists, first_pass: Weights, weights: Weights, fit: _Fit, settings: DefaultSettings
) -> DefaultWeights:
    """A scale of the language model in proportion to the spreads."""
    totals, lm = scored.totals(first_pass), _lm_scores(scored, weights)
    returned = settings.word_return * float(lm.sum()) / max(1, scored.lengths.sum())
    spread, lm_spread = (
        _median_spread(scored, totals, values, settings.best)
        for values in (totals, lm - returned * scored.lengths)
    )
    trust = fit.trust(settings)
    if not trust:
        reason = f"the first pass is kept: the language model does not fit ({fit.describe()})"
        return DefaultWeights(weights, reason)
    if not spread or not lm_spread:
        return DefaultWeights(weights, "the first pass is kept: the lists offer no choice")
    scale = settings.spread_ratio * trust * spread / lm_spread
    penalty = first_pass.word_penalty + scale * returned
    reason = (
        f"lm_scale {scale:.3g}, a cautious choice: the language model's scores times lm_scale have "
        f"{settings.spread_ratio * trust:.2g} of the first pass's standard deviation "
        f"({fit.describe()})"
    )
    chosen = replace(weights, word_penalty=penalty)
    return DefaultWeights(_with_lm_scale(chosen, scored, scale), reason)


def _lm_scores(scored: ScoredLists, weights: Weights) -> np.ndarray:
    """[H] log P of each hypothesis, the mean of the word models' mixture and of each model that
    scores whole sentences.
    """
    parts = list(scored.sentence_scores().values())
    if scored.model_names:
        parts.append(scored.lm_scores(weights))
    return np.asarray(np.mean(parts, axis=0))


def _with_lm_scale(weights: Weights, scored: ScoredLists, scale: float) -> Weights:
    """The weights with a scale of `_lm_scores`."""
    share = scale / (bool(scored.model_names) + len(scored.sentence_names))
    scales = {**weights.scales, **dict.fromkeys(scored.sentence_names, share)}
    return replace(weights, lm_scale=share if scored.model_names else 0.0, scales=scales)


def _median_spread(scored: ScoredLists, totals: np.ndarray, values: np.ndarray, best: int) -> float:
    """The median, over the lists with a choice, of the standard deviation of values [H] over the
    best hypotheses by totals [H]; 0 without such a list."""
    order = np.lexsort((-totals, scored.owners))  # sorts within each list
    chosen = order[_places(scored) < best]  # [B]
    owners = scored.owners[chosen]
    begins = np.searchsorted(owners, np.arange(len(scored.begins)))
    counts = np.diff(begins, append=len(owners))
    centred = values[chosen] - (np.add.reduceat(values[chosen], begins) / counts)[owners]
    spreads = np.sqrt(np.add.reduceat(centred**2, begins) / counts)[counts > 1]
    return float(np.median(spreads)) if len(spreads) else 0.0


def _pairs_in_order(scored: ScoredLists, totals: np.ndarray, best: int) -> float:
    """Share of pairs among the first hypotheses of each list in which the earlier one is better.

    A tie counts half.
    """
    places, worse = _places(scored), []
    for later in range(1, best):
        pairs = np.flatnonzero((places >= later) & (places < best))
        worse.append((1 + np.sign(totals[pairs - later] - totals[pairs])) / 2)
    return float(np.concatenate(worse).mean())


def _places(scored: ScoredLists) -> np.ndarray:
    """[H] the place of each hypothesis in its list, from 0."""
    return np.asarray(np.arange(len(scored.lengths)) - scored.begins[scored.owners])


def _with_rank(scored: ScoredLists) -> ScoredLists:
    """The scores with one more raw score: minus the rank, from 0."""
    raw = np.column_stack([scored.raw, -_places(scored).astype(np.float64)])
    return replace(scored, score_names=(*scored.score_names, RANK), raw=raw)


def _ranked(hypotheses: Sequence[Hypothesis]) -> Iterator[Hypothesis]:
    for rank, hypothesis in enumerate(hypotheses):
        yield hypothesis.with_scores({RANK: float(-rank)})
