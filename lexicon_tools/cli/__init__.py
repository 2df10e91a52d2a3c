"""The command `lexicon`: words before the model. One module a command or a family of commands.

A new command is a module here, its import, and its name in the tuple below.
"""

from __future__ import annotations

import click

from lexicon_tools.cli.confusions import confusions
from lexicon_tools.cli.count import count
from lexicon_tools.cli.gazetteer import gazetteer
from lexicon_tools.cli.new_words import add_words, remove_words
from lexicon_tools.cli.normalise import normalise
from lexicon_tools.cli.oov import oov
from lexicon_tools.cli.pieces import pieces
from lexicon_tools.cli.pronounce import pronounce
from lexicon_tools.cli.vocabulary import vocabulary
from lexicon_tools.cli.words_txt import words_txt
from rescorer.command_line import Group


@click.group(cls=Group)
def lexicon() -> None:
    """Count words, make vocabularies, bring text into the shape of speech, give words to a
    model.
    """


for command in (
    count,
    gazetteer,
    vocabulary,
    oov,
    words_txt,
    normalise,
    pieces,
    pronounce,
    add_words,
    remove_words,
    confusions,
):
    lexicon.add_command(command)
