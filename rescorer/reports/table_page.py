"""The table of a LightRNN as text and as a page: words that share a row, and the lists (places,
surnames, …) that the rows hold.

All counts are of distinct words, not of occurrences. A row's *listed* words are those on at least
one list; its *dominant* list is the one with most of the row's words (of several, the first given);
its *purity* is the share of its listed words that are on the dominant list. A word on several lists
counts for each, once among the listed.

Shapes: V vocabulary, R rows, C columns, K lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import read_lines
from rescorer.models.lightrnn import LightRNN
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.reports.page import write_page

_FULLEST = 10  # rows of the share that the overview prints for a list


def read_lists(named: Iterable[str]) -> dict[str, list[str]]:
    """Read lists given as NAME=FILE: a word a line, alone or before a tab; plain, .gz or .xz.

    Unlike a word list, FILE may be any table of names: only its first column is read.

    Raises:
        InputError: not NAME=FILE, a name given twice, or a file that cannot be read.
    """
    lists: dict[str, list[str]] = {}
    for given in named:
        name, _, path = given.partition("=")
        if not name or not path:
            raise InputError(
                f"the list {given!r}",
                expected="NAME=FILE",
                remedy="give it a name, --list places=FILE",
            )
        if name in lists:
            raise InputError(f"two lists are named {name!r}", remedy="give each list another name")
        words = (line.split("\t", 1)[0].strip() for _, line in read_lines(path))
        lists[name] = [word for word in words if word]
    return lists


def share_in_fullest_rows(model: LightRNN, words: Iterable[str], rows: int = _FULLEST) -> float:
    """The share, 0 to 1, of a list's words in the `rows` rows that hold most of them.

    Words outside the vocabulary and repetitions do not count.

    Raises:
        InputError: none of the words is in the vocabulary.
    """
    return _share_in_fullest(model.table, _known_ids("the list", words, model.vocabulary), rows)


def _known_ids(name: str, words: Iterable[str], vocabulary: Vocabulary) -> np.ndarray:
    """The sorted, distinct ids of the words that the vocabulary holds."""
    ids: np.ndarray = np.unique(vocabulary.encode(list(words)))
    ids = ids[ids != vocabulary.unknown_id]
    if not len(ids):
        raise InputError(
            f"{name}: no word of it is in the model's vocabulary",
            remedy="check its words and their case",
        )
    return ids


def _share_in_fullest(table: WordTable, ids: np.ndarray, rows: int) -> float:
    by_row = np.bincount(table.row_of[ids], minlength=table.rows)
    return float(np.sort(by_row)[::-1][:rows].sum() / len(ids))


@dataclass(frozen=True)
class RowSummary:
    """The words of one row by lists.

    Attributes:
        row: number of the row, from 0.
        words: number of its words.
        listed: number of its words on any list.
        dominant: name of the list with most of its words; "" if none is listed.
        on_dominant: number of its words on that list.
    """

    row: int
    words: int
    listed: int
    dominant: str
    on_dominant: int

    @property
    def purity(self) -> float:
        """The share of the listed words that are on the dominant list; 0 if none is listed."""
        return self.on_dominant / self.listed if self.listed else 0.0


_ORDERS: dict[str, Callable[[RowSummary], tuple[float, float]]] = {
    "fullest": lambda summary: (-summary.on_dominant, -summary.purity),
    "purest": lambda summary: (-summary.purity, -summary.on_dominant),
}


class TableView:
    """The table of a model beside lists of words.

    Attributes:
        lists: [ids] of each list's words that the vocabulary holds, by its name.
    """

    def __init__(self, model: LightRNN, lists: Mapping[str, Sequence[str]] | None = None) -> None:
        """Raises InputError if no word of a list is in the vocabulary."""
        self.vocabulary, self.table = model.vocabulary, model.table
        lists = lists or {}
        self._sizes = {
            name: len(set(map(self.vocabulary.normalise, words))) for name, words in lists.items()
        }
        self.lists = {
            name: _known_ids(f"list {name}", words, self.vocabulary)
            for name, words in lists.items()
        }

    # ---- summaries ----

    @cached_property
    def _grid(self) -> np.ndarray:
        return self.table.words

    @cached_property
    def _on_lists(self) -> np.ndarray:
        """[K, R] the number of a row's words on each list."""
        counts = [
            np.bincount(self.table.row_of[ids], minlength=self.table.rows)
            for ids in self.lists.values()
        ]
        return np.array(counts, dtype=np.int64).reshape(len(self.lists), self.table.rows)

    @cached_property
    def summaries(self) -> list[RowSummary]:
        """The summary of each row, in the order of the table."""
        everyone = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *self.lists.values()]))
        listed = np.bincount(self.table.row_of[everyone], minlength=self.table.rows)
        words = np.bincount(self.table.row_of, minlength=self.table.rows)
        most = self._on_lists.max(0, initial=0)
        names = [*self.lists, ""]
        which = np.where(most > 0, self._on_lists.argmax(0) if self.lists else 0, len(self.lists))
        columns = (
            words.tolist(),
            listed.tolist(),
            (names[index] for index in which),
            most.tolist(),
        )
        return [RowSummary(row, *values) for row, values in enumerate(zip(*columns, strict=True))]

    def ordered(self, order: str = "fullest") -> list[RowSummary]:
        """The rows that hold a word, sorted.

        Args:
            order: "fullest": most words on the dominant list first, then by purity; "purest": the
                highest purity first, then by words.
        """
        return sorted((summary for summary in self.summaries if summary.words), key=_ORDERS[order])

    def row_words(self, row: int) -> list[str]:
        """The words of a row, most frequent first."""
        return self._words(self._grid[row])

    def column_words(self, column: int) -> list[str]:
        """The words of a column, most frequent first."""
        return self._words(self._grid[:, column])

    def _words(self, ids: np.ndarray) -> list[str]:
        ids = ids[ids >= 0]
        order = np.lexsort((ids, -self.vocabulary.counts[ids]))
        return [self.vocabulary.words[index] for index in ids[order]]

    # ---- as lines for a terminal ----

    def overview_lines(self, rows: int, show: int, order: str = "fullest") -> Iterator[str]:
        """The size of the table, the share of each list, and the first rows with `show` words."""
        table, held = self.table, len(self.vocabulary)
        free = table.rows * table.columns - held
        yield f"{table.rows} rows × {table.columns} columns, {held} words, {free} free cells"
        for name, ids in self.lists.items():
            share = _share_in_fullest(table, ids, _FULLEST)
            yield (
                f"{name}: {len(ids)} of {self._sizes[name]} words in the vocabulary, "
                f"{100 * share:.1f} % of these in its {_FULLEST} fullest rows"
            )
        yield (
            f"{'row':>7} {'words':>7} {'listed':>7} {'purity':>8} {'on list':>7} "
            f"{'':<{self._name_width}}  most frequent words"
        )
        for summary in self.ordered(order)[:rows]:
            yield self._row_line(summary, show)

    def row_line(self, row: int) -> str:
        """One row with all its words. Raises InputError if the table has no such row."""
        if not 0 <= row < self.table.rows:
            raise InputError(
                f"there is no row {row}",
                expected=f"0 to {self.table.rows - 1}",
                remedy="correct the number",
            )
        return self._row_line(self.summaries[row], None)

    def _row_line(self, summary: RowSummary, show: int | None) -> str:
        words = _shown(self.row_words(summary.row), show)
        purity = f"{100 * summary.purity:.1f} %" if summary.listed else "-"
        return (
            f"{summary.row:>7} {summary.words:>7} {summary.listed:>7} {purity:>8} "
            f"{summary.on_dominant:>7} {summary.dominant or '-':<{self._name_width}}  {words}"
        )

    @property
    def _name_width(self) -> int:
        return max(map(len, self.lists), default=1)

    def word_lines(self, word: str, show: int) -> Iterator[str]:
        """The cell of a word, and the words of its row and column.

        Raises:
            InputError: the table does not hold the word.
        """
        if word not in self.vocabulary:
            raise InputError(
                f"the table does not hold the word {word!r}",
                remedy="check its spelling and its case",
            )
        word = self.vocabulary.normalise(word)
        index = int(self.vocabulary.encode([word])[0])
        row, column = divmod(int(self.table.cells[index]), self.table.columns)
        names = [name for name, ids in self.lists.items() if index in ids]
        yield (
            f"{word}: row {row}, column {column}, seen {self.vocabulary.counts[index]} times, "
            f"lists: {', '.join(names) or '-'}"
        )
        for name, number, words in (
            ("row", row, self.row_words(row)),
            ("column", column, self.column_words(column)),
        ):
            words.remove(word)
            yield f"  {name} {number}: {_shown(words, show)}"

    # ---- as a page ----

    def write_page(self, path: str | Path, title: str) -> None:
        """Write one HTML file that needs no other file and no network: 10 MB at a million words.

        Raises:
            InputError: it cannot be written.
        """
        write_page(path, "table", [("data", self._page_data(title))])

    def _page_data(self, title: str) -> dict[str, object]:
        """The data of the page."""
        lists = list(self.lists)
        return {
            "title": title,
            "case": self.vocabulary.case,
            "rows": self.table.rows,
            "columns": self.table.columns,
            "words": "\n".join(self.vocabulary.words),
            "counts": self.vocabulary.counts.tolist(),
            "cells": self.table.cells.tolist(),
            # Differences of neighbouring ids are small numbers, which compress well.
            "lists": [
                {"name": name, "steps": np.diff(ids, prepend=0).tolist()}
                for name, ids in self.lists.items()
            ],
            "onLists": self._on_lists.tolist(),
            "listed": [summary.listed for summary in self.summaries],
            "dominant": [
                lists.index(summary.dominant) if summary.dominant else -1
                for summary in self.summaries
            ],
            "fullest": [summary.row for summary in self.ordered("fullest")],
            "purest": [summary.row for summary in self.ordered("purest")],
        }


def _shown(words: list[str], show: int | None) -> str:
    left_out = len(words) - show if show is not None else 0
    return " ".join(words[:show]) + (f" … {left_out} more" if left_out > 0 else "")
