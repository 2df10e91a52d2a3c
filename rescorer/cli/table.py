"""The command `lightrnn table`."""

from __future__ import annotations

from pathlib import Path

import click

from rescorer.cli.models import FILE, WRITE, english_model
from rescorer.command import print_lines, say, user_errors
from rescorer.command_line import Command


@click.command(cls=Command)
@click.argument("path", metavar="[MODEL]", type=FILE, required=False)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="NAME=FILE",
    help="Words of one kind, each alone on its line or before a tab, plain, .gz or .xz; may be "
    "repeated.",
)
@click.option(
    "--word", "words", multiple=True, help="Print its cell and its neighbours; may be repeated."
)
@click.option(
    "--row",
    "numbers",
    type=int,
    multiple=True,
    metavar="N",
    help="Print all of this row, counted from 0; may be repeated.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Rows printed.",
)
@click.option(
    "--order",
    type=click.Choice(["fullest", "purest"]),
    default="fullest",
    show_default=True,
    help="fullest: the rows with most words on their dominant list first; purest: those of "
    "highest purity.",
)
@click.option(
    "--show",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    metavar="N",
    help="Words printed of a row or a column.",
)
@click.option(
    "--html",
    "page",
    type=WRITE,
    help="Where one page goes on which to search and browse the table; it needs no network.",
)
@user_errors
def table(
    path: Path | None,
    lists: tuple[str, ...],
    words: tuple[str, ...],
    numbers: tuple[int, ...],
    rows: int,
    order: str,
    show: int,
    page: Path | None,
) -> None:
    """Print which words share a row of the table of MODEL, a lightrnn.pt; the English one of the
    package without it.

    A row's dominant list is the --list with most of its words; its purity is the share of its
    listed words that are on that list. Both count words, not how often they occur.
    """
    from rescorer.models.lightrnn import LightRNN
    from rescorer.reports.table_page import TableView, read_lists

    model = LightRNN.load(path) if path else english_model()
    assert isinstance(model, LightRNN)
    view = TableView(model, read_lists(lists))
    lines = [line for word in words for line in view.word_lines(word, show)]
    lines += [view.row_line(number) for number in numbers]
    if page:
        view.write_page(page, path.name if path else model.name)
        say(f"the table as a page: {page}")
    print_lines(lines or view.overview_lines(rows, show, order))
