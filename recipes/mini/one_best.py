"""Make lists of one hypothesis from the best hypotheses that `rescore` found.

    python one_best.py test.jsonl test.mixture.txt >one_best.jsonl

test.jsonl has the utterances and their references, as JSON lines.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from examples import read_lists, read_results


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: one_best.py lists.jsonl best.txt")
    lists, best = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:])
    words = read_results(best)
    for each in read_lists(lists):
        text = " ".join(words[each["id"]])
        hypothesis = {"text": text, "score": 0.0}
        print(json.dumps({"id": each["id"], "ref": each["ref"], "nbest": [hypothesis]}))


if __name__ == "__main__":
    main()
