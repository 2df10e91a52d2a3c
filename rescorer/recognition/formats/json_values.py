"""What the JSON formats share: JSON read with every surprise made an InputError, and the object of
one hypothesis.

A hypothesis is `{"text": words, "score": number, "scores": {name: number}, "key": its own key}`.
`score` is the recogniser's one score (`first_pass`), `scores` holds all others by name; one of the
two must be there. `key` is there only where it is not what the place says. All scores are
natural-log probabilities. Other members are passed over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from rescorer.errors import InputError
from rescorer.recognition.formats.parsing import (
    Place,
    check_id,
    check_score_name,
    finite,
    show,
    split_words,
)
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis

# What JSON spells.
JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

_EXPECTED = "JSON"
_REPAIR = "make the file again"
_CORRECT = "correct the value"
_BLANK = " \t\r\n"  # between the parts of JSON
# Means over the tokens of a hypothesis, as Whisper and transformers name them.
MEANS = frozenset({"avg_logprob", "mean_logprob", "mean_score", "sequences_scores"})


def load(text: str, place: Place) -> JsonValue:
    """The JSON value of a line.

    Raises:
        InputError: it does not parse, names a member twice, or is nested too deeply.
    """
    try:
        value, end = decode(text, len(text) - len(text.lstrip(_BLANK)), place)
        if rest := text[end:].lstrip(_BLANK):
            raise json.JSONDecodeError("Extra data", text, len(text) - len(rest))
    except json.JSONDecodeError as error:
        raise no_json(error.msg, error.colno, place, "one JSON object a line") from None
    return value


def decode(text: str, begin: int, place: Place) -> tuple[JsonValue, int]:
    """The JSON value that begins at a place in a text, and where it ends.

    Raises:
        InputError: it names a member twice, or is nested too deeply.
        JSONDecodeError: it does not parse.
    """
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: _unique(pairs, place))
    try:
        return decoder.raw_decode(text, begin)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        # Integers of thousands of digits, and a tower of brackets.
        cause = (
            "is nested too deeply"
            if isinstance(error, RecursionError)
            else "holds a number that is too long"
        )
        raise place.error(f"JSON {cause}", _EXPECTED, _REPAIR) from None


def no_json(cause: str, column: int, place: Place, expected: str = _EXPECTED) -> InputError:
    """The error for text that is no JSON from a column of a line on."""
    return place.error(f"JSON does not parse at column {column}: {cause}", expected, _REPAIR)


def _unique(pairs: list[tuple[str, JsonValue]], place: Place) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise place.error(
            f"member {show(twice)} is there twice", "unique names", "take one out, or rename it"
        )
    return members


def need(members: Mapping[str, JsonValue], names: Sequence[str], place: Place) -> None:
    """Raises InputError where an object lacks one of these members."""
    expected = " and ".join(f'"{name}"' for name in names)
    for name in names:
        if name not in members:
            raise place.error(f'no "{name}"', f"an object with {expected}", "add it")


def as_object(value: JsonValue, what: str, place: Place) -> dict[str, JsonValue]:
    """`value`, which is an object. Raises InputError where it is not."""
    if not isinstance(value, dict):
        raise place.error(f"{what} is {show(value)}", "an object", _CORRECT)
    return value


def as_list(value: JsonValue, what: str, place: Place) -> list[JsonValue]:
    """`value`, which is a list. Raises InputError where it is not."""
    if not isinstance(value, list):
        raise place.error(f"{what} is {show(value)}", "a list", _CORRECT)
    return value


def as_words(value: JsonValue, what: str, place: Place) -> tuple[str, ...]:
    """The words of `value`, which is a string. Raises InputError where it is not."""
    if not isinstance(value, str):
        raise place.error(f"{what} is {show(value)}", "a string", _CORRECT)
    return split_words(value, place)


def as_id(value: JsonValue, what: str, place: Place) -> str:
    """`value`, which is an id: a string, or a whole number as some toolkits write it. Raises
    InputError else.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise place.error(f"{what} is {show(value)}", "a string", _CORRECT)
    return check_id(str(value), place, what)


def as_score(value: JsonValue, what: str, place: Place) -> float:
    """`value`, which is a finite number. Raises InputError where it is not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise place.error(f"{what} is {show(value)}", "a number", _CORRECT)
    try:
        return finite(float(value), value, place)
    except OverflowError:
        raise place.error(
            f"{what} {show(value)} is too large", "a finite number", _CORRECT
        ) from None


def as_scores(value: JsonValue, place: Place) -> dict[str, float]:
    """The named scores of an object. Raises InputError where it is not one, or holds no numbers."""
    named = as_object(value, "scores", place)
    return {
        check_score_name(name, place): as_score(number, name, place)
        for name, number in named.items()
    }


def as_reference(value: JsonValue, what: str, place: Place) -> tuple[str, ...] | None:
    """The words of a reference, or None where it is null or not there. Raises InputError for what
    is no string.
    """
    return None if value is None else as_words(value, what, place)


def refuse_means(names: Iterable[str], place: Place) -> None:
    """Raises InputError where a member is a mean over tokens: a longer hypothesis is less probable,
    and a mean does not tell.
    """
    if means := sorted(MEANS.intersection(names)):
        raise place.error(
            f"{show(means[0])} is a mean over the tokens of a hypothesis",
            "the sum of the log-probabilities of its tokens",
            f'multiply it by the number of tokens, and write it as "score" instead of "{means[0]}"',
        )


def parse_hypothesis(value: JsonValue, key: str, place: Place) -> Hypothesis:
    """The hypothesis of an object; `key` is what its place says. Raises InputError as the module
    says.
    """
    members = as_object(value, "the hypothesis", place)
    refuse_means(members, place)
    for needed, there in (
        ("text", "text" in members),
        ("score", "score" in members or "scores" in members),
    ):
        if not there:
            raise place.error(f'no "{needed}"', 'an object with "text" and "score"', "add it")
    scores = {FIRST_PASS: as_score(members["score"], "score", place)} if "score" in members else {}
    named = as_scores(members.get("scores", {}), place)
    if twice := scores.keys() & named.keys():
        raise place.error(
            f'"score" and {show(*twice)} in "scores" are one score', "one of them", "take one out"
        )
    key = as_id(members["key"], "key", place) if "key" in members else key
    return Hypothesis(key, as_words(members["text"], "text", place), {**scores, **named})


def named_scores(hypothesis: Hypothesis) -> dict[str, float]:
    """The scores of a hypothesis as JSON takes them: NumPy's numbers made Python's."""
    return {name: float(value) for name, value in hypothesis.scores.items()}


def hypothesis_members(hypothesis: Hypothesis, key: str) -> dict[str, object]:
    """The object of a hypothesis; `key` is what its place says."""
    named = named_scores(hypothesis)
    members: dict[str, object] = {"text": " ".join(hypothesis.words)}
    if FIRST_PASS in named:
        members["score"] = named.pop(FIRST_PASS)
    if named or "score" not in members:
        members["scores"] = named
    if hypothesis.key != key:
        members["key"] = hypothesis.key
    return members


def reference_members(reference: tuple[str, ...] | None, name: str) -> dict[str, str]:
    """The member that holds a reference: none where there is no reference."""
    return {} if reference is None else {name: " ".join(reference)}


def dump(value: Mapping[str, object] | str) -> str:
    """One line of JSON, in UTF-8 and not in escapes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def document(items: Iterable[str], opening: str, closing: str) -> Iterator[str]:
    """The lines of a list or an object, one item a line: a reader of lines can find its way in
    it.
    """
    yield opening
    before = None
    for item in items:
        if before is not None:
            yield before + ","
        before = item
    if before is not None:
        yield before
    yield closing
