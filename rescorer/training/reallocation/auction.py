"""Places for words by auction: all but the most that words can gain, in a seventh of the time of
the exact assignment.

Each word without a place bids for the one that gains it most at its price, up to what leaves it
only a little better off than with its second choice; the highest bid has the place, and whoever had
it bids anew (Bertsekas: The auction algorithm, Annals of Operations Research 14, 1988; here all
words bid at once). Among its places a word ends within the least raise of the best that prices
allow.

Shapes: n words, L places.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rescorer.training.reallocation.problem import Floats

Places = NDArray[np.int64]

_EXACT = 1500  # words up to which the assignment is exact: a third of a second
_WANTED = 128  # places for which a word bids, those that gain it most
# at least, of a price, in the unit of gains: of cosines 0.2 % less in all than the most
_RAISE = 0.01
# few words are left without a place by then, for long wars of prices: theirs is exact
_ROUNDS = 400


def auction_assignment(gains: Floats) -> Places:
    """[n] for each word a place of its own, so that the gains [n, L ≥ n] of all are together nearly
    the most.
    """
    if len(gains) <= _EXACT:
        return np.asarray(linear_sum_assignment(gains, maximize=True)[1], dtype=np.int64)
    place = _auction(gains)
    left = np.flatnonzero(place < 0)
    if len(left):
        free = np.setdiff1d(np.arange(gains.shape[1]), place)
        place[left] = free[auction_assignment(gains[np.ix_(left, free)])]
    return place


def _auction(gains: Floats) -> Places:
    """[n] the words' places, -1 for those that have none when the rounds are over; a place once had
    stays taken.
    """
    words, places = gains.shape
    found = torch.as_tensor(gains).topk(min(_WANTED, places), sorted=False)
    best_gains, wanted = found.values.numpy(), found.indices.numpy()
    duals = np.zeros(places, np.float32)
    owner, place = np.full(places, -1), np.full(words, -1)
    for _ in range(_ROUNDS):
        bidding = np.flatnonzero(place < 0)
        if not len(bidding):
            break
        net = best_gains[bidding] - duals[wanted[bidding]]
        each, first = np.arange(len(bidding)), net.argmax(1)
        most = net[each, first]
        net[each, first] = -np.inf
        choice = wanted[bidding, first]
        bids = duals[choice] + most - net.max(1) + _RAISE
        # of several bids for a place the last one written is the highest
        rising = np.argsort(bids, kind="stable")
        choice, bids, bidding = choice[rising], bids[rising], bidding[rising]
        place[owner[choice[owner[choice] >= 0]]] = -1
        duals[choice], owner[choice] = bids, bidding
        place[owner[choice]] = choice
    return place
