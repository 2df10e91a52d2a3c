"""How often each word of large texts occurs, and files of counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import duckdb
import numpy as np

from lexicon_tools.word_blocks import Mapped, block_counts
from rescorer.errors import InputError
from rescorer.files import read_lines, write_lines
from rescorer.models.vocabulary import SENTENCE_END, SENTENCE_START
from rescorer.models.word_counts import checked_counts, count_words, no_word
from rescorer.parallel import mapped
from rescorer.work_folders import temporary_folder

_COUNT = re.compile("[0-9]{1,18}")  # fits int64
_HELD = 1 << 19  # distinct words counted in Python, some 60 MB, before the database takes them
_ROWS = 1 << 14  # fetched from the database at a time
_MOST_FREQUENT = (
    "SELECT word, CAST(sum(count) AS BIGINT) AS total FROM parts GROUP BY word "
    "ORDER BY total DESC, word"
)


def count_files(
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    processes: int = 1,
    memory: int = 1024,
    counting: Mapped | None = None,
) -> None:
    """Write the counts of `count_words`, case as it is, to a file: `word<TAB>count`, most frequent
    first.

    Equals stand in the order of their code points. The words are grouped in DuckDB, which takes the
    folder of temporary files (TMPDIR) for what does not fit into memory.

    Args:
        memory: MiB that DuckDB may take; Python takes about 100 more, and as much for each further
            process.
        counting: who counts instead of the processes, such as the workers of a cluster; the words
            are grouped here.

    Raises:
        InputError: as `count_words`, or the memory or the disk is too small.
    """
    paths = list(paths)
    counting = counting or partial(mapped, processes=processes)
    with _database(memory, processes) as database:
        held: Counter[str] = Counter()
        for counts in block_counts(paths, counting):
            held.update(checked_counts(counts, paths))
            if len(held) > _HELD:
                _hand_over(held, database)
        _hand_over(held, database)
        rows = _most_frequent(database)
        first = next(rows, None)
        if first is None:
            raise no_word(paths)
        write_lines(output, (f"{word}\t{count}" for word, count in chain([first], rows)))


def read_counts(path: str | Path, *, case: str = "as-is") -> Counter[str]:
    """What `count_files` wrote; with case "lower" the counts of words that then are one are added.

    Raises:
        InputError: a line that is not `word<TAB>count`, with its number, or none.
    """
    counts: Counter[str] = Counter()
    for number, line in read_lines(path):
        spelled, _, count = line.partition("\t")
        word = spelled.lower() if case == "lower" else spelled
        is_mark = word == SENTENCE_START or (word == SENTENCE_END and word != spelled)
        if not _COUNT.fullmatch(count) or word.split() != [word] or is_mark:
            raise InputError(
                f"{line[:80]!r}",
                expected="word<TAB>count",
                remedy="make it with `lexicon count`",
                file=path,
                line=number,
            )
        counts[word] += int(count)
    if not counts:
        raise InputError(
            "no word", expected="word<TAB>count", remedy="make it with `lexicon count`", file=path
        )
    return counts


def all_counts(
    texts: Sequence[str | Path], counted: Sequence[str | Path] = (), *, case: str = "as-is"
) -> Counter[str]:
    """The counts of texts and of files of counts together. Raises InputError as `count_words` and
    `read_counts` do.
    """
    counts = count_words(texts, case=case) if texts else Counter()
    for path in counted:
        counts.update(read_counts(path, case=case))
    return counts


@contextmanager
def _database(memory: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database on disk with the empty table `parts` of words and their counts; gone
    afterwards.
    """
    with temporary_folder() as folder:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory}MiB",
            "threads": threads,
            "temp_directory": str(folder),
            "preserve_insertion_order": False,
        }
        try:
            with duckdb.connect(f"{folder}/counts.duckdb", config=settings) as database:
                database.execute("CREATE TABLE parts (word VARCHAR, count BIGINT)")
                yield database
        except duckdb.Error as error:
            raise InputError(
                f"the words cannot be grouped: {str(error).splitlines()[0]}",
                remedy="raise --memory, or let TMPDIR name a folder with more space",
            ) from None
        except RuntimeError as error:
            if "interrupted" not in str(error):
                raise
            raise KeyboardInterrupt from None  # so DuckDB says that it was Ctrl-C


def _hand_over(held: Counter[str], database: duckdb.DuckDBPyConnection) -> None:
    """Move the counts held to the database."""
    if not held:
        return
    part = {
        "word": np.array(list(held), dtype=object),
        "count": np.fromiter(held.values(), np.int64, len(held)),
    }
    database.register("part", part)
    database.execute("INSERT INTO parts SELECT word, count FROM part")
    database.unregister("part")
    held.clear()


def _most_frequent(database: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int]]:
    rows = database.execute(_MOST_FREQUENT)
    while batch := rows.fetchmany(_ROWS):
        yield from batch
