"""The command `nbest convert`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import READ, WRITE
from rescorer.command import say, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("source", metavar="IN", type=READ)
@click.argument("output", metavar="OUT", type=WRITE)
@click.option("--format", help="Format of IN; the content tells it by default.")
@click.option("--to", default="jsonl", show_default=True, help="Format of OUT.")
@user_errors
def convert(source: Path, output: Path, format: str | None, to: str) -> None:
    """Write the n-best lists IN in another format, with all scores that it can hold."""
    from rescorer.recognition.formats import read_nbest, write_nbest

    read = read_nbest(source, format)
    for remark in read.remarks:
        say(remark)
    write_nbest(output, read.lists, to)
