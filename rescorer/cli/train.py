"""The command `lightrnn train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from rescorer.cli.models import FILE, FOLDER, READ, WRITE, device_option, threads_option
from rescorer.command import say, user_errors
from rescorer.command_line import Command, given_options
from rescorer.models.lightrnn.settings import LightRNNSettings
from rescorer.training.settings import TableSettings, TrainingSettings


@click.command(cls=Command)
@click.argument("texts", type=READ, nargs=-1, required=True)
@click.option(
    "--valid",
    type=READ,
    required=True,
    help="Held-out text: the model that predicts it best is kept.",
)
@click.option(
    "--vocabulary",
    type=FILE,
    help="Made by `lexicon vocabulary`; settings that are not given have their defaults then. "
    "[default: the words of TEXTS, with settings chosen by the size of the text]",
)
@click.option(
    "--hours",
    type=float,
    help="Time that the run may take on this machine: settings are chosen so that it ends by then. "
    "[default: as long as the text is worth]",
)
@click.option("-o", "--output", type=WRITE, required=True, help="The new lightrnn.pt.")
@click.option(
    "--work",
    type=FOLDER,
    help="Folder of the checkpoint and the logs; the same command resumes a run that was cut. "
    "[default: OUTPUT.work]",
)
@given_options(
    LightRNNSettings,
    TableSettings,
    TrainingSettings,
    note="without --vocabulary, or with --hours, what is not given is chosen by the texts instead",
)
@threads_option
@device_option
@user_errors
def train(
    texts: tuple[Path, ...],
    valid: Path,
    vocabulary: Path | None,
    hours: float | None,
    output: Path,
    work: Path | None,
    given: Mapping[str, object],
    threads: int | None,
    device: str,
) -> None:
    """Train a LightRNN on TEXTS, a sentence a line, plain, .gz or .xz.

    Without --vocabulary, or with --hours, all settings that are not given are chosen by the size of
    the text.
    """
    from rescorer.progress import ProgressDisplay
    from rescorer.training.train import TrainingRequest, train_model

    work = work or output.with_name(f"{output.name}.work")
    request = TrainingRequest(texts, valid, output, work, given, vocabulary, hours, device, threads)
    with ProgressDisplay(say) as display:
        train_model(request, display.say, display)
