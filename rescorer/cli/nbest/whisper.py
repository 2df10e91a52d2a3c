"""The command `nbest whisper`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import FOLDER
from rescorer.cli.nbest.audio import audio_argument, lists_option, running
from rescorer.command import user_errors
from rescorer.command_line import Command, settings_options
from rescorer.decoding.settings import FileSettings, WhisperSettings


@click.command(cls=Command)
@audio_argument
@click.option(
    "--model", type=FOLDER, required=True, help="Folder of a Whisper model in CTranslate2 form."
)
@lists_option
@settings_options(files=FileSettings, whisper=WhisperSettings)
@user_errors
def whisper(
    audio: tuple[Path, ...],
    model: Path,
    output: Path,
    files: FileSettings,
    whisper: WhisperSettings,
) -> None:
    """Decode AUDIO with Whisper to n-best lists.

    An utterance is a file of up to 30 s, or a stretch of speech of a longer one. Hypotheses are
    lower-case words; equal ones are added up. A run that was cut goes on with the file at which it
    was. Needs pip install 'lightrnn-rescorer[whisper]'.
    """
    from rescorer.decoding.runs import identity_of, write_lists
    from rescorer.decoding.whisper import Whisper

    recogniser = Whisper(model, whisper)
    with running(audio, output, identity_of(whisper, model), files) as (run, progress):
        write_lists(run, recogniser.decode, progress)
