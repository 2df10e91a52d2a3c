"""The command `nbest convert`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import WRITE
from rescorer.cli.nbest.options import format_option, manifest_option, source_argument
from rescorer.command import say, user_errors
from rescorer.command_line import Command
from rescorer.recognition.format_names import WRITTEN_FORMATS


@click.command(cls=Command)
@source_argument
@click.argument("output", metavar="OUT", type=WRITE)
@click.option(
    "--to",
    default="jsonl",
    show_default=True,
    metavar="FORMAT",
    help=f"Format of OUT: {', '.join(WRITTEN_FORMATS)}.",
)
@format_option
@manifest_option
@user_errors
def convert(source: Path, output: Path, to: str, format: str | None, manifest: Path | None) -> None:
    """Write the n-best lists IN in another format.

    JSON lines hold everything. Formats of one score a hypothesis get the total, else the first
    pass's score.
    """
    from rescorer.recognition.formats import open_nbest, write_nbest

    reader = open_nbest(source, format, manifest=manifest)
    write_nbest(output, reader, to)
    for remark in reader.remarks:
        say(remark)
