"""The command `lexicon gazetteer`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import CASE, READ, WRITE
from rescorer.command import say, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("lists", type=READ, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=WRITE, required=True, help="Where word<TAB>count<TAB>lists lines go."
)
@click.option("--phrases", type=WRITE, help="Where the names of several words go, one a line.")
@click.option(
    "--report", type=WRITE, help="Where it goes what was left out and why, with examples."
)
@click.option(
    "--case", type=CASE, default="lower", show_default=True, help="lower: words are lower-cased."
)
@click.option(
    "--cap",
    "caps",
    type=(str, click.IntRange(min=0)),
    multiple=True,
    metavar="NAME N",
    help="Keep N words of a list, those of the greatest counts; may be repeated.",
)
@user_errors
def gazetteer(
    lists: tuple[Path, ...],
    output: Path,
    phrases: Path | None,
    report: Path | None,
    case: str,
    caps: tuple[tuple[str, int], ...],
) -> None:
    """Turn LISTS of names and places into words as they are spoken, as `lexicon normalise` writes
    them.

    A list is called by its file's name up to the first dot. A .tsv or .csv has a header line: names
    are in the column name, word, surname, last_name, first_name, given_name, place or city, their
    counts in count, population or frequency, other names, | between them, in alternate_names: these
    make the list NAME-alternates. Other files have one name a line. Words with diacritics are
    there without them as well.
    """
    from lexicon_tools.gazetteer import read_gazetteer
    from lexicon_tools.word_lists import by_list

    found = read_gazetteer(lists, case=case, caps=dict(caps))
    found.save(output, phrases, report)
    for name, words in by_list(found.words).items():
        say(f"{name}: {len(words)} words of {found.names[name]} names")
    for (name, reason), texts in sorted(found.dropped.items()):
        say(f"{name}: left out, {reason}: {len(texts)}")
    say(f"{len(found.words)} words, {len(found.phrases)} names of several words: {output}")
