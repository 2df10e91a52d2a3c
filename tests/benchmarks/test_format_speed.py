"""The files that the benchmark of formats puts together are read whole."""

from __future__ import annotations

import pytest
from tiny import nbest

from benchmarks.format_speed import measure
from rescorer.recognition.formats import FORMATS

LISTS = [nbest(f"u{n}", ("the cat", -1.5), ("a cat sat", -2.0)) for n in range(3)]


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read_and_perhaps_written(name: str) -> None:
    row = measure(name, LISTS, repeats=1)
    assert row["hypotheses"] == (3 if name in ("one-best", "icefall") else 6)
    assert row["read"] > 0 and (row["written"] is None) == (FORMATS[name].write is None)
