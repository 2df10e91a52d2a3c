"""Zero-count words get the costs, and the rows, of words with their lists, suffixes, prefixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary
from rescorer.training.reallocation.assign import assign
from rescorer.training.reallocation.costs import CellCosts, LineCosts
from rescorer.training.reallocation.unseen import back_off_unseen, read_lists

# Two kinds: row 0 is cheapest for kind 0, row 1 for kind 1.
WORDS = (
    "</s>",
    "<unk>",
    "oldville",
    "newville",
    "redville",
    "walking",
    "talking",
    "baking",
    "hillville",
    "making",
    "x",
    "y",
)
KIND = {2: 0, 3: 0, 4: 0, 5: 1, 6: 1, 7: 1}
UNSEEN = {8: 0, 9: 1}  # by their suffixes


def make_costs() -> CellCosts:
    tokens = np.array([9, 3, 4, 4, 2, 6, 2, 4, 0, 0, 0, 0])
    sums = np.zeros((12, 3), np.float32)
    for word, kind in KIND.items():
        sums[word, kind] = tokens[word]
    sums[:, 2] = tokens
    lines = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    return CellCosts(
        LineCosts(sums.copy(), lines, 2.0 * tokens),
        LineCosts(sums.copy(), lines, 2.0 * tokens),
        tokens,
    )


def test_affixes_give_costs() -> None:
    costs = make_costs()
    before = costs.rows.words[:8].copy()
    back_off_unseen(costs, WORDS, [], 0.5)
    for word, kind in UNSEEN.items():
        # All words with its suffix are of one kind: the costs are their mean times the weight.
        np.testing.assert_allclose(
            costs.rows.words[word], 0.5 * np.array([kind == 0, kind == 1, 1]), atol=1e-6
        )
        assert costs.rows.constants[word] == pytest.approx(0.5 * 2)
        block = costs.rows.block(np.array([word]), slice(None))[0]
        assert block.argmin() == kind and block.min() >= 0
    assert (costs.rows.words[:8] == before).all() and not costs.rows.words[10:].any()


def test_lists_give_costs_to_words_without_a_known_affix() -> None:
    costs = make_costs()
    back_off_unseen(costs, WORDS, [np.array([2, 3, 10]), np.array([5, 6, 11]), np.array([10])], 1.0)
    assert costs.columns.words[10].tolist() == pytest.approx([1, 0, 1])
    assert costs.columns.words[11].tolist() == pytest.approx([0, 1, 1])


def test_without_zero_count_words_nothing_changes() -> None:
    costs = make_costs()
    costs = costs._replace(tokens=np.maximum(costs.tokens, 1))
    before = costs.rows.words.copy()
    back_off_unseen(costs, WORDS, [], 1.0)
    assert (costs.rows.words == before).all()


def test_zero_count_words_get_the_rows_of_similar_words() -> None:
    costs = make_costs()
    back_off_unseen(costs, WORDS, [np.array([2, 3, 10]), np.array([5, 6, 11])], 0.5)
    nothing = LineCosts(np.zeros((12, 1), np.float32), np.zeros((6, 1), np.float32), np.zeros(12))
    start = np.array([0, 6, 7, 1, 8, 2, 9, 3, 10, 4, 11, 5])  # of 2 rows of 6, all kinds mixed
    row_of = assign(costs.rows, nothing, start=start).cells // 6
    for word, kind in {**KIND, **UNSEEN, 10: 0, 11: 1}.items():
        assert row_of[word] == kind


def test_lists_file(tmp_path: Path) -> None:
    path = tmp_path / "words.lists.tsv"
    path.write_text(
        "oldville\t12\tplaces\nbaking\t0\tplaces,verbs\nelsewhere\t1\tverbs\n", encoding="utf-8"
    )
    vocabulary = Vocabulary(WORDS, np.ones(12, dtype=np.int64))
    assert [ids.tolist() for ids in read_lists(path, vocabulary)] == [[2, 7], [7]]
    path.write_text("oldville\t12\tplaces\nbaking\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"words.lists.tsv:2: .*expected word<TAB>count<TAB>lists"):
        read_lists(path, vocabulary)
