"""The command `lightrnn predict`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rescorer.cli.models import FILE, device_option, english_model
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command
from rescorer.errors import InputError


@click.command(cls=Command)
@click.argument("history", metavar="[WORDS]...", nargs=-1)
@click.option("--lm", type=FILE, help="A lightrnn.pt; the English model of the package without it.")
@click.option("--prefix", help="The letters that the word begins with.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="K",
    help="Words proposed.",
)
@click.option(
    "--keys",
    is_flag=True,
    help="Answer each line of stdin, words<TAB>prefix, at once by a line, "
    "word<TAB>probability<TAB>…, as an input method asks.",
)
@device_option
@user_errors
def predict(
    history: tuple[str, ...], lm: Path | None, prefix: str | None, top: int, keys: bool, device: str
) -> None:
    """Print the most probable words after WORDS that begin with a prefix, and P(word | WORDS) of
    each.

    WORDS begin a sentence. The probability is among all words, not among those with the prefix.
    """
    from rescorer.models.completion import Completer, can_begin_word, read_keys
    from rescorer.models.loading import load

    if keys and (history or prefix is not None):
        raise InputError(
            "--keys with words or --prefix", remedy="leave those out: they come on stdin"
        )
    if not can_begin_word(prefix or ""):
        raise InputError(
            f"--prefix {prefix!r}",
            expected="the letters of one word",
            remedy="give whole words as WORDS, before it",
        )
    completer = Completer(load(lm, device) if lm else english_model(device))
    if keys:
        for words, begun in read_keys(sys.stdin.buffer):
            print_lines(["\t".join(map(_proposal, completer.words(words, begun, top)))])
    else:
        print_lines(map(_proposal, completer.words(" ".join(history).split(), prefix or "", top)))


def _proposal(found: tuple[str, float]) -> str:
    word, probability = found
    return f"{word}\t{probability:.6g}"
