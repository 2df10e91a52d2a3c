"""The command `lightrnn spell`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import model_argument, new_model_option
from rescorer.command import say, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@model_argument
@new_model_option
@user_errors
def spell(path: Path, output: Path) -> None:
    """Learn from the words of MODEL how unknown words are spelled, if MODEL was trained without.

    The network stays as it is. With spellings, `rescore` tells unknown words apart.
    """
    from rescorer.training.model_files import spell_file

    spell_file(path, output, say=say)
