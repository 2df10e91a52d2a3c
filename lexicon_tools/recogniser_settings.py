"""Settings of what `lexicon add-words` writes for a recogniser; light, for every command imports
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rescorer.settings import check, setting

_GROUP = "Recogniser"


@dataclass(frozen=True)
class RecogniserFiles:
    """What is given of a recogniser; None where it is not.

    Attributes:
        lexicon: its dictionary, such as Kaldi's `dict/lexicon.txt`.
        words_txt: its words and their ids.
        arpa: its n-gram model.
    """

    lexicon: Path | None = None
    words_txt: Path | None = None
    arpa: Path | None = None


@dataclass(frozen=True)
class RecogniserSettings:
    """How new words are written for a recogniser."""

    pronunciations: int = setting(
        1, "Pronunciations of a new word at most.", minimum=1, maximum=16, group=_GROUP
    )
    unk_share: float = setting(
        0.5,
        "Share of the probability of <unk> in --arpa that the new words get together.",
        above=0,
        below=1,
        group=_GROUP,
    )
    hotword_score: float | None = setting(
        None,
        "Boost of each word in hotwords.txt; sherpa-onnx's --hotwords-score without it.",
        above=0,
        group=_GROUP,
        metavar="SCORE",
    )
    words_txt_kind: str = setting(
        "kaldi",
        "New ids in words.txt. kaldi: after all others, as extend_lang.sh has them; k2: before #0, "
        "as compile_hlg.py needs them.",
        choices=("kaldi", "k2"),
    )
    word_case: str = setting(
        "auto",
        "Case of the recogniser's words; auto: as its files have them.",
        choices=("auto", "as-is", "lower", "upper"),
    )

    def __post_init__(self) -> None:
        check(self)
