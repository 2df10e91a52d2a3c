"""Rename a placeholder for `<unk>` in an ARPA file to `<unk>`.

    python arpa_unk.py PLACEHOLDER < lmplz.arpa > out.arpa

In some training texts (Penn Treebank, WikiText) `<unk>` is a word with counts. lmplz refuses such
a text. With --skip_symbols it drops the word and gives `<unk>` hardly any probability. So lmplz
gets the text with a placeholder instead. This program renames the placeholder to `<unk>`, and adds
the probability that lmplz gave to unseen words, so that the unigrams sum to 1.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator

UNKNOWN = "<unk>"


def rename(lines: Iterable[str], placeholder: str) -> Iterator[str]:
    """The lines of an ARPA file, with `<unk>` and the placeholder merged into one `<unk>`."""
    unseen = 0.0
    for line in lines:
        if line.startswith("ngram 1="):
            line = f"ngram 1={int(line[8:]) - 1}\n"
        elif "\t" in line:
            score, words, *backoff = line.rstrip("\n").split("\t")
            if words == UNKNOWN:  # lmplz writes it first
                unseen = 10 ** float(score)
                continue
            ngram = words.split(" ")
            if placeholder in ngram:
                if words == placeholder:
                    score = f"{math.log10(10 ** float(score) + unseen):.7g}"
                words = " ".join(UNKNOWN if word == placeholder else word for word in ngram)
                line = "\t".join((score, words, *backoff)) + "\n"
        yield line


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: arpa_unk.py PLACEHOLDER < lmplz.arpa > out.arpa")
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.writelines(rename(sys.stdin, sys.argv[1]))
