"""What the commands of `nbest` share: the lists that they read."""

from __future__ import annotations

import click

from rescorer.cli.models import READ
from rescorer.recognition.format_names import NBEST_FORMATS

source_argument = click.argument("source", metavar="IN", type=READ)
format_option = click.option(
    "--format",
    metavar="FORMAT",
    help=f"Format of IN: {', '.join(NBEST_FORMATS)}. The content tells it by default.",
)
manifest_option = click.option(
    "--manifest",
    type=READ,
    help="NeMo's manifest, which has the utterances of its beams (.tsv); by default the one beside "
    "them.",
)
