import numpy as np
import pytest
from tiny_edits import edit_cost, random_costs, random_sequences

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.pair_bounds import PairBounds
from rescorer.pronunciation.phone_sequences import PhoneSequences


@pytest.mark.parametrize("seed", range(12))
def test_no_pair_costs_less_than_its_bound(seed):
    rng = np.random.default_rng(seed)
    spans, entries = random_sequences(rng, 25), random_sequences(rng, 30)
    costs = random_costs(rng, merges=bool(seed % 2))
    excess = ExcessCosts.of(costs)
    bounds = PairBounds(excess).least(spans, entries)
    for s in range(len(spans)):
        for e in range(len(entries)):
            assert bounds[s, e] <= edit_cost(entries[e], spans[s], excess.costs)


def test_bounds_of_single_edits_are_their_costs():
    """Where one edit of one phone is all that two sequences differ in, the bound is exact."""
    costs = EditCosts([[0.0, 2.0], [3.0, 0.0]], [4.0, 5.0], [6.0, 7.0])
    spans = PhoneSequences.pack([[0], [1], [0, 1]])
    bounds = PairBounds(ExcessCosts.of(costs)).least(spans, PhoneSequences.pack([[0]]))
    assert bounds[:, 0] == pytest.approx([0.0, 2.0, 7.0], abs=0.01)
