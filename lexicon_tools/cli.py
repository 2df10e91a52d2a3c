"""The command `lexicon`: words before the model."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli import user_errors

_PATH = click.Path(path_type=Path)


@click.group()
def lexicon() -> None:
    """Count words, make vocabularies, bring text into the shape of speech."""


@lexicon.command()
@click.argument("texts", type=_PATH, nargs=-1, required=True)
@click.option("--output", type=_PATH, required=True, help="Where word<TAB>count lines go.")
@click.option("--min-count", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--max-size", type=click.IntRange(min=3), help="Words at most, </s> and <unk> among them.")
@click.option("--case", type=click.Choice(["as-is", "lower"]), default="as-is", show_default=True,
              help="lower: every word is lower-cased here and wherever the vocabulary is used.")
@user_errors
def vocabulary(texts: tuple[Path, ...], output: Path, min_count: int, max_size: int | None, case: str) -> None:
    """Make the vocabulary of TEXTS: training text only, never what a model is tested on."""
    from lexicon_tools.counts import count_words, make_vocabulary

    counts = count_words(texts, case=case)
    words = make_vocabulary(counts, min_count=min_count, max_size=max_size, case=case)
    words.save(output)
    unknown = words.counts[words.unknown_id] / counts.total()
    click.echo(f"{len(words)} words, {100 * unknown:.2f} % of the text's {counts.total()} words unknown: {output}",
               err=True)


@lexicon.command()
@click.argument("texts", type=_PATH, nargs=-1, required=True)
@click.option("--output", type=_PATH, required=True, help="Where the sentences go, one a line.")
@click.option("--processes", type=click.IntRange(min=1), default=1, show_default=True)
@user_errors
def normalise(texts: tuple[Path, ...], output: Path, processes: int) -> None:
    """Turn running TEXTS into sentences as they are spoken: lower case, no punctuation, numbers in words."""
    from lexicon_tools.normalise import normalise_files

    normalise_files(texts, output, processes)
