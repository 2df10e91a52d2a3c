"""Commands made from settings: what a user sees, and what a command gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from rescorer.command_line import Command, Group, settings_options
from rescorer.settings import check, setting
from rescorer.version import __version__


@dataclass(frozen=True)
class Inner:
    sweeps: int = setting(2, "Number of sweeps.", minimum=0)
    seed: int = setting(7, "Seed.", option=False)
    rows: int = setting(64, "A setting of the outer one's name.", option=False)


@dataclass(frozen=True)
class Settings:
    lr: float = setting(4e-3, "Learning rate.", above=0, group="Training")
    dropout: float = setting(0.0, "Dropout.", minimum=0, below=1)
    rows: int | None = setting(None, "Number of rows.", minimum=1)
    tied: bool = setting(True, "Tie the embeddings.")
    kind: str = setting("linear", "Kind of mixture.", choices=("linear", "log-linear"))
    after: tuple[int, ...] = setting((), "Intervals.", minimum=1)
    inner: Inner = setting(Inner(), "")

    def __post_init__(self) -> None:
        check(self)


@click.command(cls=Command)
@click.argument("text")
@settings_options(settings=Settings)
def train(text: str, settings: Settings) -> None:
    """Train."""
    click.echo(f"{text} {settings}")


@click.group(cls=Group)
def house() -> None:
    """All."""


house.add_command(train)


def run(*args: str, command: click.Command = train) -> Result:
    return CliRunner().invoke(command, args)


def line_of(result: Result) -> str:
    """The one line on stderr of a command that ended with status 2 and printed nothing else."""
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_defaults_are_those_of_the_dataclass() -> None:
    assert run("a.txt").stdout == f"a.txt {Settings()}\n"


def test_options_reach_their_fields() -> None:
    result = run(
        "a",
        "--lr",
        "0.1",
        "--no-tied",
        "--rows",
        "3",
        "--after",
        "1",
        "--after",
        "2",
        "--sweeps",
        "0",
        "--kind",
        "log-linear",
    )
    wanted = Settings(lr=0.1, rows=3, tied=False, kind="log-linear", after=(1, 2), inner=Inner(0))
    assert result.stdout == f"a {wanted}\n"


def test_a_setting_that_is_no_option_keeps_its_default() -> None:
    assert f"{Settings(rows=3)}" in run("a", "--rows", "3").stdout
    assert Settings(rows=3).inner.rows == 64


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


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["a", "--dropout", "1.5"], "--dropout 1.5; expected at least 0 and less than 1"),
        (["a", "--lr", "nan"], "--lr nan; expected a number"),
        (["a", "--rows", "x"], "'x' is not a valid integer"),
        (["a", "--dropuot", "1"], "--dropout"),
        (["a", "--sweeps", "-1"], "expected at least 0"),
        (["a", "--kind", "cubic"], "'linear', 'log-linear'"),
        (["a", "--seed", "1"], "No such option"),
        ([], "Missing argument 'TEXT'"),
        (["a", "--config", "none.toml"], "none.toml: cannot be read"),
    ],
)
def test_bad_options(args: list[str], wanted: str) -> None:
    assert wanted in line_of(run(*args))


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


def test_two_settings_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="two settings of one name"):
        settings_options(one=Inner, two=Inner)


def test_a_value_out_of_range_names_field_and_bounds() -> None:
    with pytest.raises(ValueError, match=r"dropout = 1.0: expected at least 0 and less than 1"):
        Settings(dropout=1.0)
