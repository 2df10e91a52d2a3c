"""Alternatives in NIST's references: `{ one / other }`, of which any is right."""

from __future__ import annotations

from rescorer.recognition.formats.parsing import Place, show


def refuse_alternatives(words: tuple[str, ...], place: Place) -> tuple[str, ...]:
    """`words`, which hold no alternatives. Raises InputError where they do: errors are counted
    against one sequence of words.
    """
    if {"{", "}"} & set(words):
        first = words.index("{") if "{" in words else words.index("}")
        raise place.error(
            f"alternatives: {show(' '.join(words[first : first + 6]))}",
            "one sequence of words",
            "write the one that was said",
        )
    return words
