"""The command `lexicon words-txt`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, WRITE, vocabulary_option
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command
from rescorer.errors import InputError

_MISSING_SHOWN = 10


@click.command("words-txt", cls=Command)
@vocabulary_option
@click.option("-o", "--output", type=WRITE, help="Where the words.txt goes.")
@click.option(
    "--kind",
    type=click.Choice(["kaldi", "k2"]),
    default="kaldi",
    show_default=True,
    help="Whose order: kaldi sorts !SIL, <SPOKEN_NOISE> and <UNK> among the words, k2 has them "
    "as 1, 2, 3.",
)
@click.option(
    "--check", type=READ, help="A recogniser's words.txt: print which words each side lacks."
)
@user_errors
def words_txt(vocabulary_path: Path, output: Path | None, kind: str, check: Path | None) -> None:
    """Write the words.txt of a vocabulary for Kaldi or k2, or check that a vocabulary fits a
    recogniser's.
    """
    from lexicon_tools.vocabulary import load_vocabulary
    from lexicon_tools.words_txt import fit, write_words_txt

    if (output is None) == (check is None):
        raise InputError(
            "nothing to do, or two things", expected="either --output or --check", remedy="give one"
        )
    known = load_vocabulary(vocabulary_path)
    if output:
        write_words_txt(known, output, kind)
    if check:
        found = fit(check, known)
        print_lines(
            [
                f"{found.both} words are in both",
                _lack(vocabulary_path, found.only_symbols, check),
                _lack(check, found.only_vocabulary, vocabulary_path),
            ]
        )


def _lack(path: Path, words: list[str], other: Path) -> str:
    first = ", ".join(words[:_MISSING_SHOWN])
    return f"{path} lacks {len(words)} words of {other}" + (
        f", the first: {first}" if words else ""
    )
