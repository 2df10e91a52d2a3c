"""The command `lexicon vocabulary`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexicon_tools.cli.options import CASE, READ, WRITE
from rescorer.command import say, user_errors
from rescorer.command_line import Command
from rescorer.errors import InputError

if TYPE_CHECKING:
    from rescorer.models.vocabulary import Vocabulary


@click.command(cls=Command)
@click.argument("texts", type=READ, nargs=-1)
@click.option(
    "--counts",
    "counted",
    type=READ,
    multiple=True,
    help="Made by `lexicon count`; may be repeated.",
)
@click.option(
    "--list",
    "lists",
    type=(READ, click.IntRange(min=0)),
    multiple=True,
    metavar="FILE N",
    help="Its words are always in, each as if seen N times more; may be repeated. Made by `lexicon "
    "gazetteer`, or a word or word<TAB>count a line, called by its file's name up to the first "
    "dot. Which lists a word is in goes to OUTPUT with .lists.tsv.",
)
@click.option("-o", "--output", type=WRITE, required=True, help="Where word<TAB>count lines go.")
@click.option("--min-count", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--max-size", type=click.IntRange(min=3), help="Words at most, </s> and <unk> among them."
)
@click.option(
    "--case",
    type=CASE,
    default="as-is",
    show_default=True,
    help="lower: every word is lower-cased here and wherever the vocabulary is used.",
)
@user_errors
def vocabulary(
    texts: tuple[Path, ...],
    counted: tuple[Path, ...],
    lists: tuple[tuple[Path, int], ...],
    output: Path,
    min_count: int,
    max_size: int | None,
    case: str,
) -> None:
    """Make the vocabulary of TEXTS: training text only, never what a model is tested on.

    Later words need no room here: they take the free cells of a model's table.
    """
    from lexicon_tools.counts import all_counts
    from lexicon_tools.word_lists import (
        by_list,
        joined,
        pseudo_counts,
        read_word_lists,
        write_word_lists,
    )
    from rescorer.models.word_counts import make_vocabulary

    if not (texts or counted or lists):
        raise InputError(
            "no words", expected="TEXTS, --counts or --list", remedy="give one of them"
        )
    counts = all_counts(texts, counted, case=case)
    files = [(read_word_lists(path, case=case), weight) for path, weight in lists]
    words = make_vocabulary(
        counts,
        pseudo_counts=pseudo_counts(files),
        min_count=min_count,
        max_size=max_size,
        case=case,
    )
    listed = joined(file for file, _ in files)
    if listed:
        write_word_lists(output.with_suffix(".lists.tsv"), listed)
    words.save(output)
    _describe(words, counts, by_list(listed), output)


def _describe(
    words: Vocabulary, counts: Counter[str], lists: Mapping[str, set[str]], output: Path
) -> None:
    unknown = words.counts[words.unknown_id] / max(counts.total(), 1)
    say(
        f"{len(words)} words, {100 * unknown:.2f} % of the text's {counts.total()} words "
        f"unknown: {output}"
    )
    for name, members in lists.items():
        say(f"{name}: {len(members)} words, {len(members - counts.keys())} of them not in the text")
