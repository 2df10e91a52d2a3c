"""The command `lexicon gazetteer`."""

from __future__ import annotations

from pathlib import Path


def test_gazetteer(tmp_path: Path, names: Path) -> None:
    assert names.read_text() == (
        "lima\t14\tplaces,surnames\ncity\t9\tplaces-alternates\nkings\t9\tplaces-alternates\n"
        "cat\t3\tsurnames\nsao\t3\tsurnames\nsão\t3\tsurnames\n"
    )
    assert (tmp_path / "phrases.txt").read_text() == "sao cat\nsão cat\n"
    assert (tmp_path / "dropped.tsv").read_text() == (
        "list\treason\tcount\texamples\nplaces-alternates\tcode\t1\t'MOW'\n"
        "places-alternates\tother script\t1\t'Лима'\nplaces-alternates\twords beyond the "
        "cap\t1\t'of'\n"
    )
