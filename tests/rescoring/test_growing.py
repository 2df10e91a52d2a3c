"""Arrays that grow, against concatenation."""

from __future__ import annotations

import numpy as np
import pytest

from rescorer.rescoring.growing import Growing


@pytest.mark.parametrize("width", [(), (3,)])
def test_rows_are_the_concatenation_of_all_that_was_appended(width: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    parts = [draw.normal(size=(size, *width)) for size in (2, 0, 1, 7, 0, 30, 3)]
    growing = Growing(parts[0])
    for count, part in enumerate(parts[1:], start=2):
        growing.append(part)
        expected = np.concatenate(parts[:count])
        assert len(growing) == len(expected)
        assert growing.rows.dtype == expected.dtype
        assert (growing.rows == expected).all()


def test_the_first_rows_are_copied() -> None:
    first = np.arange(3)
    growing = Growing(first)
    growing.rows[0] = 9
    assert first.tolist() == [0, 1, 2]


def test_rows_can_be_appended_to_none() -> None:
    growing = Growing(np.zeros(0, np.int64))
    growing.append(np.array([4, 5]))
    assert growing.rows.tolist() == [4, 5]
