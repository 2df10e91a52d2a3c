import numpy as np

from rescorer.pronunciation.edit_costs import EditCosts
from rescorer.pronunciation.excess_costs import ExcessCosts
from rescorer.pronunciation.phone_sequences import PhoneSequences
from rescorer.pronunciation.sound_trie import SoundTrie
from rescorer.pronunciation.span_costs import SpanCosts
from rescorer.pronunciation.trie_search import Rows, TrieSearch

ENTRIES = PhoneSequences.pack([[0, 1, 2, 3], [0, 1, 2, 2], [3, 1, 2, 3], [3, 3, 2, 2]])
COSTS = EditCosts(1 - np.eye(4), np.ones(4), np.ones(4))


def found(bound: float, backward: bool) -> dict[int, float]:
    """Entries that one search finds for the first of them, with their costs."""
    excess = ExcessCosts.of(COSTS)
    trie, _ = SoundTrie.build(ENTRIES, backward=backward)
    spans, bounds = ENTRIES.take(np.array([0])), np.array([bound], np.float32)
    costs = SpanCosts.of(spans, excess, bounds, backward=backward)
    parts = list(TrieSearch(trie, costs).ends())
    return {
        int(sequence): float(cost)
        for part in parts
        for sequence, cost in zip(part.sequences, part.costs, strict=True)
    }


def test_either_search_finds_what_is_cheap_in_its_first_half():
    assert found(1, backward=False) == {0: 0, 1: 1}
    assert found(1, backward=True) == {0: 0, 2: 1}


def test_both_searches_find_what_costs_half_the_bound():
    assert found(2, backward=False) == found(2, backward=True) == {0: 0, 1: 1, 2: 1}


def test_nothing_is_found_below_a_negative_bound():
    assert found(-1, backward=False) == {}


def test_columns_that_are_infinite_for_all_pairs_are_trimmed():
    rows = Rows(3, np.array([[np.inf, np.inf], [np.inf, 1], [np.inf, np.inf]], np.float32))
    assert rows.alive().tolist() == [False, True]
    trimmed = rows.trimmed()
    assert (trimmed.first, trimmed.end, trimmed.costs.tolist()) == (4, 5, [[np.inf, 1]])
