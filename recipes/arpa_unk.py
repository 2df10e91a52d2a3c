"""Make an n-gram model's stand-in for `<unk>` its real `<unk>`: `python arpa_unk.py STAND_IN <
lmplz.arpa > out.arpa`.

Where the training text itself holds `<unk>` (Penn Treebank, WikiText), that is a word like others,
with counts. lmplz refuses it, or with --skip_symbols drops it, and then gives `<unk>` next to
nothing. So the text goes to lmplz with a stand-in, and here the stand-in's entries take the name
`<unk>`. The little that lmplz kept for unseen words goes to the same entry: the unigrams sum to 1
as before.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator

UNKNOWN = "<unk>"


def rename(lines: Iterable[str], stand_in: str) -> Iterator[str]:
    """The lines of an ARPA file, `<unk>` gone from the unigrams and the stand-in in its place
    everywhere.
    """
    unseen = 0.0
    for line in lines:
        if line.startswith("ngram 1="):
            line = f"ngram 1={int(line[8:]) - 1}\n"
        elif "\t" in line:
            score, words, *backoff = line.rstrip("\n").split("\t")
            if words == UNKNOWN:  # lmplz writes it first
                unseen = 10 ** float(score)
                continue
            if stand_in in words.split(" "):
                if words == stand_in:
                    score = f"{math.log10(10 ** float(score) + unseen):.7g}"
                words = " ".join(UNKNOWN if word == stand_in else word for word in words.split(" "))
                line = "\t".join((score, words, *backoff)) + "\n"
        yield line


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: arpa_unk.py STAND_IN < lmplz.arpa > out.arpa")
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.writelines(rename(sys.stdin, sys.argv[1]))
