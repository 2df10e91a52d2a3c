"""The command `lightrnn train`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import FILE, FOLDER, READ, WRITE, device_option, threads_option
from rescorer.command import say, user_errors
from rescorer.command_line import Command, settings_options
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
@click.option("--vocabulary", type=FILE, required=True, help="Made by `lexicon vocabulary`.")
@click.option("-o", "--output", type=WRITE, required=True, help="The new lightrnn.pt.")
@click.option(
    "--work",
    type=FOLDER,
    help="Folder of the checkpoint and the logs; the same command resumes a run that was cut. "
    "[default: OUTPUT.work]",
)
@settings_options(network=LightRNNSettings, table=TableSettings, training=TrainingSettings)
@threads_option
@device_option
@user_errors
def train(
    texts: tuple[Path, ...],
    valid: Path,
    vocabulary: Path,
    output: Path,
    work: Path | None,
    network: LightRNNSettings,
    table: TableSettings,
    training: TrainingSettings,
    threads: int | None,
    device: str,
) -> None:
    """Train a LightRNN on TEXTS, a sentence a line, plain, .gz or .xz."""
    from rescorer.progress import ProgressDisplay
    from rescorer.training.train import train_model

    with ProgressDisplay(say) as display:
        train_model(
            texts,
            valid,
            vocabulary,
            output,
            work or output.with_name(f"{output.name}.work"),
            network=network,
            table_settings=table,
            training=training,
            threads=threads,
            device=device,
            say=display.say,
            progress=display,
        )
