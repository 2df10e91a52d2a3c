"""The fields of SLF by their names in files, and the scores and columns that they become."""

from __future__ import annotations

import re

from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, PRONUNCIATION

# n=: the score of an n-gram, beside that of "the general language model", l=
NGRAM = "htk_ngram"
# names of what a lattice keeps beside its scores
POSTERIOR, VARIANT, ALIGNMENT, TIME = "posterior", "variant", "alignment", "time"

NULL = "!NULL"  # the word of a link that has none

_X_SCORES = tuple(f"x{number}" for number in range(1, 10))
# field of a link → name of the score
SCORES = {
    "a": ACOUSTIC,
    "l": FIRST_LM,
    "r": PRONUNCIATION,
    "n": NGRAM,
    "ds": "ds",
    **{name: name for name in _X_SCORES},
}
# field of the header → name of the score that it scales
SCALES = {
    "acscale": ACOUSTIC,
    "lmscale": FIRST_LM,
    "prscale": PRONUNCIATION,
    "ngscale": NGRAM,
    "duscale": "ds",
    **{f"{name}scale": name for name in _X_SCORES},
}
# Scores that are part of a path's total only if the header gives a scale.
UNSCALED = frozenset({"ds", *_X_SCORES})
# field of a link → name of the lattice's column
ARC_FIELDS = {"p": POSTERIOR, "v": VARIANT, "d": ALIGNMENT}

# The header's fields with a short name are kept under the long one, those of nodes and links the
# other way round: files use these.
LONG_NAMES = {"V": "VERSION", "U": "UTTERANCE", "S": "SUBLAT", "N": "NODES", "L": "LINKS"}
SHORT_NAMES = {
    "time": "t",
    "WORD": "W",
    "var": "v",
    "div": "d",
    "acoustic": "a",
    "ngram": "n",
    "language": "l",
    "posterior": "p",
    "START": "S",
    "END": "E",
}

# What a lattice says itself; the other fields of a header are kept and written again.
_OF_LATTICE = frozenset({*LONG_NAMES.values(), "base", "start", "end", "wdpenalty", *SCALES})
_OF_HEADER = _OF_LATTICE.union(
    LONG_NAMES, {"dir", "tscale", "lmname", "ngname", "vocab", "hmms", "amscale"}
)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")


def is_header_field(name: str) -> bool:
    """Whether a header can begin with a field of this name."""
    return name in _OF_HEADER


def is_kept(name: str) -> bool:
    """Whether a field of a header is kept as text. Names of one letter are HTK's own."""
    return name not in _OF_LATTICE and _HEADER_NAME.fullmatch(name) is not None
