"""The command `nbest vosk`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import FOLDER
from rescorer.cli.nbest.audio import audio_argument, lists_option, running
from rescorer.command import user_errors
from rescorer.command_line import Command, settings_options
from rescorer.decoding.settings import FileSettings, VoskSettings


@click.command(cls=Command)
@audio_argument
@click.option("--model", type=FOLDER, required=True, help="Folder of a Vosk model.")
@lists_option
@settings_options(files=FileSettings, vosk=VoskSettings)
@user_errors
def vosk(
    audio: tuple[Path, ...], model: Path, output: Path, files: FileSettings, vosk: VoskSettings
) -> None:
    """Decode AUDIO with Vosk to n-best lists.

    An utterance is what Vosk takes for one; its id has begin and end in hundredths of a second. A
    run that was cut goes on with the file at which it was. Needs
    pip install 'lightrnn-rescorer[vosk]'.
    """
    from rescorer.decoding.runs import identity_of, write_lists
    from rescorer.decoding.vosk import Vosk

    recogniser = Vosk(model, vosk)
    with running(audio, output, identity_of(vosk, model), files) as (run, progress):
        write_lists(run, recogniser.decode, progress)
