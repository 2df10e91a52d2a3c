"""The command `nbest`: n-best lists from any recogniser, into any format. One module a command.

A new command is a module here, its import, and its name in the tuple below.
"""

from __future__ import annotations

import click

from rescorer.cli.nbest.pocketsphinx import pocketsphinx
from rescorer.cli.nbest.vosk import vosk
from rescorer.cli.nbest.whisper import whisper
from rescorer.command_line import Group


@click.group(cls=Group)
def nbest() -> None:
    """Convert, check and show n-best lists of speech recognisers."""


for command in (whisper, vosk, pocketsphinx):
    nbest.add_command(command)
