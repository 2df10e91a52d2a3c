from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from rescorer.pronunciation.edit_lattice import (
    LONGEST,
    PhonePair,
    batches,
    expected_counts,
    pair_probabilities,
)
from rescorer.pronunciation.edit_table import EditTable

SIZE = 3
PAIRS: list[PhonePair] = [
    ((0,), (0,)),
    ((0, 1), (1,)),
    ((0, 1, 2), (2, 1)),
    ((2,), (1, 0)),
    ((1, 1), (0, 2, 2, 1)),
    ((), (1,)),
    ((1,), ()),
    ((2, 0, 1, 0), (0, 1, 0)),
]

Operation = tuple[str, tuple[int, ...]]  # field of the table, and the phones in it


def random_table(seed: int, size: int = SIZE) -> EditTable:
    generator = np.random.default_rng(seed)
    counts = EditTable(*(generator.random(array.shape) for array in EditTable.zeros(size).arrays()))
    return counts.normalised(stops=2.0)


def alignments(
    spoken: tuple[int, ...], written: tuple[int, ...]
) -> Iterator[tuple[Operation, ...]]:
    """Every way to edit spoken phones into written ones."""
    if not spoken and not written:
        yield ()
    steps = [
        (1, 1, "substitution"),
        (1, 0, "deletion"),
        (0, 1, "insertion"),
        (2, 1, "merge"),
        (1, 2, "split"),
    ]
    for taken, made, name in steps:
        if len(spoken) >= taken and len(written) >= made and taken + made:
            operation = (name, (*spoken[:taken], *written[:made]))
            for rest in alignments(spoken[taken:], written[made:]):
                yield (operation, *rest)


def alignment_probability(operations: tuple[Operation, ...], table: EditTable) -> float:
    stop = 1 - table.insertion.sum()
    ends = 1 + sum(name != "insertion" for name, _ in operations)
    return float(
        stop**ends * np.prod([getattr(table, name)[phones] for name, phones in operations])
    )


@pytest.mark.parametrize("pair", PAIRS)
def test_probability_is_the_sum_over_all_alignments(pair: PhonePair) -> None:
    table = random_table(1)
    expected = sum(alignment_probability(each, table) for each in alignments(*pair))
    assert pair_probabilities(batches([pair]), table) == pytest.approx([expected], rel=1e-12)


def test_counts_are_those_of_all_alignments() -> None:
    table, weights = random_table(2), np.arange(1.0, len(PAIRS) + 1)
    expected = EditTable.zeros(SIZE)
    for pair, weight in zip(PAIRS, weights, strict=True):
        ways = list(alignments(*pair))
        probabilities = np.array([alignment_probability(way, table) for way in ways])
        for way, posterior in zip(ways, probabilities / probabilities.sum(), strict=True):
            for (name, phones), times in Counter(way).items():
                getattr(expected, name)[phones] += weight * posterior * times
    found = expected_counts(batches(PAIRS), table, weights)
    for mine, theirs in zip(found.arrays(), expected.arrays(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_probabilities_of_all_written_phones_sum_to_one() -> None:
    """Without merges, which the last phone cannot take part in."""
    table = random_table(3, size=2)
    spoken = table.merge.sum((1, 2))
    table = EditTable(
        table.substitution,
        table.deletion + spoken,
        table.insertion * 0.05,
        np.zeros_like(table.merge),
        table.split,
    )
    pairs = [((0, 1), written) for length in range(8) for written in product((0, 1), repeat=length)]
    assert pair_probabilities(batches(pairs), table).sum() == pytest.approx(1, abs=1e-4)


def test_batches_do_not_change_a_probability() -> None:
    generator = np.random.default_rng(4)
    pairs = [
        (tuple(generator.integers(SIZE, size=one)), tuple(generator.integers(SIZE, size=other)))
        for one, other in generator.integers(0, LONGEST + 1, (50, 2))
    ]
    table = random_table(5)
    alone = [pair_probabilities(batches([pair]), table)[0] for pair in pairs]
    together = pair_probabilities(batches(pairs), table)
    assert np.all(together > 0)
    np.testing.assert_allclose(together, alone, rtol=1e-9)


def test_no_pairs() -> None:
    assert pair_probabilities(batches([]), random_table(6)).tolist() == []


def test_pairs_that_are_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at most 40"):
        batches([((0,) * (LONGEST + 1), (0,))])
