"""Show utterances in which rescoring corrected a name.

    python examples.py test.jsonl weights.json test.mixture.txt names.txt

"Before" is the first pass with a tuned word penalty, so that a name that the penalty alone brings
back is no example.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

SHOWN = 5


class Example(NamedTuple):
    """The reference of an utterance, and its words before and after rescoring."""

    names: tuple[str, ...]  # names that rescoring corrected
    utterance: str
    reference: list[str]
    before: list[str]
    after: list[str]

    @property
    def remaining(self) -> float:
        """The difference from the reference after rescoring, 0 to 1."""
        return 1 - difflib.SequenceMatcher(None, self.reference, self.after).ratio()


def before_rescoring(nbest: list[dict[str, Any]], first_pass: dict[str, Any]) -> list[str]:
    """The best hypothesis of the first pass with its tuned word penalty."""
    [scale], penalty = first_pass["scales"].values(), first_pass["word_penalty"]
    return max(
        nbest, key=lambda entry: scale * entry["score"] - penalty * len(entry["text"].split())
    )["text"].split()


def find(
    lists: list[dict[str, Any]],
    before_by_id: dict[str, list[str]],
    after_by_id: dict[str, list[str]],
    names: set[str],
) -> list[Example]:
    """Utterances with a corrected name and no lost one, best result first; no name occurs twice."""
    examples = []
    for entry in lists:
        reference = entry["ref"].split()
        before, after = before_by_id[entry["id"]], after_by_id[entry["id"]]
        said = Counter(word for word in reference if word in names)
        gained = (said & Counter(after)) - (said & Counter(before))
        lost = (said & Counter(before)) - (said & Counter(after))
        if gained and not lost:
            examples.append(Example(tuple(gained), entry["id"], reference, before, after))
    shown: list[Example] = []
    for example in sorted(examples, key=lambda example: (example.remaining, example.utterance)):
        if not any(set(example.names) & set(other.names) for other in shown):
            shown.append(example)
    return shown


def show(examples: list[Example]) -> None:
    """Print the first examples."""
    for example in examples[:SHOWN]:
        print(f"\n{example.utterance}: {', '.join(example.names)}")
        for title in ("reference", "before", "after"):
            print(f"  {title:<10}{' '.join(getattr(example, title))}")


def read_lists(text: str) -> list[dict[str, Any]]:
    """The lists of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def read_results(text: str) -> dict[str, list[str]]:
    """Words by utterance."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def main() -> None:
    if len(sys.argv) != 5:
        sys.exit("usage: examples.py test.jsonl weights.json RESCORED.txt names.txt")
    text, weights, results, names = (
        Path(path).read_text(encoding="utf-8") for path in sys.argv[1:]
    )
    lists, first_pass = read_lists(text), json.loads(weights)["first_pass"]
    before = {entry["id"]: before_rescoring(entry["nbest"], first_pass) for entry in lists}
    show(find(lists, before, read_results(results), set(names.split())))


if __name__ == "__main__":
    main()
