"""The commands `lexicon add-words` and `lexicon remove-words`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from lexicon_tools.cli.options import (
    READ,
    WRITE,
    model_argument,
    new_model_option,
    words_argument,
)
from lexicon_tools.recogniser_settings import RecogniserFiles, RecogniserSettings
from rescorer.command import InputPath, OutputPath, say, user_errors
from rescorer.command_line import Command, Option, settings_options
from rescorer.errors import InputError
from rescorer.training.settings import NewWordSettings


def _recogniser_option(
    name: str, type: InputPath | OutputPath, help: str
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    return click.option(name, cls=Option, type=type, group="Recogniser", help=help)


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
@_recogniser_option(
    "--recogniser-output",
    WRITE,
    "Folder for what a recogniser needs of the words: pronunciations, words.txt, ARPA, lists.",
)
@_recogniser_option(
    "--lexicon",
    READ,
    "The recogniser's dictionary: whose words are left out, whose phones are used.",
)
@_recogniser_option("--words-txt", READ, "The recogniser's words.txt, which is extended.")
@_recogniser_option("--arpa", READ, "The recogniser's n-gram model, which is extended.")
@settings_options(settings=NewWordSettings, recogniser_settings=RecogniserSettings)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@user_errors
def add_words(
    path: Path,
    words: Path,
    output: Path,
    texts: tuple[Path, ...],
    like: Path | None,
    replay: tuple[Path, ...],
    recogniser_output: Path | None,
    lexicon: Path | None,
    words_txt: Path | None,
    arpa: Path | None,
    settings: NewWordSettings,
    recogniser_settings: RecogniserSettings,
    device: str,
) -> None:
    """Give the words of WORDS cells in the table of MODEL.

    WORDS has `word` or `word<TAB>pseudo-count` a line, or was made by `lexicon gazetteer`. Each
    word gets the free cell in which the network expects it. Without --finetune and --move nothing
    is trained, and remove-words brings the old probabilities back. MODEL stays as it is.

    With --recogniser-output the words get pronunciations, too, and --lexicon, --words-txt and
    --arpa decide what else is written for the recogniser.
    """
    from rescorer.training.model_files import add_words_file

    given = RecogniserFiles(lexicon, words_txt, arpa)
    with _recogniser_files(recogniser_output, given, path, words, settings, recogniser_settings):
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


def _recogniser_files(
    folder: Path | None,
    given: RecogniserFiles,
    model: Path,
    listed: Path,
    settings: NewWordSettings,
    recogniser_settings: RecogniserSettings,
) -> AbstractContextManager[None]:
    """What writes the files for the recogniser; nothing without a folder.

    Raises:
        InputError: files of a recogniser are given without a folder.
    """
    if folder is None:
        if given != RecogniserFiles():
            raise InputError(
                "--lexicon, --words-txt and --arpa are for --recogniser-output",
                remedy="give --recogniser-output, or leave them out",
            )
        return nullcontext()
    from lexicon_tools.recogniser_files import recogniser_files
    from lexicon_tools.vocabulary import load_vocabulary
    from rescorer.models.word_list import WordList

    words = WordList.read(listed, load_vocabulary(model), count=settings.prior)
    counts = dict(zip(words.words, words.counts.tolist(), strict=True))
    return recogniser_files(folder, counts, given, recogniser_settings, say)


@click.command("remove-words", cls=Command)
@model_argument
@words_argument
@new_model_option
@user_errors
def remove_words(path: Path, words: Path, output: Path) -> None:
    """Take the words of WORDS out of MODEL; their cells become free."""
    from rescorer.training.model_files import remove_words_file

    remove_words_file(path, words, output, say=say)
