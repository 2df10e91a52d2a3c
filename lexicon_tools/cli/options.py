"""What the commands of `lexicon` share: types of paths, arguments and options."""

from __future__ import annotations

import click

from rescorer.command import InputPath, OutputPath

READ, WRITE = InputPath(), OutputPath()
FILE = InputPath(pipe=False)  # a model
CASE = click.Choice(["as-is", "lower"])

processes_option = click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True
)
vocabulary_option = click.option(
    "--vocabulary",
    "vocabulary_path",
    type=FILE,
    required=True,
    help="A words.tsv or a lightrnn.pt.",
)
model_argument = click.argument("path", metavar="MODEL", type=FILE)
words_argument = click.argument("words", type=READ)
new_model_option = click.option(
    "-o", "--output", type=WRITE, required=True, help="The new lightrnn.pt."
)
