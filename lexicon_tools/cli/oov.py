"""The command `lexicon oov`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, vocabulary_option
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command

_UNKNOWN_SHOWN = 20


@click.command(cls=Command)
@click.argument("source", metavar="TEXT-OR-NBEST", type=READ)
@vocabulary_option
@click.option(
    "--lists",
    "lists_path",
    type=READ,
    help="Made by `lexicon gazetteer`, or a list of words: count its lists apart.",
)
@user_errors
def oov(source: Path, vocabulary_path: Path, lists_path: Path | None) -> None:
    """Print how many words of a text or of n-best lists are unknown: all, then list by list, the
    worst first.
    """
    from lexicon_tools.oov import count_source, rates, unknown_words
    from lexicon_tools.vocabulary import load_vocabulary
    from lexicon_tools.word_lists import by_list, read_word_lists

    known = load_vocabulary(vocabulary_path)
    listed = read_word_lists(lists_path, case=known.case) if lists_path else {}
    lines = []
    for part, counts in count_source(source, known).items():
        unknown = unknown_words(counts, known)
        lines.append(
            f"{part:<24} {'words':>10} {'unknown':>8} {'%':>6} {'distinct':>10} {'unknown':>8} "
            f"{'%':>6}"
        )
        for rate in rates(counts, unknown, by_list(listed)):
            lines.append(
                f"{rate.name:<24} {rate.words:>10} {rate.unknown:>8} {100 * rate.share:6.2f} "
                f"{rate.types:>10} {rate.unknown_types:>8} "
                f"{100 * rate.unknown_types / rate.types:6.2f}"
            )
        for word in list(unknown)[:_UNKNOWN_SHOWN]:
            lists = " ".join(listed[word].lists) if word in listed else ""
            lines.append(f"{unknown[word]:>10} {word} {lists}".rstrip())
    print_lines(lines)
