"""Confusions of phones: how probable it is that spoken phones are written as others.

P(written phones | spoken phones) is the sum over alignments of the product of edit operations: a
phone is written as one phone (itself, mostly), as two or not at all, two phones are written as one,
or a phone is inserted. Operations that start at a spoken phone sum to 1 for each phone. Before each
of them, and once at the end, phones are inserted until the insertions end: all insertions and their
end sum to 1.

A merge counts as an operation of its first phone, whatever the second is. At the last phone no
merge is possible, so the probabilities of all written strings sum to a little less than 1.

Shapes: P phones of the set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.edit_table import EditTable
from rescorer.pronunciation.phones import PhoneSet
from rescorer.pronunciation.phonetic_classes import class_distances

# Nats for each class that two phones do not share. It was fitted on the lists that the package's
# table is learnt from, as were the rates below.
_NATS_A_CLASS = 0.6


@dataclass(frozen=True)
class EditRates:
    """Share of each kind of operation.

    Attributes:
        substituted, deleted, merged, split: shares of the operations that start at a spoken phone;
            what is left to 1 are phones that are right.
        inserted: probability of one more insertion, before each operation and at the end.
    """

    substituted: float
    deleted: float
    inserted: float
    merged: float
    split: float


# those of Whisper's best hypotheses; merges and splits were set by hand
RATES = EditRates(substituted=0.005, deleted=0.0025, inserted=0.0006, merged=0.0005, split=0.0005)


@dataclass(frozen=True, eq=False)
class Confusions:
    """P(written phones | spoken phones), by edit operations.

    Attributes:
        phones: the phone set.
        probabilities: of each operation; see above how they are normalised.
        learnt: how they were found: counts and figures by name.
    """

    phones: PhoneSet
    probabilities: EditTable
    learnt: Mapping[str, float] = field(default_factory=dict)

    def costs(self) -> EditCosts:
        """−log of the probabilities, in nats.

        The end of the insertions before an operation is part of that operation's cost; the end of
        the last insertions is the same for all pairs, and left out.
        """
        stop = 1 - self.probabilities.insertion.sum()
        table = self.probabilities
        return EditCosts(
            substitution=_cost(stop * table.substitution),
            deletion=_cost(stop * table.deletion),
            insertion=_cost(table.insertion),
            merge=_cost(stop * table.merge),
            split=_cost(stop * table.split),
        )

    def of_phones(self, phones: PhoneSet) -> Confusions:
        """The confusions among some of the phones, in the order of their set.

        Raises:
            InputError: a phone is not in the set of these confusions.
        """
        table = self.probabilities.at(self.phones.ids(phones.symbols))
        stop = 1 - self.probabilities.insertion.sum()
        return Confusions(phones, table.normalised(stop), self.learnt)


def _cost(probability: np.ndarray) -> np.ndarray:
    """−log of a probability; infinite where it is 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(probability))


def uniform_confusions(phones: PhoneSet, rates: EditRates = RATES) -> Confusions:
    """All confusions of a kind are equally probable."""
    return _alike(phones, np.ones((len(phones), len(phones))), rates)


def class_confusions(phones: PhoneSet, rates: EditRates = RATES) -> Confusions:
    """Phones that share phonetic classes are confused more often.

    For a phone set that is not ARPAbet, all confusions of a kind are equally probable.
    """
    distances = class_distances(phones)
    if distances is None:
        return uniform_confusions(phones, rates)
    return _alike(phones, np.exp(-_NATS_A_CLASS * distances), rates)


def _alike(phones: PhoneSet, similarity: np.ndarray, rates: EditRates) -> Confusions:
    """Probabilities of these rates, in proportion to similarity within a kind of operation.

    Args:
        similarity: [P, P] 1 on the diagonal.
    """
    size = len(phones)
    others = similarity * (1 - np.eye(size))
    right = 1 - rates.substituted - rates.deleted - rates.merged - rates.split
    # Two phones become one that is like either of them, and the other way round.
    pairs = np.maximum(similarity[:, None, :], similarity[None, :, :])  # [two spoken, written]
    table = EditTable(
        substitution=right * np.eye(size) + rates.substituted * _rows_to_one(others),
        deletion=np.full(size, rates.deleted),
        insertion=np.full(size, rates.inserted / size),
        merge=rates.merged * _rows_to_one(pairs),
        split=rates.split * _rows_to_one(pairs.transpose(2, 0, 1)),
    )
    return Confusions(phones, table.normalised(stops=1 - rates.inserted))


def _rows_to_one(weights: np.ndarray) -> np.ndarray:
    """Weights scaled so that those of each spoken phone (the first axis) sum to 1."""
    total = weights.reshape(len(weights), -1).sum(1).reshape(-1, *[1] * (weights.ndim - 1))
    # A set of a single phone has no other to be confused with.
    return np.asarray(weights / np.where(total > 0, total, 1))
