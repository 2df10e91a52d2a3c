"""The command `lexicon normalise`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, WRITE, processes_option
from rescorer.command import user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("texts", type=READ, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=WRITE, required=True, help="Where the sentences go, one a line."
)
@processes_option
@user_errors
def normalise(texts: tuple[Path, ...], output: Path, processes: int) -> None:
    """Turn running TEXTS into sentences as they are spoken: lower case, no punctuation, numbers in
    words.
    """
    from lexicon_tools.normalise import normalise_files

    normalise_files(texts, output, processes)
