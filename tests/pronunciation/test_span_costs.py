import numpy as np
import pytest

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.span_costs import SpanCosts


@pytest.fixture
def costs():
    rng = np.random.default_rng(0)
    return EditCosts(*(rng.uniform(1, 5, (4,) * dimensions) for dimensions in (2, 1, 1, 3, 3)))


def test_excess_costs_are_what_exceeds_the_least_costs(costs):
    excess = ExcessCosts.of(costs)
    least = excess.least
    assert np.allclose(excess.costs.substitution + least, costs.substitution)
    assert np.allclose(excess.costs.insertion + least, costs.insertion)
    assert np.allclose(excess.costs.merge + least, costs.merge)
    assert np.allclose(excess.costs.split + least[:, None] + least, costs.split)
    assert excess.shrinking == min(excess.costs.deletion.min(), excess.costs.merge.min())
    assert excess.growing == min(excess.costs.insertion.min(), excess.costs.split.min())


def test_a_phone_that_cannot_occur_has_infinite_costs():
    never = np.array([1, np.inf])
    excess = ExcessCosts.of(EditCosts(np.array([never, never]), np.ones(2), never))
    assert excess.least.tolist() == [1, 0]
    assert excess.costs.substitution.tolist() == [[0, np.inf], [0, np.inf]]


def test_reversed_costs_have_merges_and_splits_turned_round(costs):
    excess = ExcessCosts.of(costs)
    turned = excess.reversed()
    assert turned.costs.merge[1, 2, 3] == excess.costs.merge[2, 1, 3]
    assert turned.costs.split[1, 2, 3] == excess.costs.split[1, 3, 2]
    assert np.array_equal(turned.costs.substitution, excess.costs.substitution)


@pytest.mark.parametrize("length", range(6))
def test_one_search_sees_the_middle_and_both_together_see_the_span(length):
    spans = PhoneSequences.pack([np.zeros(length, int), np.zeros(5, int)])
    excess = ExcessCosts.of(EditCosts(np.zeros((1, 1)), np.ones(1), np.ones(1)))
    bounds = np.array([4, 4], np.float32)
    caps = {
        backward: SpanCosts.of(spans, excess, bounds, backward=backward).caps[:, 0]
        for backward in (False, True)
    }
    assert (caps[False][length + 1 :] == -1).all()
    assert (caps[True][length + 1 :] == -1).all()
    # One column, seen from both ends, is not halved twice.
    both = np.stack([caps[False][: length + 1], caps[True][length::-1]])
    assert (both.sum(0) == 6).all()
