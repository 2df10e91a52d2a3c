"""The command `lightrnn reallocate`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import (
    FOLDER,
    READ,
    device_option,
    model_argument,
    new_model_option,
    threads_option,
)
from rescorer.command import say, user_errors
from rescorer.command_line import Command, settings_options
from rescorer.training.settings import ReallocationSettings


@click.command(cls=Command)
@model_argument
@click.argument("texts", type=READ, nargs=-1, required=True)
@new_model_option
@click.option(
    "--work",
    type=FOLDER,
    help="Folder by which the same command resumes a run that was cut. [default: OUTPUT.work]",
)
@click.option(
    "--lists",
    type=READ,
    help="The .lists.tsv of `lexicon vocabulary --list`: words that TEXTS lack get cells near "
    "other words of their lists.",
)
@settings_options(settings=ReallocationSettings)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the blocks. [default: 0]")
@threads_option
@device_option
@user_errors
def reallocate(
    path: Path,
    texts: tuple[Path, ...],
    output: Path,
    work: Path | None,
    lists: Path | None,
    settings: ReallocationSettings,
    seed: int | None,
    threads: int | None,
    device: str,
) -> None:
    """Assign the words of MODEL to cells anew, each where the network expects it in TEXTS.

    Nothing is trained. The embeddings stay with their rows and columns, which other words share
    then: train on afterwards, or compare perplexities first.
    """
    from rescorer.progress import ProgressDisplay
    from rescorer.training.model_files import reallocate_file

    with ProgressDisplay(say) as display:
        reallocate_file(
            path,
            texts,
            output,
            settings if seed is None else settings.with_seed(seed),
            work=work or output.with_name(f"{output.name}.work"),
            lists=lists,
            threads=threads,
            device=device,
            say=display.say,
            progress=display,
        )
