"""Learn confusions of phones from what was said and what a recogniser wrote, by EM.

An observation is a run of words that was said and the run that was written for it. Words may have
several pronunciations: the observation's probability is the sum over the pronunciations of what was
said, weighted by their probabilities, and over those of what was written:

    P(written words | spoken words) = Σ_x P(x | spoken words) Σ_y P(y | x)

A Dirichlet prior holds the probabilities of each spoken phone near those of a given model, so that
a small development set moves only what it has evidence for. EM then maximises the posterior.

Shapes: G observations, A alternatives (pairs of pronunciations) of all of them, N distinct pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rescorer.pronunciation.confusions import RATES, Confusions, EditRates
from rescorer.pronunciation.edit_lattice import (
    LONGEST,
    PairBatch,
    PhonePair,
    batches,
    expected_counts,
    pair_probabilities,
)
from rescorer.pronunciation.edit_table import EditTable
from rescorer.pronunciation.lexicon import Pronunciation
from rescorer.pronunciation.phones import PhoneSet

_RATE_STEPS = 10  # of EM; five numbers are learnt


@dataclass(frozen=True)
class Observation:
    """What was said, and what was written for it.

    Attributes:
        spoken, written: pronunciations of the run of words; at least one each.
        weight: how often it was seen.
    """

    spoken: Sequence[Pronunciation]
    written: Sequence[Pronunciation]
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """Observations as arrays.

    Attributes:
        size: number of phones in the set.
        batches: the distinct pairs of pronunciations.
        pair: int[A] distinct pair of each alternative.
        observation: int[A] observation of each alternative.
        prior: float64[A] probability of the spoken pronunciation.
        weights: float64[G] how often each observation was seen.
        spoken_phones: how many phones were spoken, the most probable pronunciations' ones.
    """

    size: int
    batches: Sequence[PairBatch]
    pair: np.ndarray
    observation: np.ndarray
    prior: np.ndarray
    weights: np.ndarray
    spoken_phones: float

    @classmethod
    def of(cls, observations: Iterable[Observation], phones: PhoneSet) -> Evidence:
        """Observations of words of any length.

        Those with more than `LONGEST` phones on a side are left out: so long a run of wrong words
        says little about how phones are heard.

        Raises:
            InputError: a phone is not in the set.
        """
        pairs: dict[PhonePair, int] = {}
        alternatives: list[tuple[int, int, float]] = []
        weights: list[float] = []
        spoken_phones = 0.0
        for seen in observations:
            sides = [*seen.spoken, *seen.written]
            if max(len(said.phones) for said in sides) > LONGEST:
                continue
            written = [tuple(phones.ids(said.phones).tolist()) for said in seen.written]
            for said in seen.spoken:
                spoken = tuple(phones.ids(said.phones).tolist())
                for each in written:
                    pair = pairs.setdefault((spoken, each), len(pairs))
                    alternatives.append((pair, len(weights), said.probability))
            weights.append(seen.weight)
            likeliest = max(seen.spoken, key=lambda said: said.probability)
            spoken_phones += seen.weight * len(likeliest.phones)
        pair_of, observation, prior = np.array(alternatives).reshape(-1, 3).T
        return cls(
            len(phones),
            batches(list(pairs)),
            pair_of.astype(np.int64),
            observation.astype(np.int64),
            prior,
            np.array(weights),
            spoken_phones,
        )

    def log_likelihood(self, table: EditTable) -> float:
        """Σ weight · log P(written words | spoken words), in nats."""
        return self._posteriors(table)[0]

    def _posteriors(self, table: EditTable) -> tuple[float, np.ndarray]:
        """The log-likelihood, and [N] how often each pair is expected."""
        joint = self.prior * pair_probabilities(self.batches, table)[self.pair]  # [A]
        total = np.bincount(self.observation, joint, len(self.weights))  # [G]
        with np.errstate(divide="ignore"):
            log_likelihood = float(self.weights @ np.log(total))
        share = np.divide(self.weights, total, out=np.zeros_like(total), where=total > 0)
        expected = np.bincount(self.pair, joint * share[self.observation])
        return log_likelihood, expected

    def expectation(self, table: EditTable) -> tuple[float, EditTable, float]:
        """The E-step: log-likelihood, expected counts, and how often insertions ended."""
        log_likelihood, expected = self._posteriors(table)
        counts = expected_counts(self.batches, table, expected)
        stops = counts.by_spoken_phone().sum() + self.weights.sum()
        return log_likelihood, counts, float(stops)


def learning_steps(
    evidence: Evidence, prior: Confusions, strength: float
) -> Iterator[tuple[EditTable, float]]:
    """Probabilities after each step of EM, without end, beginning with those of the prior.

    Each comes with its log-posterior, up to a constant. It rises with every step.

    Args:
        strength: weight of the prior of each phone, as a number of spoken phones.
    """
    pseudo = prior.probabilities.combine(
        EditTable.zeros(evidence.size), lambda probability, _: strength * probability
    )
    pseudo_stops = strength * (1 - prior.probabilities.insertion.sum())
    table = prior.probabilities
    while True:
        log_likelihood, counts, stops = evidence.expectation(table)
        yield table, log_likelihood + _log_prior(table, pseudo, pseudo_stops)
        table = counts.combine(pseudo, np.add).normalised(stops + pseudo_stops)


def _log_prior(table: EditTable, pseudo: EditTable, pseudo_stops: float) -> float:
    total = pseudo_stops * np.log(1 - table.insertion.sum())
    for probability, count in zip(table.arrays(), pseudo.arrays(), strict=True):
        seen = count > 0
        total += count[seen] @ np.log(probability[seen])
    return float(total)


def learn_confusions(
    evidence: Evidence,
    prior: Confusions,
    *,
    strength: float,
    iterations: int,
    tolerance: float = 1e-5,
) -> Confusions:
    """The confusions of greatest posterior.

    Args:
        strength: weight of the prior of each phone, as a number of spoken phones.
        iterations: steps of EM at most.
        tolerance: a step that raises the log-posterior by less, in nats a spoken phone, is the
            last.
    """
    steps = learning_steps(evidence, prior, strength)
    table, posterior = next(steps)
    done = 0
    while done < iterations:
        before, (table, posterior) = posterior, next(steps)
        done += 1
        if posterior - before < tolerance * evidence.spoken_phones:
            break
    per_phone = evidence.log_likelihood(table) / evidence.spoken_phones
    learnt = {
        "pairs": sum(len(batch.index) for batch in evidence.batches),
        "iterations": done,
        "strength": strength,
        "log_likelihood_per_phone": per_phone,
    }
    return Confusions(prior.phones, table, learnt)


def learn_rates(
    evidence: Evidence, model: Callable[[PhoneSet, EditRates], Confusions], phones: PhoneSet
) -> EditRates:
    """The rates with which a model of rates alone explains the observations best.

    Args:
        model: such as `class_confusions`.
    """
    rates = RATES
    for _ in range(_RATE_STEPS):
        _, counts, stops = evidence.expectation(model(phones, rates).probabilities)
        spoken = counts.by_spoken_phone().sum()
        inserted = counts.insertion.sum()
        rates = EditRates(
            substituted=float(counts.substitution.sum() - np.trace(counts.substitution)) / spoken,
            deleted=float(counts.deletion.sum()) / spoken,
            inserted=float(inserted / (inserted + stops)),
            merged=float(counts.merge.sum()) / spoken,
            split=float(counts.split.sum()) / spoken,
        )
    return rates
