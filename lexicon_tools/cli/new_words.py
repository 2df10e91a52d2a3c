"""The commands `lexicon add-words` and `lexicon remove-words`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, model_argument, new_model_option, words_argument
from rescorer.command import say, user_errors
from rescorer.command_line import Command, settings_options
from rescorer.training.settings import NewWordSettings


@click.command("add-words", cls=Command)
@model_argument
@words_argument
@new_model_option
@click.option(
    "--text",
    "texts",
    type=READ,
    multiple=True,
    help="Example sentences that hold new words, one a line; may be repeated.",
)
@click.option(
    "--like",
    type=READ,
    help="Known words that the new ones are like, such as a list of surnames.",
)
@click.option(
    "--replay",
    type=READ,
    multiple=True,
    help="Old text, such as MODEL was trained on; may be repeated.",
)
@settings_options(settings=NewWordSettings)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@user_errors
def add_words(
    path: Path,
    words: Path,
    output: Path,
    texts: tuple[Path, ...],
    like: Path | None,
    replay: tuple[Path, ...],
    settings: NewWordSettings,
    device: str,
) -> None:
    """Give the words of WORDS cells in the table of MODEL.

    WORDS has `word` or `word<TAB>pseudo-count` a line, or was made by `lexicon gazetteer`. Each
    word gets the free cell in which the network expects it. Without --finetune and --move nothing
    is trained, and remove-words brings the old probabilities back. MODEL stays as it is.
    """
    from rescorer.training.model_files import add_words_file

    add_words_file(
        path,
        words,
        output,
        settings,
        texts=texts,
        like=like,
        replay=replay,
        device=device,
        say=say,
    )


@click.command("remove-words", cls=Command)
@model_argument
@words_argument
@new_model_option
@user_errors
def remove_words(path: Path, words: Path, output: Path) -> None:
    """Take the words of WORDS out of MODEL; their cells become free."""
    from rescorer.training.model_files import remove_words_file

    remove_words_file(path, words, output, say=say)
