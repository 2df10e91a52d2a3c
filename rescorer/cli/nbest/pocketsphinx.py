"""The command `nbest pocketsphinx`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import WRITE
from rescorer.cli.nbest.audio import audio_argument, running
from rescorer.command import user_errors
from rescorer.command_line import Command, settings_options
from rescorer.decoding.settings import FileSettings, PocketSphinxSettings


@click.command(cls=Command)
@audio_argument
@click.option(
    "-o", "--output", type=WRITE, required=True, help="Folder for the lattices, ID.slf.gz."
)
@settings_options(files=FileSettings, sphinx=PocketSphinxSettings)
@user_errors
def pocketsphinx(
    audio: tuple[Path, ...], output: Path, files: FileSettings, sphinx: PocketSphinxSettings
) -> None:
    """Decode AUDIO with PocketSphinx to lattices, which `rescore` reads.

    An utterance is a file of up to 30 s, or a stretch of speech of a longer one. A run that was
    cut goes on with the file at which it was. Needs pip install 'lightrnn-rescorer[pocketsphinx]'.
    """
    from rescorer.decoding.pocketsphinx import PocketSphinx
    from rescorer.decoding.runs import identity_of, write_lattices

    recogniser = PocketSphinx(sphinx)
    identity = identity_of(sphinx, sphinx.hmm, sphinx.lm, sphinx.dict)
    with running(audio, output, identity, files) as (run, progress):
        write_lattices(run, recogniser.decode, progress)
