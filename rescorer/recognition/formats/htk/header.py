"""The header of an SLF file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from rescorer.errors import InputError
from rescorer.recognition.formats.htk.fields import LONG_NAMES, SCALES, UNSCALED, is_kept
from rescorer.recognition.formats.htk.numbers import not_a_number, parse_real, parse_whole
from rescorer.recognition.formats.parsing import Place
from rescorer.recognition.nbest import FIRST_LM


class OwnWeights(NamedTuple):
    """The recogniser's own weights, in units of the scale of its language model.

    Attributes:
        scales: by score; none where the header has no weights.
        word_penalty: nats that each word costs.
    """

    scales: Mapping[str, float]
    word_penalty: float


class Header:
    """The fields of a header by their long names, each with the place where it stands."""

    def __init__(self, file: Place) -> None:
        self._file = file
        self._fields: dict[str, tuple[str, Place]] = {}

    def add(self, name: str, text: str, place: Place) -> None:
        """Add a field. Raises InputError for one that is there already, and for sub-lattices."""
        name = LONG_NAMES.get(name, name)
        if name == "SUBLAT":
            raise sublattice(place)
        if name in self._fields:
            raise place.error(
                f"{name}= is there twice",
                f"once, on line {self.place(name).line}",
                "take one out, or make each lattice a file",
            )
        self._fields[name] = text, place

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        """What a field says; "" where there is none."""
        return self._fields[name][0] if name in self._fields else ""

    def place(self, name: str) -> Place:
        """Where a field stands; the file where there is none."""
        return self._fields[name][1] if name in self._fields else self._file

    def kept(self) -> dict[str, str]:
        """The fields that a lattice keeps as they are."""
        return {name: text for name, (text, _) in self._fields.items() if is_kept(name)}

    def real(self, name: str, default: float) -> float:
        """The number that a field holds. Raises InputError where it is not finite."""
        return self._number(name, default, parse_real)

    def whole(self, name: str) -> int:
        """The number that a field holds, which is there. Raises InputError where it is not one of
        0 or more.
        """
        return int(self._number(name, 0, parse_whole))

    def _number(self, name: str, default: float, parse: Callable[[str], float]) -> float:
        if name not in self._fields:
            return default
        text, place = self._fields[name]
        try:
            return parse(text)
        except ValueError:
            raise not_a_number(name, text, place, whole=parse is parse_whole) from None

    def base(self) -> float:
        """The base of the logarithms, 0 for probabilities. Raises InputError for what is none."""
        base = self.real("base", math.e)
        if base < 0 or base == 1:
            raise self.place("base").error(
                f"base={base}", "the base of logarithms, or 0 for probabilities", "correct it"
            )
        return base

    def own_weights(self, scores: Iterable[str], base: float) -> OwnWeights:
        """The recogniser's scales of these scores, and its word penalty.

        All are divided by `lmscale` if it is above 0. A scale that the header lacks is 1; those of
        durations and of x1 … x9 are 0 then.

        Raises:
            InputError: a weight that is not a finite number.
        """
        given = {
            score: self.real(field, 0) for field, score in SCALES.items() if field in self._fields
        }
        if not given and "wdpenalty" not in self._fields:
            return OwnWeights({}, 0.0)
        lm_scale = given.get(FIRST_LM, 1.0)
        unit = lm_scale if lm_scale > 0 else 1.0
        names = dict.fromkeys([*scores, FIRST_LM, *given])
        scales = {name: given.get(name, float(name not in UNSCALED)) / unit for name in names}
        penalty = 0.0 - self._word_score(base) / unit  # not -x: the penalty of 0 is 0, not -0
        if not all(map(math.isfinite, (penalty, *scales.values()))):
            raise not_a_number("lmscale", self.text("lmscale"), self.place("lmscale"))
        return OwnWeights(scales, penalty)

    def _word_score(self, base: float) -> float:
        """What HTK adds for each word, in nats."""
        score = self.real("wdpenalty", 0.0)
        if base:
            return score * math.log(base)
        if score < 0:
            raise self.place("wdpenalty").error(
                f"wdpenalty={score} with base=0", "a probability", "correct it"
            )
        return math.log(score) if score else 0.0


def sublattice(place: Place) -> InputError:
    """The error for a node or a header that refers to another lattice."""
    return place.error(
        "a sub-lattice", "one lattice of words", "expand the sub-lattices, or make it again without"
    )
