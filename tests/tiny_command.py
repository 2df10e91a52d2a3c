"""A small command with settings, and what runs it."""

from __future__ import annotations

from dataclasses import dataclass

import click
from click.testing import CliRunner, Result

from rescorer.command_line import Command, Group, settings_options
from rescorer.settings import check, setting


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
