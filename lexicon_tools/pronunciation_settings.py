"""Settings of `lexicon pronounce`; light, for every command imports them."""

from __future__ import annotations

from dataclasses import dataclass

from rescorer.settings import check, setting


@dataclass(frozen=True)
class PronounceSettings:
    """Which pronunciations are written, and how."""

    nbest: int = setting(
        1, "Pronunciations of a word at most.", minimum=1, maximum=16, group="Pronunciations"
    )
    format: str = setting(
        "lexicon",
        "lexicon: word phones; lexiconp: word probability phones, as Kaldi has them; cmudict.",
        choices=("lexicon", "lexiconp", "cmudict"),
        group="Pronunciations",
    )

    def __post_init__(self) -> None:
        check(self)
