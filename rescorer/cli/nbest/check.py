"""The command `nbest check`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.nbest.options import format_option, manifest_option, source_argument
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command
from rescorer.errors import InputError


@click.command(cls=Command)
@source_argument
@format_option
@manifest_option
@user_errors
def check(source: Path, format: str | None, manifest: Path | None) -> None:
    """Say what the n-best lists IN are: format, utterances, hypotheses, scores, and faults by line.

    The exit status is 2 if a line or an utterance cannot be used.
    """
    from rescorer.recognition.formats import open_nbest
    from rescorer.recognition.formats.parsing import ErrorCollector
    from rescorer.recognition.summary import summarise

    collector = ErrorCollector(skip=True)
    try:
        reader = open_nbest(source, format, manifest=manifest, collector=collector)
        summary = summarise(reader)
    except InputError:
        if not collector.errors:
            raise
        lines = ["nothing can be used"]
    else:
        lines = [f"format {reader.format.name}", *reader.remarks, *summary.lines()]
    print_lines([*lines, *(f"fault: {fault}" for fault in collector.errors)])
    if collector.errors:
        raise InputError(
            f"{len(collector.errors)} faults",
            remedy="correct them, as listed above",
            file=source,
        )
