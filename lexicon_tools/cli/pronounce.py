"""The command `lexicon pronounce`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, WRITE, words_argument
from lexicon_tools.pronunciation_settings import PronounceSettings
from rescorer.command import say, user_errors
from rescorer.command_line import Command, settings_options

_MISSING_SHOWN = 10


@click.command(cls=Command)
@words_argument
@click.option("-o", "--output", type=WRITE, required=True, help="Where the lexicon goes.")
@click.option(
    "--lexicon",
    "lexicon_path",
    type=READ,
    help="A lexicon of your own, in ARPAbet; it is asked before CMUdict.",
)
@settings_options(settings=PronounceSettings)
@user_errors
def pronounce(
    words: Path, output: Path, lexicon_path: Path | None, settings: PronounceSettings
) -> None:
    """Write a lexicon for the English words of WORDS, in ARPAbet without stress.

    WORDS has `word` or `word<TAB>count` a line, or was made by `lexicon gazetteer`. Pronunciations
    come from CMUdict where it has the word, else from the spelling. Words with digits or letters of
    other scripts have none; they are left out and counted.
    """
    from lexicon_tools.pronunciations import pronounce_words
    from lexicon_tools.word_lists import read_word_lists

    listed = list(read_word_lists(words))
    found = pronounce_words(listed, output, lexicon_path, settings)
    say(
        f"{found.looked_up} words from lexicons, {found.converted} from their spelling, "
        f"{len(found.missing)} without a pronunciation: {output}"
    )
    if found.missing:
        say(f"without a pronunciation: {', '.join(found.missing[:_MISSING_SHOWN])}")
