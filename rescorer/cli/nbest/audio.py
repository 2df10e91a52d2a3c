"""What the commands that decode audio share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rescorer.cli.models import FILE, WRITE
from rescorer.command import say
from rescorer.progress import Progress, ProgressDisplay

if TYPE_CHECKING:
    from rescorer.decoding.runs import Run
    from rescorer.decoding.settings import FileSettings

audio_argument = click.argument("audio", nargs=-1, required=True, type=FILE)
lists_option = click.option(
    "-o", "--output", type=WRITE, required=True, help="Where the lists go, as JSON lines."
)


@contextmanager
def running(
    audio: Iterable[Path], output: Path, identity: str, settings: FileSettings
) -> Iterator[tuple[Run, Progress]]:
    """A run over audio files, which says on stderr how far it is and what it found."""
    from rescorer.decoding.audio import SAMPLE_RATE
    from rescorer.decoding.runs import Run, open_files
    from rescorer.recognition.formats.parsing import ErrorCollector

    collector = ErrorCollector(settings.skip_bad)
    run = Run(open_files(audio, collector), output, identity, collector)
    rates = [file.rate for file in run.files if file.rate < SAMPLE_RATE]
    if rates:
        say(
            f"{len(rates)} of {len(run.files)} files have less than {SAMPLE_RATE} samples a "
            f"second ({min(rates)}): they are converted, and more errors are likely"
        )
    for file in run.files:
        if file.missing:
            say(f"{file.path}: {file.missing:.1f} s of it are missing: it was cut short")
    with ProgressDisplay(say) as progress:
        yield run, progress
    for path in run.silent:
        say(f"{path}: nobody speaks in it, so it has no list")
    for error in collector.errors:
        say(f"skipped: {error}")
    say(run.throughput.line())
