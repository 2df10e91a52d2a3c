from itertools import pairwise, permutations

import numpy as np
import pytest
from conftest import make_vocabulary

from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.table_init import (
    balanced_clustering,
    ppmi_matrix,
    ppmi_svd_embeddings,
    text_embeddings,
)

KINDS, SIZE = 4, 3  # kinds of words, words of each
MARKS = [f"before{kind}" for kind in range(KINDS)] + [f"after{kind}" for kind in range(KINDS)]
# one of each kind, and so on
WORDS = [f"w{number}{kind}x" for number in range(SIZE) for kind in range(KINDS)]


def text_of(words: list[str], seed: int = 0, sentences: int = 600) -> np.ndarray:
    """Ids of sentences of three words; the first and the last depend on the kind only."""
    generator = np.random.default_rng(seed)
    ids = {word: index for index, word in enumerate(words)}
    seen = [word for word in WORDS if word in ids]
    found = []
    for word in generator.choice(seen, sentences).tolist():
        found += [ids[f"before{word[-2]}"], ids[word], ids[f"after{word[-2]}"], ids["</s>"]]
    return np.array(found, dtype=np.uint32)


def vocabulary_of(words: list[str]) -> Vocabulary:
    return Vocabulary(tuple(words), np.arange(len(words), 0, -1), "as-is")


def test_ppmi_is_the_log_of_the_ratio_to_the_expected_count() -> None:
    text = (
        np.random.default_rng(2).choice([0, 0, 0, 0, 0, 1, 2, 3], 4000).tolist()
        + [4, 5] * 9
        + [4, 5, 6, 6, 1]
    )
    met = np.zeros((7, 14))
    for left, right in pairwise(text):
        met[right, left] += 1
        met[left, 7 + right] += 1
    often = met.sum(1, keepdims=True)
    # each count is smoothed by 100
    chance = (often + 100) * met.sum(0) / met.sum()
    found = ppmi_matrix(np.array(text), 7).toarray()
    assert found == pytest.approx(
        np.where(met > chance, np.log(np.maximum(met, 1) / chance), 0), rel=1e-5
    )
    assert ((found == 0) & (met > 0)).any() and (found > 0).any()
    assert found[6, 6] < found[5, 4]  # a rare pair has a lower value


def test_words_with_the_same_contexts_are_similar() -> None:
    words = ["</s>", "<unk>", *MARKS, *WORDS]
    vectors = text_embeddings(text_of(words), len(words))
    of_kind = np.array([int(word[-2]) for word in WORDS])
    similarities = vectors[-len(WORDS) :] @ vectors[-len(WORDS) :].T
    same = of_kind[:, None] == of_kind
    assert similarities[same] == pytest.approx(1, abs=1e-4)
    assert similarities[~same].max() < 0.5
    assert np.linalg.norm(vectors[1]) == 0  # no text holds <unk> here


def test_each_rank_is_assigned_to_the_most_similar_rows() -> None:
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(11, 5)).astype(np.float32)
    counts = np.array([90, 50, 40, 20, 10, 9, 8, 7, 3, 2, 1])
    table = balanced_clustering(vectors, counts, 4, 3)
    rows, columns = table.row_of, table.column_of
    assert columns.tolist() == [0] * 4 + [1] * 4 + [2] * 3
    assert rows[:4].tolist() == [0, 1, 2, 3]
    for begin, end in ((4, 8), (8, 11)):
        sums = np.zeros((4, 5))
        np.add.at(sums, rows[:begin], vectors[:begin] * np.sqrt(counts[:begin, None] + 1))
        similarities = vectors[begin:end] @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
        best = max(
            permutations(range(4), end - begin),
            key=lambda way: similarities[np.arange(end - begin), way].sum(),
        )
        assert rows[begin:end].tolist() == list(best)


def test_rows_of_the_initial_table_are_kinds() -> None:
    words = [*WORDS[:KINDS], *MARKS, "</s>", "<unk>", *WORDS[KINDS:]]
    table = table_of(words, [], 14, 2)  # a row for each word up to <unk>
    assert kinds_of_rows(table, words) == {(kind, kind) for kind in "0123"}


def test_a_zero_count_word_is_clustered_by_its_lists_and_affixes() -> None:
    # the first two are on lists, the others have the suffixes of their kinds
    new = ["new0y", "new1y", "wzy2x", "wzy3x"]
    known = [*WORDS[:KINDS], *MARKS, "</s>", "<unk>", *WORDS[KINDS : 2 * KINDS]]
    words = [*known, *[f"filler{number}" for number in range(10)], *new]
    lists = [
        np.array([words.index(f"w0{kind}x"), words.index(f"w1{kind}x"), words.index(f"new{kind}y")])
        for kind in range(2)
    ]
    table = table_of(words, lists, 14, 3)
    assert {row for row in kinds_of_rows(table, words) if len(row) == 3} == {
        (kind,) * 3 for kind in "0123"
    }


@pytest.mark.parametrize(
    ("rows", "columns"), [(1, 8), (8, 1), (3, 3), (4, 2), (4, 5), (2, 9), (9, 3)]
)
def test_every_word_has_a_cell_in_a_table_of_any_shape(rows: int, columns: int) -> None:
    vocabulary = make_vocabulary(8)
    for text in ([0], [2, 3, 2, 4, 5, 0, 6]):
        table = balanced_clustering(
            ppmi_svd_embeddings(np.array(text), vocabulary, ()), vocabulary.counts, rows, columns
        )
        # WordTable checks the cells
        assert (table.rows, table.columns, len(table.cells)) == (rows, columns, 8)


def table_of(words: list[str], lists: list[np.ndarray], rows: int, columns: int) -> WordTable:
    vocabulary = vocabulary_of(words)
    return balanced_clustering(
        ppmi_svd_embeddings(text_of(words), vocabulary, lists), vocabulary.counts, rows, columns
    )


def kinds_of_rows(table: WordTable, words: list[str]) -> set[tuple[str, ...]]:
    """The kinds of the words in each full row that has several words with a kind."""
    kinds = [
        [words[index][-2] for index in row if words[index][-1] in "xy"]
        for row in table.words
        if (row >= 0).all()
    ]
    return {tuple(row) for row in kinds if len(row) > 1}
