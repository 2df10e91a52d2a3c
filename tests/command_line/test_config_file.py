"""Files of settings: read, printed, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_command import Inner, Settings, line_of, run


def test_config_and_the_option_that_wins(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        "lr = 1\ndropout = 0.5\nafter = [3]\ntied = false\nsweeps = 9\n"
    )
    result = run("a", "--config", str(tmp_path / "c.toml"), "--dropout", "0.25")
    wanted = Settings(lr=1.0, dropout=0.25, after=(3,), tied=False, inner=Inner(9))
    assert result.stdout == f"a {wanted}\n"


def test_print_config_needs_no_argument_and_reads_back(tmp_path: Path) -> None:
    printed = run("--print-config", "--rows", "5", "--after", "4").stdout
    (tmp_path / "c.toml").write_text(printed)
    assert (
        run("a", "--config", str(tmp_path / "c.toml")).stdout
        == f"a {Settings(rows=5, after=(4,))}\n"
    )
    assert "# rows =" in run("--print-config").stdout


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("lear = 1", "c.toml: a setting 'lear'; expected 'lr', perhaps"),
        ("dropot = 1", "c.toml: a setting 'dropot'; expected 'dropout', perhaps"),
        ('lr = "fast"', 'c.toml: lr = "fast"; expected a number'),
        ("rows = 1.5", "c.toml: rows = 1.5; expected a whole number"),
        ("tied = 1", "c.toml: tied = 1; expected a truth value"),
        ("after = 1", "c.toml: after = 1; expected a list of whole numbers"),
        ("after = [1, true]", "expected a list of whole numbers"),
        ("dropout = 1.0", "c.toml: dropout = 1.0; expected at least 0 and less than 1"),
        ('kind = "cubic"', "expected one of linear, log-linear"),
        ("lr =", "c.toml: no TOML"),
    ],
)
def test_bad_config(tmp_path: Path, content: str, wanted: str) -> None:
    (tmp_path / "c.toml").write_text(content)
    assert wanted in line_of(run("a", "--config", str(tmp_path / "c.toml")))
