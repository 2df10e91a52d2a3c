import numpy as np
import pytest
from tiny_edits import edit_cost, random_costs, random_sequences

from rescorer.pronunciation.confusions import class_confusions
from rescorer.pronunciation.pair_costs import ExcessTables, pair_costs
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.phones import PhoneSet


@pytest.mark.parametrize("seed", range(12))
def test_every_pair_within_its_bound_is_found_with_its_cost(seed):
    rng = np.random.default_rng(seed)
    spans, entries = random_sequences(rng, 25), random_sequences(rng, 30)
    costs = random_costs(rng, merges=bool(seed % 2))
    bound, bound_per_phone = float(rng.uniform(0, 4)), float(rng.uniform(0, 1))
    expected = {}
    for s in range(len(spans)):
        for e in range(len(entries)):
            right = costs.substitution.diagonal()[spans[s]].sum()
            above = max(0.0, edit_cost(entries[e], spans[s], costs) - right)
            if above <= bound + bound_per_phone * min(len(spans[s]), len(entries[e])):
                expected[s, e] = above
    found = pair_costs(spans, entries, ExcessTables(costs), bound, bound_per_phone)
    pairs = zip(found.spans.tolist(), found.entries.tolist(), strict=True)
    assert dict(zip(pairs, found.costs, strict=True)) == pytest.approx(expected, abs=1e-4)


def test_equal_sequences_cost_nothing():
    sequences = PhoneSequences.pack([[0, 1, 2], [2]])
    tables = ExcessTables(class_confusions(PhoneSet("ABC")).costs())
    found = pair_costs(sequences, sequences, tables, 0.0, 0.0)
    assert set(zip(found.spans.tolist(), found.entries.tolist(), strict=True)) == {(0, 0), (1, 1)}
    assert found.costs.tolist() == [0.0, 0.0]
