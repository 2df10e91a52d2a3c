"""A text and a gazetteer for the commands of `lexicon`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from lexicon_commands import run


@pytest.fixture
def text(tmp_path: Path) -> Path:
    with gzip.open(tmp_path / "text.gz", "wt", encoding="utf-8") as file:
        file.write("The cat\nthe dog\nthe Straße\n")
    return tmp_path / "text.gz"


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """words.tsv of a gazetteer: two surnames, of which one is a place as well."""
    (tmp_path / "surnames.tsv").write_text(
        "surname\tcount\nLima\t5\nSão-Cat\t3\n", encoding="utf-8"
    )
    (tmp_path / "places.tsv").write_text(
        "name\tpopulation\talternate_names\nLima\t9\tMOW|Лима|City of Kings\n"
    )
    result = run(
        "gazetteer",
        tmp_path / "surnames.tsv",
        tmp_path / "places.tsv",
        "--output",
        tmp_path / "names.tsv",
        "--phrases",
        tmp_path / "phrases.txt",
        "--report",
        tmp_path / "dropped.tsv",
        "--cap",
        "places-alternates",
        2,
    )
    assert result.exit_code == 0 and result.stdout == ""
    assert result.stderr.splitlines() == [
        "places: 1 words of 1 names",
        "places-alternates: 2 words of 3 names",
        "surnames: 4 words of 2 names",
        "places-alternates: left out, code: 1",
        "places-alternates: left out, other script: 1",
        "places-alternates: left out, words beyond the cap: 1",
        f"6 words, 2 names of several words: {tmp_path / 'names.tsv'}",
    ]
    return tmp_path / "names.tsv"
