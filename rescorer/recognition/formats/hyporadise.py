"""HyPoradise JSON: `[{"input": ["hypothesis", …], "output": "reference"}, …]`, a format without
scores.

An utterance's id is its `id` or `uid` where it has one, else its place in the file from 1. What the
format does not hold is kept beside in members of our own: `input_scores`, the named natural-log
scores of each hypothesis, and `input_keys`. Any other member that is a list of numbers, one a
hypothesis, in all records is a score of its name (`score`: `first_pass`); greater is better.
Without any score each hypothesis scores `rank`: minus its place in the list, from 0. `input` is
written in list order, so a re-ranked list comes out re-ranked for whoever reads `input` alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rescorer.files import write_lines
from rescorer.recognition.formats import json_stream
from rescorer.recognition.formats import json_values as js
from rescorer.recognition.formats.beginning import Beginning
from rescorer.recognition.formats.format import Format, Source
from rescorer.recognition.formats.parsing import Lists, Place, is_score_name, ranked, show
from rescorer.recognition.nbest import FIRST_PASS, RANK, Hypothesis, NBest

_OWN = frozenset({"input", "output", "id", "uid", "input_scores", "input_keys"})
_NOT_THERE = "it is not there"


def matches(beginning: Beginning) -> bool:
    """Whether the file begins as a JSON list, of records with `input` if it tells of any."""
    members = beginning.members
    return (
        not beginning.is_folder
        and beginning.text.lstrip().startswith("[")
        and (not members or bool({("[]", "input"), ("[]", "output")} & members))
    )


def read(source: Source) -> Iterator[NBest]:
    """The lists of a file, in its order; remarks say what was read as a score, and what was not.

    The file is read twice: a score is known by all records.

    Raises:
        InputError: anything that is not as the module says, with the number of the record, from 1.
    """
    path = source.path
    scores = _score_members(record for _, record in json_stream.elements(path))
    js.refuse_means(scores.names, Place(path))
    lists = Lists(path)
    for number, (place, record) in enumerate(json_stream.elements(path), start=1):
        within = place.within(f"record {number}")
        with source.collector:
            yield lists.add(_parse(record, number, scores.names, within), within)
    if scores.names:
        source.remark(f"read as scores, greater is better: {', '.join(scores.names)}")
    if scores.left_out:
        source.remark(f"not read as scores: {'; '.join(scores.left_out)}")
    lists.done()


class _ScoreMembers(NamedTuple):
    """Which members of the records hold scores.

    Attributes:
        names: the name of the score of each such member.
        left_out: members with numbers that are no scores, with the reason.
    """

    names: dict[str, str]
    left_out: list[str]


@dataclass
class _Tally:
    """What the members of all records hold.

    Attributes:
        taken: the names of scores that `input_scores` has.
        numeric: members that look as if they told something of hypotheses in numbers.
        faults: of each member, why it is not a score of each hypothesis of a record, in how many
            records; "" where it is one.
    """

    records: int = 0
    taken: set[str] = field(default_factory=set)
    numeric: dict[str, None] = field(default_factory=dict)
    faults: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, record: dict[str, js.JsonValue]) -> None:
        """Count a record."""
        self.records += 1
        for scores in _listed(record.get("input_scores")):
            self.taken.update(scores if isinstance(scores, dict) else ())
        hypotheses = len(_listed(record.get("input")))
        for name in record.keys() - _OWN:
            self.faults[name][_fault_of(record[name], hypotheses)] += 1
        self.numeric |= {
            name: None for name in record if name not in _OWN and _has_numbers(record[name])
        }

    def fault(self, member: str) -> str:
        """Why a member is not a score of every hypothesis: the most frequent reason, and in how
        many records; "" if it is one.
        """
        counts = self.faults[member] + Counter(
            {_NOT_THERE: self.records - self.faults[member].total()}
        )
        counts.pop("", None)
        if not counts:
            return ""
        (fault, count), *_ = counts.most_common(1)
        return f"{fault} in {count} of {self.records} records"


def _score_members(records: Iterable[js.JsonValue]) -> _ScoreMembers:
    tally = _Tally()
    for record in records:
        if isinstance(record, dict):
            tally.add(record)
    scores = _ScoreMembers({}, [])
    for member in tally.numeric:
        name = FIRST_PASS if member == "score" else member
        if fault := tally.fault(member) or _name_fault(name, tally.taken):
            scores.left_out.append(f"{show(member)} ({fault})")
        else:
            scores.names[member] = name
            tally.taken.add(name)
    return scores


def _listed(value: js.JsonValue) -> list[js.JsonValue]:
    return value if isinstance(value, list) else []


def _has_numbers(value: js.JsonValue) -> bool:
    return bool(_numbers([value, *_listed(value)]))


def _fault_of(value: js.JsonValue, hypotheses: int) -> str:
    """Why a member of one record is not a score of each hypothesis; "" if it is."""
    if value is None:
        return _NOT_THERE
    if not isinstance(value, list):
        return "it is no list"
    if len(value) != hypotheses:
        return "it has not one number a hypothesis"
    numbers = _numbers(value)
    if len(numbers) != hypotheses:
        return "not all of it are numbers"
    are_finite = all(abs(number) < 1e300 and math.isfinite(number) for number in numbers)
    return "" if are_finite else "a number is not finite"


def _numbers(values: Sequence[js.JsonValue]) -> list[int | float]:
    return [
        value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]


def _name_fault(name: str, taken: set[str]) -> str:
    if name in taken:
        return f"there is a score {show(name)} already"
    return "" if is_score_name(name) else "a score's name has letters, digits and _ . + - only"


def _parse(record: js.JsonValue, number: int, named: Mapping[str, str], place: Place) -> NBest:
    """The list of a record; named: the names of members that are scores."""
    members = js.as_object(record, "it", place)
    js.need(members, ("input",), place)
    texts = js.as_list(members["input"], "input", place)
    no_scores: list[js.JsonValue] = [{} for _ in texts]
    places: list[js.JsonValue] = [str(i) for i in range(1, len(texts) + 1)]
    scores = _beside_input("input_scores", no_scores, members, place)
    keys = _beside_input("input_keys", places, members, place)
    hypotheses = [
        _hypothesis(*parts, place.within(f"hypothesis {i}"))
        for i, parts in enumerate(zip(texts, scores, keys, strict=True), start=1)
    ]
    utterance = js.as_id(members.get("id", members.get("uid", number)), "utterance id", place)
    columns = {name: _numbers(_listed(members[member])) for member, name in named.items()}
    scored = tuple(
        hypothesis.with_scores({name: float(column[i]) for name, column in columns.items()})
        for i, hypothesis in enumerate(hypotheses)
    )
    nbest = NBest(utterance, scored, js.as_reference(members.get("output"), "output", place))
    return nbest if named or "input_scores" in members else ranked(nbest)


def _beside_input(
    name: str, default: list[js.JsonValue], members: dict[str, js.JsonValue], place: Place
) -> list[js.JsonValue]:
    """The member with a value for each of `input`. Raises InputError where it has more or fewer."""
    values = js.as_list(members.get(name, default), name, place)
    if len(values) != len(default):
        raise place.error(
            f"{name} has {len(values)} members", f"{len(default)} as in input", "make both again"
        )
    return values


def _hypothesis(
    text: js.JsonValue, scores: js.JsonValue, key: js.JsonValue, place: Place
) -> Hypothesis:
    return Hypothesis(
        js.as_id(key, "key", place), js.as_words(text, "text", place), js.as_scores(scores, place)
    )


def write(path: Path, lists: Iterable[NBest]) -> None:
    """Write the lists. Raises InputError where the file cannot be written."""
    write_lines(path, js.document(map(_format, lists), "[", "]"))


def _format(nbest: NBest) -> str:
    members: dict[str, object] = {
        "id": nbest.utterance,
        "input": [" ".join(h.words) for h in nbest.hypotheses],
        **js.reference_members(nbest.reference, "output"),
    }
    # A file that came without scores and in its own order leaves as it came.
    if any(h.scores != {RANK: -place} for place, h in enumerate(nbest.hypotheses)):
        members["input_scores"] = [js.named_scores(h) for h in nbest.hypotheses]
    if any(h.key != str(place) for place, h in enumerate(nbest.hypotheses, start=1)):
        members["input_keys"] = [h.key for h in nbest.hypotheses]
    return js.dump(members)


FORMAT = Format("hyporadise", matches, read, write)
