"""The report as one HTML page: totals, tuned weights, confusions, and every utterance.

The page holds its data: "data" is what all its views need; "lists-0", "lists-1", … hold the
hypotheses of `UTTERANCES` utterances each, which the page unpacks when a reader asks for them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rescorer.recognition.nbest import Hypothesis, NBest
from rescorer.reports.alignment import GAP, Alignment, Pair, confusions
from rescorer.reports.error_rate import ErrorRate, Words, errors
from rescorer.reports.page import write_page
from rescorer.reports.report import FIRST_PASS_ROW, ORACLE_ROW, Report
from rescorer.reports.run_details import Replacement, RunDetails

UTTERANCES = 100  # whose lists are unpacked together
# The best hypotheses of a list; that of the first pass and the one with the fewest errors are there
# wherever they stand.
HYPOTHESES = 20
_NO_WORD = -1


def write_html(path: str | Path, report: Report, details: RunDetails) -> None:
    """Write the page, whole or not at all. Raises InputError if it cannot be written."""
    write_page(path, "report", _blocks(report, details))


def _blocks(report: Report, details: RunDetails) -> Iterator[tuple[str, object]]:
    yield "data", {**_summary(report, details), **_utterances(report, details)}
    by_utterance = {each.utterance: each for each in details.lists}
    lists = [_list(report, place, by_utterance.get(name)) for place, name in _numbered(report)]
    for block in range(0, len(lists), UTTERANCES):
        yield f"lists-{block // UTTERANCES}", lists[block : block + UTTERANCES]


def _numbered(report: Report) -> Iterator[tuple[int, str]]:
    return enumerate(report.references)


# ---- the summary ----


def _summary(report: Report, details: RunDetails) -> dict[str, object]:
    listed = [
        {"name": f"{name}, {kind}", **_rate(rate)}
        for name, rates in report.listed.items()
        for kind, rate in zip(("listed words", "other words"), rates, strict=True)
    ]
    return {
        "title": details.title,
        "rates": [{"name": name, **_rate(rate)} for name, rate in report.rows.items()],
        "listedRates": listed,
        "result": report.result,
        "verdict": report.verdict_line(),
        "isWorse": report.worse or report.verdict == "worse",
        "remarks": report.remarks(),
        "curves": [asdict(curve) for curve in details.curves],
        "listSize": UTTERANCES if details.lists else 0,
    }


def _rate(rate: ErrorRate) -> dict[str, float | None]:
    return rate.as_dict()


# ---- the utterances ----


class _WordNumbers:
    """Numbers for the words of the page, which occur many times."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {GAP: _NO_WORD}

    def __getitem__(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers) - 1)

    def of(self, words: Words) -> list[int]:
        return [self[word] for word in words]

    @property
    def words(self) -> list[str]:
        return list(self._numbers)[1:]


def _utterances(report: Report, details: RunDetails) -> dict[str, object]:
    """What the page knows of each utterance; `after` is null where it is as `before`.

    The value of a side is its operations, a letter each, and the words of substitutions and
    insertions.
    """
    numbers = _WordNumbers()
    before, after = (report.alignments(row) for row in (FIRST_PASS_ROW, report.result))
    spoken = list(report.references.values())
    oracle = zip(spoken, report.words[ORACLE_ROW], strict=True)
    found: dict[str, object] = {
        "utterances": list(report.references),
        "reference": [numbers.of(words) for words in spoken],
        "before": [_side(alignment, numbers) for alignment in before],
        "after": [
            None if one == other else _side(other, numbers)
            for one, other in zip(before, after, strict=True)
        ],
        "oracle": [errors(reference, words) for reference, words in oracle],
        "confusions": _confusions(confusions(before), confusions(after), numbers),
        "replaced": _replaced(report, details.replacements),
    }
    words = numbers.words
    listed = [number for number, word in enumerate(words) if word in report.listed_words]
    return {**found, "words": words, "listed": listed}


def _side(alignment: Alignment, numbers: _WordNumbers) -> list[object]:
    operations = "".join(map(_operation, alignment))
    pairs = zip(operations, alignment, strict=True)
    return [operations, [numbers[pair[1]] for operation, pair in pairs if operation in "SI"]]


def _operation(pair: Pair) -> str:
    spoken, recognised = pair
    if spoken == recognised:
        return "="
    return "I" if spoken == GAP else "D" if recognised == GAP else "S"


def _confusions(
    before: Counter[Pair], after: Counter[Pair], numbers: _WordNumbers
) -> list[list[int]]:
    """Both words, and how often before and after; the most frequent first."""
    pairs = sorted(before | after, key=lambda pair: (-before[pair] - after[pair], pair))
    return [[*map(numbers.__getitem__, pair), before[pair], after[pair]] for pair in pairs]


def _replaced(
    report: Report, replacements: Sequence[Replacement]
) -> dict[int, list[tuple[int, int, str]]]:
    """For utterances by place: where the words of a name begin in the result, how many they are,
    and what they replaced.
    """
    of_utterance = defaultdict(list)
    for each in replacements:
        of_utterance[each.utterance].append(each)
    found = {
        place: list(_places(report, report.words[report.result][place], of_utterance[name]))
        for place, name in _numbered(report)
        if name in of_utterance
    }
    return {place: spans for place, spans in found.items() if spans}


def _places(
    report: Report, words: Words, replacements: Sequence[Replacement]
) -> Iterator[tuple[int, int, str]]:
    """A name is searched for behind the one before it, because both follow the result."""
    begin = 0
    for each in replacements:
        name = list(report.normaliser(each.name))
        starts = range(begin, len(words) - len(name) + 1)
        place = next((at for at in starts if list(words[at : at + len(name)]) == name), None)
        if name and place is not None:
            yield place, len(name), " ".join(each.written)
            begin = place + len(name)


# ---- the hypotheses of an utterance ----


def _list(report: Report, place: int, nbest: NBest | None) -> list[list[object]]:
    """For each hypothesis: its place in the list from 1, key, words as written, errors, whether it
    is the first pass's, names of scores, scores.
    """
    if nbest is None:
        return []
    reference = report.references[nbest.utterance]
    counted = [report.normaliser(each.words) for each in nbest.hypotheses]
    wrong = [errors(reference, words) for words in counted]
    first_pass = tuple(report.words[FIRST_PASS_ROW][place])
    of_first_pass = counted.index(first_pass) if first_pass in counted else _NO_WORD
    best = range(min(HYPOTHESES, len(counted)))
    shown = sorted({*best, *([of_first_pass] * (of_first_pass >= 0)), wrong.index(min(wrong))})
    return [
        [at + 1, wrong[at], int(at == of_first_pass), *_described(nbest.hypotheses[at])]
        for at in shown
    ]


def _described(hypothesis: Hypothesis) -> list[object]:
    scores = hypothesis.scores
    rounded = [round(score, 4) for score in scores.values()]
    return [hypothesis.key, " ".join(hypothesis.words), list(scores), rounded]
