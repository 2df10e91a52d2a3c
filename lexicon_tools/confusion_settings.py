"""What `lexicon confusions` can be told; light to import, because options are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from rescorer.settings import check, setting


@dataclass(frozen=True)
class ConfusionSettings:
    """How confusions are learnt from a development set."""

    prior: str = setting(
        "package",
        "What confusions are near to where the lists say little: the table of the package, or "
        "classes, by which phones that share phonetic classes are confused more often.",
        choices=("package", "classes"),
    )
    strength: float = setting(
        1000.0,
        "Weight of the prior for each phone, as a number of spoken phones.",
        above=0,
        group="Learning",
    )
    iterations: int = setting(20, "Steps of EM at most.", minimum=1, group="Learning")
    hypotheses: int = setting(
        0,
        "Hypotheses of each list that are read; 0: all.",
        minimum=0,
        group="Learning",
        metavar="N",
    )

    def __post_init__(self) -> None:
        check(self)
