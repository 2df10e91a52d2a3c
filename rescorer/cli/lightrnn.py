"""The command `lightrnn`: train and measure LightRNN language models."""

from __future__ import annotations

import click

from rescorer.cli.export import export
from rescorer.cli.perplexity import perplexity
from rescorer.cli.predict import predict
from rescorer.cli.reallocate import reallocate
from rescorer.cli.spell import spell
from rescorer.cli.table import table
from rescorer.cli.train import train
from rescorer.command_line import Group


@click.group(cls=Group)
def lightrnn() -> None:
    """Train and measure LightRNN language models."""


for command in (train, perplexity, predict, table, reallocate, spell, export):
    lightrnn.add_command(command)
