"""Rescore n-best lists: score, weight, rank, tune, measure.

Shapes: U utterances, H hypotheses of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.models.sentence_model import SentenceModel
from rescorer.progress import Progress, silent
from rescorer.recognition.nbest import FIRST_PASS, TOTAL, Hypothesis, NBest
from rescorer.recognition.normalisers import AS_WRITTEN, Normaliser
from rescorer.reports.error_rate import Words, errors
from rescorer.reports.report import (
    FIRST_PASS_ROW,
    ORACLE_ROW,
    RESCORED_ROW,
    TUNED_FIRST_PASS_ROW,
    Report,
)
from rescorer.reports.run_details import WeightCurve
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.default_weights import untuned
from rescorer.rescoring.prefix_tree import SentenceScorer
from rescorer.rescoring.tuning import TuningSettings, tune
from rescorer.rescoring.weight_curves import weight_curves
from rescorer.rescoring.weights import ScoredLists, TunedWeights, Weights

LM_SCORE = "lm"  # the mixture's log-probability of the words
MEMORY = 1 << 30  # bytes for the histories of one level


def score_lists(
    lists: Sequence[NBest],
    models: Sequence[LanguageModel],
    memory: int = MEMORY,
    executor: Executor = serial_executor,
    progress: Progress = silent,
    sentence_models: Sequence[SentenceModel] = (),
) -> ScoredLists:
    """Score lists with the models, once whatever the weights.

    Args:
        memory: bytes for the histories of one level.
        executor: runs the models, in this process or on a cluster.
        progress: gets the number of scored hypotheses.
        sentence_models: models that score whole sentences.

    Raises:
        InputError: as `scored_lists`.
    """
    scorer = SentenceScorer(models, memory, executor, progress, sentence_models)
    return scored_lists(lists, scorer)


def scored_lists(lists: Sequence[NBest], scorer: SentenceScorer) -> ScoredLists:
    """Score lists with a scorer that may hold scores of some of the sentences.

    Raises:
        InputError: as `raw_scores`, or a score has a name that rescoring adds.
    """
    raw = raw_scores(lists)
    names = lists[0].score_names
    check_score_names(names, scorer.names)
    sentences = [hypothesis.words for nbest in lists for hypothesis in nbest.hypotheses]
    counts = np.array([len(nbest.hypotheses) for nbest in lists])
    sentence_names = tuple(model.name for model in scorer.sentence_models)
    return ScoredLists(
        (*names, *sentence_names),
        tuple(model.name for model in scorer.models),
        np.hstack([raw, scorer.score_whole(sentences)]),
        np.array([len(words) for words in sentences]),
        np.cumsum(counts) - counts,
        scorer.score(sentences),
        sentence_names,
    )


def raw_scores(lists: Sequence[NBest]) -> np.ndarray:
    """[H, names] the raw scores of all hypotheses.

    Raises:
        InputError: there is no list, a list has no hypotheses, or hypotheses have different
            scores or infinite scores.
    """
    if not lists:
        raise InputError("no n-best list", expected="at least one utterance")
    for nbest in lists:
        if not nbest.hypotheses:
            raise InputError(
                f"utterance {nbest.utterance!r} has no hypotheses", expected="at least one"
            )
    hypotheses = [hypothesis for nbest in lists for hypothesis in nbest.hypotheses]
    names = lists[0].score_names
    try:
        raw = np.array(
            [[hypothesis.scores[name] for name in names] for hypothesis in hypotheses],
            dtype=np.float64,
        )
    except KeyError as error:
        raise InputError(
            f"a hypothesis has no score {error}", expected="the same scores for all hypotheses"
        ) from None
    if not np.isfinite(raw).all():
        raise InputError("a hypothesis has a score that is not finite", expected="finite numbers")
    return raw.reshape(len(hypotheses), len(names))


def check_score_names(
    names: Collection[str], models: Collection[str], utterance: str | None = None
) -> None:
    """Check that no raw score has the name of a score that rescoring adds.

    Args:
        names: names of the raw scores.
        models: names of the models.
        utterance: utterance that has these scores; None: all have them.

    Raises:
        InputError: some have; the message names them.
    """
    if taken := {*models, LM_SCORE, TOTAL} & set(names):
        owner = (
            "the lists already have"
            if utterance is None
            else f"utterance {utterance!r} already has"
        )
        raise InputError(
            f"{owner} the scores {', '.join(sorted(taken))}",
            expected="names that rescoring does not use",
            remedy="rescore the recogniser's own output, or rename those scores",
        )


def rerank(lists: Sequence[NBest], scored: ScoredLists, weights: Weights) -> list[NBest]:
    """Sort lists, best hypothesis first, and add the scores of each model, the mixture and the
    total.
    """
    totals = scored.totals(weights)
    columns = {
        name: scored.paths.paths @ scored.paths.log_probs[:, k]
        for k, name in enumerate(scored.model_names)
    }
    added = {
        **columns,
        **scored.sentence_scores(),
        **({LM_SCORE: scored.lm_scores(weights)} if weights.lm_scale else {}),
        TOTAL: totals,
    }
    result = []
    for nbest, begin in zip(lists, scored.begins, strict=True):
        order = begin + np.argsort(-totals[begin : begin + len(nbest.hypotheses)], kind="stable")
        ranked = tuple(
            nbest.hypotheses[index - begin].with_scores(
                {name: float(column[index]) for name, column in added.items()}
            )
            for index in order
        )
        result.append(NBest(nbest.utterance, ranked, nbest.reference))
    return result


def rescore(
    hypotheses: Sequence[NBest] | Mapping[str, Sequence[tuple[str, float]]],
    lm: LanguageModel | Sequence[LanguageModel],
    weights: Weights | None = None,
    memory: int = MEMORY,
) -> list[NBest]:
    """Rescore n-best lists with one or several language models.

    Args:
        hypotheses: lists, or for each utterance its (text, natural-log score) pairs.
        lm: a model, or models that are mixed word by word. Models from `open_vocabulary`
            distinguish unknown words by their spelling, as the command does.
        weights: weights tuned on a development set; None: weights that `untuned` chooses for all
            these lists together.
        memory: bytes for the histories of one level; totals depend on it by float32 rounding, 1e-6
            nats.

    Returns:
        The lists, best hypothesis first, with the new scores beside the old ones.
    """
    lists = as_lists(hypotheses)
    models = [lm] if isinstance(lm, LanguageModel) else list(lm)
    if not models:
        raise InputError("no language model", expected="at least one")
    scored = score_lists(lists, models, memory)
    if weights is not None:
        return rerank(lists, scored, weights)
    chosen = untuned(lists, scored)
    return rerank(chosen.lists, chosen.scored, chosen.default.weights)


def as_lists(
    hypotheses: Sequence[NBest] | Mapping[str, Sequence[tuple[str, float]]],
) -> list[NBest]:
    """The lists, or those of the (text, natural-log score) pairs of each utterance."""
    if not isinstance(hypotheses, Mapping):
        return list(hypotheses)
    lists = []
    for utterance, pairs in hypotheses.items():
        numbered = enumerate(pairs, start=1)
        listed = tuple(
            Hypothesis(str(rank), tuple(text.split()), {FIRST_PASS: score})
            for rank, (text, score) in numbered
        )
        lists.append(NBest(utterance, listed))
    return lists


def tune_lists(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    scored: ScoredLists,
    settings: TuningSettings | None = None,
    *,
    kind: str = "linear",
    progress: Progress = silent,
    stage: str = "tuning",
    normaliser: Normaliser = AS_WRITTEN,
) -> TunedWeights:
    """Find the weights with the fewest word errors on these lists, with the models and for the
    first pass alone.

    If the models gain nothing over the first pass here, their scale is 0, and the first pass stays
    unchanged.

    Args:
        kind: kind of the mixture, "linear" or "log-linear".
        progress: gets every generation of both searches, under names that begin with `stage`.
        normaliser: brings words into one style before errors are counted.
    """
    wrong = hypothesis_errors(lists, references, normaliser)
    alone = scored.without_models()
    settings = settings or TuningSettings()
    penalty = tune(alone, wrong, settings, progress=progress, stage=f"{stage}, first pass")
    first_pass = _best_of(alone, wrong, [Weights.default(alone.score_names, ()), penalty.weights])
    tuned = tune(
        scored, wrong, settings, kind=kind, progress=progress, stage=f"{stage}, with the models"
    )
    best = _best_of(scored, wrong, [first_pass.muted(tuned.weights), tuned.weights])
    return TunedWeights(best, first_pass, tuned.at_bounds if best is tuned.weights else ())


def tuning_curves(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    scored: ScoredLists,
    weights: Weights,
    normaliser: Normaliser = AS_WRITTEN,
) -> tuple[WeightCurve, ...]:
    """The word error rate against each weight that was tuned on these lists."""
    wrong = hypothesis_errors(lists, references, normaliser)
    words = sum(len(normaliser(references[nbest.utterance])) for nbest in lists)
    return weight_curves(scored, wrong, words, weights)


def _best_of(scored: ScoredLists, wrong: np.ndarray, choices: Sequence[Weights]) -> Weights:
    """The weights with the fewest errors; the first of several."""

    def errors_with(weights: Weights) -> int:
        return int(wrong[scored.best(scored.totals(weights))].sum())

    return min(choices, key=errors_with)


def hypothesis_errors(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    normaliser: Normaliser = AS_WRITTEN,
) -> np.ndarray:
    """[H] the word errors of each hypothesis, with all words in one style."""
    found: list[int] = []
    for nbest in lists:
        reference = normaliser(references[nbest.utterance])
        found += (errors(reference, normaliser(each.words)) for each in nbest.hypotheses)
    return np.array(found)


def report(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    scored: ScoredLists,
    tuned: TunedWeights | None,
    weights: Weights,
    listed: Collection[str] = (),
    normaliser: Normaliser = AS_WRITTEN,
) -> Report:
    """Measure the first pass, the oracle and the result; with tuned weights also the first pass
    with its tuned word penalty.

    Args:
        tuned: weights as tuned or loaded; None: there are none.
        weights: the weights that rank the result.
        listed: words whose errors are reported apart.
        normaliser: brings words into one style before errors are counted.
    """
    words = report_rows(lists, references, scored, tuned, weights, normaliser)
    ordered = {nbest.utterance: references[nbest.utterance] for nbest in lists}
    return Report.of(ordered, words, report_peer(tuned), RESCORED_ROW, listed, normaliser)


def report_peer(tuned: TunedWeights | None) -> str:
    """The row that the result is compared with."""
    return FIRST_PASS_ROW if tuned is None else TUNED_FIRST_PASS_ROW


def report_rows(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    scored: ScoredLists,
    tuned: TunedWeights | None,
    weights: Weights,
    normaliser: Normaliser = AS_WRITTEN,
) -> dict[str, list[Words]]:
    """The words of each utterance by the row of the report. Arguments as `report` has them."""
    wrong = hypothesis_errors(lists, references, normaliser)
    chosen = {FIRST_PASS_ROW: scored.begins}
    if tuned is not None:
        alone = scored.without_models()
        chosen[TUNED_FIRST_PASS_ROW] = alone.best(alone.totals(tuned.first_pass))
    chosen[ORACLE_ROW] = scored.best(-wrong.astype(np.float64))
    chosen[RESCORED_ROW] = scored.best(scored.totals(weights))
    flat = [hypothesis.words for nbest in lists for hypothesis in nbest.hypotheses]
    return {name: [flat[index] for index in indices] for name, indices in chosen.items()}
