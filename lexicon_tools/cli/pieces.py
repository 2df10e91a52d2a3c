"""The command `lexicon pieces`."""

from __future__ import annotations

from pathlib import Path

import click

from lexicon_tools.cli.options import READ, WRITE
from rescorer.command import say, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("source", metavar="TEXT-OR-NBEST", type=READ)
@click.option(
    "--bpe-model", type=READ, required=True, help="The sentencepiece .model of the recogniser."
)
@click.option(
    "--to", "target", type=click.Choice(["words", "pieces"]), default="words", show_default=True
)
@click.option("--ids", is_flag=True, help="Pieces are written as their ids.")
@click.option(
    "--keys",
    is_flag=True,
    help="The first field of each line of a text is the utterance, and stays.",
)
@click.option(
    "-o",
    "--output",
    type=WRITE,
    required=True,
    help="Where the lines, or lists in their own format, go.",
)
@user_errors
def pieces(source: Path, bpe_model: Path, target: str, ids: bool, keys: bool, output: Path) -> None:
    """Join the pieces of a text or of n-best lists (`▁the ▁qu ick`) to words, or cut words into
    pieces.

    References of lists are words, and stay. Lattices of pieces go to `rescore --bpe-model` as they
    are.
    """
    from lexicon_tools.pieces import PieceModel, convert

    model = PieceModel(bpe_model, ids=ids)
    convert(source, output, model.to_words if target == "words" else model.to_pieces, keys=keys)
    if model.unknown:
        say(f"{model.unknown} unknown pieces, for characters that {bpe_model} lacks: {output}")
