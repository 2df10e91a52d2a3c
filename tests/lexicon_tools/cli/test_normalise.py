"""The command `lexicon normalise`."""

from __future__ import annotations

from pathlib import Path

from lexicon_commands import run


def test_normalise(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("The cat sat on 2 mats, and then it ran away.\n")
    result = run("normalise", tmp_path / "text", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (
        " ".join((tmp_path / "out").read_text().split())
        == "the cat sat on two mats and then it ran away"
    )
