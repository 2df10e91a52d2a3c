"""Commands: help, version, and errors in one line."""

from __future__ import annotations

from tiny_command import house, line_of, run

from rescorer.version import __version__


def test_a_command_that_does_not_exist() -> None:
    assert "tran" in line_of(run("tran", command=house))
    assert "see house" in line_of(run("train", "--bad", command=house)).replace(
        "house train", "house"
    )


def test_help_shows_the_everyday_options_and_help_all_the_rest() -> None:
    short, long = run("--help").stdout, run("--help-all").stdout
    assert "--lr" in short and "Training:" in short and "[default: 0.004]" in short
    assert "--dropout" not in short
    for name in ("--lr", "--dropout", "--rows", "--tied / --no-tied", "--sweeps", "--config"):
        assert name in long
    assert "--seed" not in long


def test_version() -> None:
    assert __version__ in run("--version").stdout
    assert __version__ in run("--version", command=house).stdout
