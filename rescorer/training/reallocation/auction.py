"""Assignment by auction: nearly the largest total gain, in a seventh of the exact solver's time.

Each unassigned word bids for the position with the largest net gain (gain minus dual variable). The
bid raises the position's dual variable until the word is nearly indifferent to its second choice,
plus a minimum increment. The highest bid wins the position; the previous owner bids again
(Bertsekas: The auction algorithm, Annals of Operations Research 14, 1988; here all words bid at
once). At the end, each word's net gain is within the minimum increment of its largest.

Shapes: n words, L positions.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation.problem import Floats

Positions = NDArray[np.int64]

_EXACT = 1500  # words up to which the assignment is exact: a third of a second
_CANDIDATES = 128  # positions for which a word bids: those with its largest gains
_INCREMENT = 0.01  # smallest of a bid, in units of gain; with cosines the total is 0.2 % too low
# After these rounds few words are unassigned, and long bidding contests would follow: the exact
# solver assigns them.
_ROUNDS = 400


def auction_assignment(gains: Floats) -> Positions:
    """[n] a different position for each word, with nearly the largest total of gains [n, L ≥ n]."""
    if len(gains) <= _EXACT:
        return np.asarray(linear_sum_assignment(gains, maximize=True)[1], dtype=np.int64)
    position_of = _auction(gains)
    unassigned = np.flatnonzero(position_of < 0)
    if len(unassigned):
        free = np.setdiff1d(np.arange(gains.shape[1]), position_of)
        rest = auction_assignment(gains[np.ix_(unassigned, free)])
        position_of[unassigned] = free[rest]
    return position_of


def _auction(gains: Floats) -> Positions:
    """[n] the words' positions after the rounds; -1 for unassigned words."""
    words, positions = gains.shape
    best = torch.as_tensor(gains).topk(min(_CANDIDATES, positions), sorted=False)
    candidate_gains, candidates = best.values.numpy(), best.indices.numpy()  # [n, candidates]
    duals = np.zeros(positions, np.float32)
    owner_of, position_of = np.full(positions, -1), np.full(words, -1)
    for _ in range(_ROUNDS):
        bidders = np.flatnonzero(position_of < 0)
        if not len(bidders):
            break
        net_gains = candidate_gains[bidders] - duals[candidates[bidders]]
        each, first = np.arange(len(bidders)), net_gains.argmax(1)
        largest = net_gains[each, first]
        # A bid raises the dual until the best position is as good as the second best.
        net_gains[each, first] = -np.inf
        second_largest = net_gains.max(1)
        wanted = candidates[bidders, first]
        bids = duals[wanted] + largest - second_largest + _INCREMENT
        # In ascending order: numpy keeps the last value that is written to a position.
        ascending = np.argsort(bids, kind="stable")
        wanted, bids, bidders = wanted[ascending], bids[ascending], bidders[ascending]
        previous_owners = owner_of[wanted]
        position_of[previous_owners[previous_owners >= 0]] = -1
        duals[wanted], owner_of[wanted] = bids, bidders
        position_of[owner_of[wanted]] = wanted
    return position_of
