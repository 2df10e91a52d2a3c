"""N-best lists rescored: the verb on NBest, and the report of what it did.

Shapes: U utterances, H hypotheses of all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rescorer.errors import InputError
from rescorer.files import write_lines
from rescorer.models.language_model import LanguageModel
from rescorer.progress import Progress, silent
from rescorer.recognition.nbest import FIRST_PASS, RANK, TOTAL, Hypothesis, NBest
from rescorer.reports.error_rate import (
    ErrorRate,
    Words,
    error_rate,
    error_rates_by_list,
    errors,
    improvement_probability,
)
from rescorer.rescoring.bias import biased_lists
from rescorer.rescoring.cluster import Executor, serial_executor
from rescorer.rescoring.default_weights import untuned
from rescorer.rescoring.prefix_tree import SentenceScorer
from rescorer.rescoring.tuning import TuningSettings, tune
from rescorer.rescoring.weights import ScoredLists, TunedWeights, Weights

LM_SCORE = "lm"  # the mixture's log-probability of the words
TUNED_PENALTY = "first pass, tuned word penalty"  # the row that a result is held against
Verdict = Literal["better", "no difference shown", "worse"]
_CONFIDENCE = 0.95
MEMORY = 1 << 30  # bytes, for the histories of one level


def score_lists(
    lists: Sequence[NBest],
    models: Sequence[LanguageModel],
    memory: int = MEMORY,
    executor: Executor = serial_executor,
) -> ScoredLists:
    """Everything that weights need to know of the lists; the models are asked once, by those whom
    `executor` asks.

    Raises: as `scored_lists`.
    """
    return scored_lists(lists, SentenceScorer(models, memory, executor))


def scored_lists(lists: Sequence[NBest], scorer: SentenceScorer) -> ScoredLists:
    """The same, with models that may know some of the sentences already.

    Raises:
        InputError: no list, a list without hypotheses, or hypotheses with different scores,
            infinite ones, or ones that have the names of scores that rescoring adds.
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
    check_score_names(names, [model.name for model in scorer.models])
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
    counts = np.array([len(nbest.hypotheses) for nbest in lists])
    return ScoredLists(
        names,
        tuple(model.name for model in scorer.models),
        raw.reshape(len(hypotheses), len(names)),
        np.array([len(hypothesis.words) for hypothesis in hypotheses]),
        np.cumsum(counts) - counts,
        scorer.score([hypothesis.words for hypothesis in hypotheses]),
    )


def check_score_names(
    names: Collection[str], models: Collection[str], utterance: str | None = None
) -> None:
    """Raw scores must not have the names of scores that rescoring adds.

    Args:
        names: of the raw scores.
        models: names of the models.
        utterance: whose scores they are, where not all have the same.

    Raises:
        InputError: naming those that have.
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
    """The lists, best hypothesis first, with named scores added: each model's, the mixture's and
    the total.
    """
    totals = scored.totals(weights)
    columns = {
        name: scored.paths.paths @ scored.paths.log_probs[:, k]
        for k, name in enumerate(scored.model_names)
    }
    added = {
        **columns,
        **({LM_SCORE: scored.lm_scores(weights)} if weights.lm_scale else {}),
        TOTAL: totals,
    }
    result = []
    for nbest, begin in zip(lists, scored.begins, strict=True):
        place = begin + np.argsort(-totals[begin : begin + len(nbest.hypotheses)], kind="stable")
        ranked = tuple(
            nbest.hypotheses[index - begin].with_scores(
                {name: float(column[index]) for name, column in added.items()}
            )
            for index in place
        )
        result.append(NBest(nbest.utterance, ranked, nbest.reference))
    return result


def rescore(
    hypotheses: Sequence[NBest] | Mapping[str, Sequence[tuple[str, float]]],
    lm: LanguageModel | Sequence[LanguageModel],
    weights: Weights | None = None,
    memory: int = MEMORY,
    bias: Collection[str] = (),
) -> list[NBest]:
    """Rescore n-best lists with one or several language models.

    Args:
        hypotheses: lists, or for each utterance its (text, natural-log score) pairs.
        lm: a model, or models that are mixed word by word; what `open_vocabulary` makes of them
            tells unknown words apart, as the command does.
        weights: as tuned on a development set; None: those that `untuned` finds safe for all these
            lists together.
        memory: bytes that the histories of one level may take; totals depend on it by float32's
            rounding, 1e-6 nats.
        bias: words that are expected, as the hypotheses write them; each is worth the scale of the
            score `bias`.

    Returns:
        The lists with the best hypothesis first and the new scores beside the old.
    """
    lists = _lists(hypotheses) if isinstance(hypotheses, Mapping) else list(hypotheses)
    models = [lm] if isinstance(lm, LanguageModel) else list(lm)
    if not models:
        raise InputError("no language model", expected="at least one")
    if bias:
        lists = biased_lists(lists, bias)
    scored = score_lists(lists, models, memory)
    if weights is not None:
        return rerank(lists, scored, weights)
    chosen = untuned(lists, scored)
    return rerank(chosen.lists, chosen.scored, chosen.default.weights)


def _lists(hypotheses: Mapping[str, Sequence[tuple[str, float]]]) -> list[NBest]:
    return [
        NBest(
            utterance,
            tuple(
                Hypothesis(str(place), tuple(text.split()), {FIRST_PASS: score})
                for place, (text, score) in enumerate(pairs, start=1)
            ),
        )
        for utterance, pairs in hypotheses.items()
    ]


def tune_lists(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    scored: ScoredLists,
    settings: TuningSettings | None = None,
    *,
    kind: str = "linear",
    progress: Progress = silent,
    stage: str = "tuning",
) -> TunedWeights:
    """Weights with the fewest word errors on these lists, with the models and for the first pass
    alone.

    Where the models gain nothing over the first pass here, their scale is 0: the first pass is left
    as it is.

    Args:
        progress: is told of every generation of both searches, whose names begin with `stage`.
    """
    wrong = hypothesis_errors(lists, references)
    alone = scored.without_models()
    settings = settings or TuningSettings()
    own = tune(alone, wrong, settings, progress=progress, stage=f"{stage}, first pass")
    first_pass = _best_of(alone, wrong, [Weights.default(alone.score_names, ()), own.weights])
    tuned = tune(
        scored, wrong, settings, kind=kind, progress=progress, stage=f"{stage}, with the models"
    )
    best = _best_of(scored, wrong, [first_pass.muted(tuned.weights), tuned.weights])
    return TunedWeights(best, first_pass, tuned.at_bounds if best is tuned.weights else ())


def _best_of(scored: ScoredLists, wrong: np.ndarray, choices: Sequence[Weights]) -> Weights:
    """The weights with the fewest errors; of equal ones the first."""
    return min(choices, key=lambda weights: int(wrong[scored.best(scored.totals(weights))].sum()))


def hypothesis_errors(lists: Sequence[NBest], references: Mapping[str, Words]) -> np.ndarray:
    """[H] word errors of each hypothesis."""
    return np.array(
        [
            errors(references[nbest.utterance], hypothesis.words)
            for nbest in lists
            for hypothesis in nbest.hypotheses
        ]
    )


def check_references(
    utterances: Collection[str], references: Mapping[str, Words], file: str
) -> list[str]:
    """A line of how many references have no hypotheses, where some have none: they are passed over.

    Raises:
        InputError: an utterance has no reference; naming the first, and how many.
    """
    if missing := set(utterances) - references.keys():
        raise InputError(
            f"{len(missing)} hypotheses without a reference, the first is {min(missing)}",
            expected="the same utterances",
            remedy="give the references of these utterances, or choose some with --utterances",
            file=file,
        )
    if more := references.keys() - set(utterances):
        return [
            f"{file}: {len(more)} of its {len(references)} references have no hypotheses here, the first is "
            f"{min(more)}: passed over"
        ]
    return []


def held_references(lists: Sequence[NBest]) -> dict[str, Words]:
    """The references that the lists hold; none unless all have one."""
    held = {nbest.utterance: nbest.reference for nbest in lists if nbest.reference is not None}
    return dict(held) if len(held) == len(lists) else {}


def remarks(lists: Sequence[NBest]) -> list[str]:
    """What a user should know of the lists before reading a result."""
    if lists[0].score_names == (RANK,):
        return [
            "these lists have no scores: the language model is used with the place in the list alone"
        ]
    return []


def word_counts(lists: Sequence[NBest]) -> Counter[str]:
    """How many hypotheses hold each word."""
    return Counter(
        word for nbest in lists for hypothesis in nbest.hypotheses for word in set(hypothesis.words)
    )


def check_vocabulary(
    counts: Collection[str], models: Sequence[LanguageModel], file: str
) -> list[str]:
    """Unknown words, a line a model.

    Args:
        counts: the distinct words.

    Raises:
        InputError: a model knows none of the words.
    """
    words = sorted(counts)
    lines = []
    for model in models:
        known = model.knows(words)
        unknown = int((~known).sum())
        if words and unknown == len(words):
            other = [
                case
                for case in (str.lower, str.upper)
                if model.knows([case(word) for word in words]).any()
            ]
            cause = (
                "the case of the letters differs" if other else "the languages or spellings differ"
            )
            raise InputError(
                f"{model.name} knows none of the {len(words)} words there, such as {words[0]!r}: "
                f"{cause}",
                expected="words as the model has them",
                remedy="change the words to the case of the model's vocabulary"
                if other
                else "give a model of this language",
                file=file,
            )
        if unknown:
            first = words[int(np.flatnonzero(~known)[0])]
            lines.append(
                f"{model.name}: {unknown} of {len(words)} distinct words unknown, the first is {first!r} "
                "(--oov-report lists them)"
            )
    return lines


@dataclass(frozen=True)
class Report:
    """Word error rates before and after, on the same lists.

    Attributes:
        rows: what was measured, in order: name → word error rate.
        listed: the same for the words of a list and for all others, where a list was given.
        peer, result: the rows that are compared.
        improvement: the share of bootstrap replications in which the result has fewer errors than
            the peer.
        deterioration: the share in which it has more.
        worse: whether the result has more errors than the raw first pass.
    """

    rows: Mapping[str, ErrorRate]
    listed: Mapping[str, tuple[ErrorRate, ErrorRate]]
    peer: str
    result: str
    improvement: float
    deterioration: float
    worse: bool

    @property
    def verdict(self) -> Verdict:
        """What the paired bootstrap shows of the result against the peer, at 95 %."""
        if self.improvement >= _CONFIDENCE:
            return "better"
        return "worse" if self.deterioration >= _CONFIDENCE else "no difference shown"

    @classmethod
    def of(
        cls,
        references: Sequence[Words],
        words: Mapping[str, Sequence[Words]],
        peer: str,
        result: str,
        listed: Collection[str] = (),
    ) -> Report:
        """Count the errors of each row's words; `result` is held against the row `peer`, and the
        row "first pass".
        """
        rows = {name: error_rate(references, hypotheses) for name, hypotheses in words.items()}
        return cls(
            rows,
            {name: error_rates_by_list(references, hyps, listed) for name, hyps in words.items()}
            if listed
            else {},
            peer,
            result,
            improvement_probability(references, words[peer], words[result]),
            improvement_probability(references, words[result], words[peer]),
            rows[result].errors > rows["first pass"].errors,
        )

    @property
    def lost(self) -> int:
        """How many errors more than the peer the result has; below 0: fewer."""
        return self.rows[self.result].errors - self.rows[self.peer].errors

    def save(self, path: str | Path) -> None:
        """Write the report as JSON, whole or not at all."""
        content = {
            "rows": {name: rate.as_dict() for name, rate in self.rows.items()},
            "listed": {
                name: [rate.as_dict() for rate in rates] for name, rates in self.listed.items()
            },
            "verdict": self.verdict,
            "peer": self.peer,
            "improvement": self.improvement,
            "deterioration": self.deterioration,
            "worse": self.worse,
        }
        write_lines(path, [json.dumps(content, indent=2, allow_nan=False)])

    def describe(self) -> list[str]:
        """Lines to print."""
        lines = [f"WER {name:<38} {rate.describe()}" for name, rate in self.rows.items()]
        for name, (listed, others) in self.listed.items():
            lines += [
                f"WER {name + ', listed words':<38} {listed.describe()}",
                f"WER {name + ', other words':<38} {others.describe()}",
            ]
        warning = "WARNING: " if self.verdict == "worse" else ""
        lines.append(
            f"{warning}{self.verdict}, {self.result} against {self.peer}: of the bootstrap replications "
            f"{100 * self.improvement:.1f} % have fewer errors, {100 * self.deterioration:.1f} % more"
        )
        if self.worse:
            lines.append("WARNING: rescoring made the word error rate worse than the first pass")
        return lines


def report(
    lists: Sequence[NBest],
    references: Mapping[str, Words],
    scored: ScoredLists,
    tuned: TunedWeights | None,
    weights: Weights,
    listed: Collection[str] = (),
) -> Report:
    """Measure the raw first pass, the fair one where its weights are known, the oracle, and the
    result.
    """
    refs = [references[nbest.utterance] for nbest in lists]
    flat = [hypothesis.words for nbest in lists for hypothesis in nbest.hypotheses]
    wrong = hypothesis_errors(lists, references)
    chosen = {"first pass": scored.begins}
    if tuned is not None:
        alone = scored.without_models()
        chosen[TUNED_PENALTY] = alone.best(alone.totals(tuned.first_pass))
    peer = list(chosen)[-1]
    chosen["oracle"] = scored.best(-wrong.astype(np.float64))
    chosen["rescored"] = scored.best(scored.totals(weights))
    words = {name: [flat[index] for index in places] for name, places in chosen.items()}
    return Report.of(refs, words, peer, "rescored", listed)


def write_unknown_words(
    path: str | Path, counts: Mapping[str, int], models: Sequence[LanguageModel]
) -> None:
    """Write `model<TAB>word<TAB>count` lines, whole or not at all."""
    write_lines(
        path,
        (
            f"{name}\t{word}\t{count}"
            for name, words in unknown_words(counts, models).items()
            for word, count in words
        ),
    )


def unknown_words(
    counts: Mapping[str, int], models: Sequence[LanguageModel]
) -> dict[str, list[tuple[str, int]]]:
    """For each model the words that it does not know, with their counts, most first."""
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return {
        model.name: [
            (word, counts[word])
            for word, known in zip(words, model.knows(words), strict=True)
            if not known
        ]
        for model in models
    }
