"""The command `lexicon count`."""

from __future__ import annotations

from pathlib import Path

from lexicon_commands import run


def test_count(tmp_path: Path, text: Path) -> None:
    for processes in (1, 2):
        result = run(
            "count",
            text,
            text,
            "--output",
            tmp_path / "counts.tsv",
            "--processes",
            processes,
            "--memory",
            64,
        )
        assert result.exit_code == 0 and result.output == ""
        assert (
            tmp_path / "counts.tsv"
        ).read_text() == "</s>\t6\nthe\t4\nStraße\t2\nThe\t2\ncat\t2\ndog\t2\n"
