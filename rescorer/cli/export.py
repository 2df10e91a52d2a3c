"""The command `lightrnn export`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import READ, WRITE, model_argument, sentences_of
from rescorer.command import print_lines, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@model_argument
@click.option(
    "-o",
    "--output",
    type=WRITE,
    required=True,
    help="Where the .onnx goes: network and words in one.",
)
@click.option(
    "--int8", is_flag=True, help="Store numbers in int8: a smaller and quicker file, slightly off."
)
@click.option(
    "--text",
    type=READ,
    help="Sentences, one a line, on which the file is compared with MODEL; random "
    "words without it.",
)
@user_errors
def export(path: Path, output: Path, int8: bool, text: Path | None) -> None:
    """Write MODEL, a lightrnn.pt, as ONNX for onnxruntime: scoring then needs no torch.

    Prints how large the file is and how far its log-probabilities are off; with --int8 and --text,
    what the perplexity loses. Unknown words are scored as <unk>: their spelling stays behind.
    """
    from rescorer.models.lightrnn import LightRNN
    from rescorer.models.lightrnn.onnx_export import export as export_model

    sentences = sentences_of(text) if text else ()
    print_lines(export_model(LightRNN.load(path), output, int8=int8, sentences=sentences))
