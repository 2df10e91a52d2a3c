"""The command `nbest`: n-best lists from any recogniser, into any format. One module a command.

A new command is a module here, its import, and its name in the tuple below.
"""

from __future__ import annotations

import click

from rescorer.cli.nbest.check import check
from rescorer.cli.nbest.convert import convert
from rescorer.cli.nbest.head import head
from rescorer.cli.nbest.pocketsphinx import pocketsphinx
from rescorer.cli.nbest.vosk import vosk
from rescorer.cli.nbest.whisper import whisper
from rescorer.command_line import Group


@click.group(cls=Group)
def nbest() -> None:
    """Make, convert, check and show n-best lists of speech recognisers."""


for command in (convert, check, head, whisper, vosk, pocketsphinx):
    nbest.add_command(command)
