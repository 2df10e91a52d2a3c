"""Do rows mean something? The share of a list of words that is in its fullest rows.

    python -m benchmarks.row_purity lightrnn.pt --gazetteers DIR [--rows 10] [--least 20]
                                    [--seeds 5] [--show 8]

The folder of gazetteers holds places, surnames and first-names (.tsv.xz) and english-words.txt.xz
(SCOWL). Only words that occurred at least `--least` times in training are counted. The shares are
those in the model's table, in a table in the order of counts, and in tables of the same shape with
words in random cells (the mean of several). A list of n words can have at most as many words in
some rows as these have columns: that is the ceiling. A list of ten words is always in ten rows, so
the share in the fullest row is given as well.

The lists are made as follows. A word is common if SCOWL has it in lower case.

    places       one word, 15,000 inhabitants or more; not common; no surname or first name of 5,000
                 people
    surnames     of 5,000 people or more; not common; no first name of 5,000 people and no place of
                 15,000 inhabitants
    numbers      zero to nineteen, the tens, hundred to trillion
    months       without may and march, which are mostly other words
    participles  forms that differ from the past tense, of irregular verbs (taken, known), from the
                 list in this file
    past -ed     past tense or participle of a regular verb
    verbs -s     third person of a regular verb, or of an irregular one of the list

A regular verb is a word of SCOWL whose forms in -s, -ed and -ing are there, but no possessive.
SCOWL has a possessive of every noun, so `walks` is on no list, and `includes` is.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_table import WordTable
from rescorer.reports.table_page import TableView, share_in_fullest_rows

COLUMNS = (
    Column("list", "list"),
    Column("words", "words", ",d"),
    Column("model", "the model's"),
    Column("counts", "by counts"),
    Column("random", "random"),
    Column("ceiling", "ceiling"),
    Column("fullest", "words of its fullest row, those on the list in bold"),
)
_PEOPLE, _INHABITANTS = 5_000, 15_000
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve "
    "thirteen fourteen fifteen sixteen"
)
_NUMBERS = (
    f"{_UNITS} seventeen eighteen nineteen "
    "twenty thirty forty fifty sixty seventy eighty ninety hundred "
)
_LARGE = "thousand million billion trillion"
_MONTHS = "january february april june july august september october november december"
# Base and participle of verbs whose participle differs from the past tense. Neither form is mostly
# used as a noun or an adjective.
_IRREGULAR = """\
arise arisen awake awoken bear borne beget begotten begin begun bid bidden bite bitten blow blown
break broken choose chosen do done draw drawn drink drunk drive driven eat eaten fall fallen fly
flown forbid forbidden foresee foreseen forget forgotten forgive forgiven forsake forsaken freeze
frozen get gotten give given go gone grow grown hew hewn hide hidden know known lie lain mistake
mistaken overcome overcome override overridden oversee overseen overtake overtaken overthrow
overthrown prove proven redo redone ride ridden ring rung rise risen saw sawn see seen sew sewn
shake shaken show shown shrink shrunk sing sung sink sunk slay slain sow sown speak spoken spring
sprung steal stolen stride stridden strive striven swear sworn swell swollen swim swum take taken
tear torn throw thrown tread trodden undergo undergone undertake undertaken undo undone wake woken
wear worn weave woven withdraw withdrawn write written rewrite rewritten"""


def lines_of(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return file.read().split("\n")


def fields_of(folder: Path, name: str) -> list[list[str]]:
    """The lines of a list, without its header."""
    return [line.split("\t") for line in lines_of(folder / f"{name}.tsv.xz")[1:] if line]


def counted(rows: Iterable[list[str]], column: int, least: int) -> set[str]:
    """Lower-cased names of one word with at least this count."""
    return {row[0].lower() for row in rows if " " not in row[0] and int(row[column] or 0) >= least}


def third_person(verb: str) -> str:
    if verb.endswith(("s", "x", "z", "ch", "sh", "do", "go")):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if _y_after_consonant(verb) else f"{verb}s"


def past(verb: str) -> str:
    if _y_after_consonant(verb):
        return f"{verb[:-1]}ied"
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def present(verb: str) -> str:
    return (
        f"{verb[:-1]}ing"
        if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye"))
        else f"{verb}ing"
    )


def _y_after_consonant(verb: str) -> bool:
    return verb.endswith("y") and verb[-2:-1] not in "aeiou"


def regular_verbs(words: Set[str]) -> set[str]:
    """Words that have the forms of a verb, without a doubled consonant, and none of a noun."""
    return {
        word
        for word in words
        if word.isalpha()
        and word.islower()
        and len(word) > 2
        and f"{word}'s" not in words
        and {third_person(word), past(word), present(word)} <= words
    }


def make_lists(folder: Path) -> dict[str, set[str]]:
    """The lists by their names."""
    words = set(lines_of(folder / "english-words.txt.xz"))
    common = {word for word in words if word.islower()}
    towns, families, firsts = (
        fields_of(folder, name) for name in ("places", "surnames", "first-names")
    )
    places = counted(towns, 2, _INHABITANTS) - common
    surnames, first_names = (counted(people, 1, _PEOPLE) - common for people in (families, firsts))
    verbs = regular_verbs(words)
    bases, participles = _IRREGULAR.split()[0::2], _IRREGULAR.split()[1::2]
    irregular = {third_person(base) for base in bases if f"{base}'s" not in words}
    return {
        "places": places - surnames - first_names,
        "surnames": surnames - places - first_names,
        "numbers": set((_NUMBERS + _LARGE).split()),
        "months": set(_MONTHS.split()),
        "participles": set(participles) - set(bases),
        "past -ed": {past(verb) for verb in verbs},
        "verbs -s": {third_person(verb) for verb in verbs} | irregular,
    }


def seen(lists: Mapping[str, Set[str]], model: LightRNN, least: int) -> dict[str, list[str]]:
    """The words of each list that occurred so often in training; empty lists are left out."""
    vocabulary = model.vocabulary
    counts = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
    kept = {
        name: sorted(word for word in words if counts.get(word, 0) >= least)
        for name, words in lists.items()
    }
    return {name: words for name, words in kept.items() if words}


def shares(
    model: LightRNN, tables: Iterable[WordTable], words: list[str], rows: int
) -> tuple[float, float]:
    """The share of a list's words in its fullest rows and in the fullest one.

    Means over several tables of this shape.
    """
    found = []
    for table in tables:
        model.set_table(table)
        found.append([share_in_fullest_rows(model, words, number) for number in (rows, 1)])
    ten, one = np.mean(found, 0)
    return float(ten), float(one)


def fullest(view: TableView, words: list[str], show: int) -> str:
    """The most frequent words of the row with most words of a list.

    Words of the list are in bold.
    """
    listed = set(words)
    rows = view.table.row_of[view.vocabulary.encode(words)]
    inside = view.row_words(int(np.bincount(rows).argmax()))[:show]
    return " ".join(f"**{word}**" if word in listed else word for word in inside)


def percent(pair: tuple[float, float]) -> str:
    return f"{100 * pair[0]:.1f} ({100 * pair[1]:.1f})"


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--gazetteers", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument(
        "--least", type=int, default=20, help="times that a word was seen in training"
    )
    parser.add_argument("--seeds", type=int, default=5, help="random tables")
    parser.add_argument(
        "--show", type=int, default=8, help="words of each list's fullest row; 0: none"
    )
    arguments = parser.parse_args()
    model = LightRNN.load(arguments.model)
    lists = seen(make_lists(arguments.gazetteers), model, arguments.least)
    view, trained = TableView(model), model.table
    size, columns = len(model.vocabulary), trained.columns
    first = WordTable.shaped(size, trained.rows, columns)
    chance = [trained.shuffled(seed) for seed in range(arguments.seeds)]
    columns_shown = COLUMNS if arguments.show else COLUMNS[:-1]
    measured = Measurement(
        __file__,
        arguments,
        "Do rows mean something?",
        "What share of a list of words is in its fullest rows, in the model's table and by chance?",
        columns_shown,
        machine(),
    )
    for name, words in lists.items():
        found = [
            shares(model, tables, words, arguments.rows) for tables in ([trained], [first], chance)
        ]
        most = (min(1.0, arguments.rows * columns / len(words)), min(1.0, columns / len(words)))
        row = dict(
            zip(("model", "counts", "random", "ceiling"), map(percent, (*found, most)), strict=True)
        )
        measured.add(
            list=name, words=len(words), **row, fullest=fullest(view, words, arguments.show)
        )
    measured.note(
        f"{arguments.model.name}: {size:,} words, {trained.rows} rows × {columns} columns; words "
        "seen "
        f"{arguments.least} times or more; per cent of a list in its {arguments.rows} fullest rows "
        "(in the one)."
    )
    measured.finish()


if __name__ == "__main__":
    main()
