"""The command `nbest head`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rescorer.cli.nbest.options import format_option, manifest_option, source_argument
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command
from rescorer.errors import one_line

if TYPE_CHECKING:
    from rescorer.recognition.nbest import NBest


@click.command(cls=Command)
@source_argument
@click.option(
    "--utterances",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Utterances shown.",
)
@click.option(
    "--hypotheses",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Hypotheses shown of each.",
)
@format_option
@manifest_option
@user_errors
def head(
    source: Path, utterances: int, hypotheses: int, format: str | None, manifest: Path | None
) -> None:
    """Show the first utterances of the n-best lists IN: each hypothesis with key and scores."""
    from rescorer.recognition.formats import open_nbest

    reader = open_nbest(source, format, manifest=manifest)
    print_lines(
        one_line(line) for nbest in islice(reader, utterances) for line in _lines(nbest, hypotheses)
    )


def _lines(nbest: NBest, most: int) -> Iterator[str]:
    yield f"{nbest.utterance}: {len(nbest.hypotheses)} hypotheses"
    if nbest.reference is not None:
        yield f"  reference: {' '.join(nbest.reference)}"
    for each in islice(nbest.hypotheses, most):
        scores = " ".join(f"{name}={value:.6g}" for name, value in each.scores.items())
        yield f"  {each.key}: {' '.join(each.words)}  [{scores}]"
