"""The command `lexicon count`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from lexicon_tools.cli.options import READ, WRITE, processes_option
from rescorer.command import say, scheduler_option, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("texts", type=READ, nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=WRITE,
    required=True,
    help="Where word<TAB>count lines go, most frequent first.",
)
@processes_option
@click.option(
    "--memory",
    type=click.IntRange(min=64),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="What the words may take; beyond it they go to the folder of temporary files (TMPDIR).",
)
@scheduler_option
@user_errors
def count(
    texts: tuple[Path, ...], output: Path, processes: int, memory: int, scheduler: str | None
) -> None:
    """Count the words of TEXTS, a sentence a line, plain, .gz or .xz, for `lexicon vocabulary
    --counts`.

    The number of sentences is the count of </s>. There may be more distinct words than memory.
    """
    from lexicon_tools.counts import count_files
    from rescorer.rescoring.cluster import connected

    with connected(scheduler, say) if scheduler else nullcontext() as cluster:
        count_files(
            texts,
            output,
            processes=processes,
            memory=memory,
            counting=cluster.mapped if cluster else None,
        )
