"""Settings of the recognisers; the command line is made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rescorer.settings import check, setting


@dataclass(frozen=True)
class FileSettings:
    """What becomes of audio files that cannot be used."""

    skip_bad: bool = setting(False, "Skip files that cannot be read, and list them.", group="Audio")


@dataclass(frozen=True)
class WhisperSettings:
    """How Whisper searches, and what it may write."""

    beam_size: int = setting(
        40,
        "Hypotheses kept while decoding; those that remain different make the list.",
        minimum=1,
        group="Whisper",
        metavar="N",
    )
    language: str = setting(
        "en", "Language of the speech, for models of many languages.", group="Whisper"
    )
    letters: str = setting(
        "A-Za-zÀ-ÖØ-öø-ɏ",
        "Letters that words may have, as the inside of a bracket expression; nothing else is "
        "written but apostrophes.",
        group="Whisper",
    )
    max_tokens: int = setting(
        224,
        "Longest hypothesis, in tokens, the prompt included.",
        minimum=8,
        maximum=448,
        metavar="N",
    )
    pause: float = setting(
        0.5,
        "Files of more than 30 s are cut where speech pauses so long, in seconds.",
        above=0,
        maximum=10,
        group="Whisper",
    )
    device: str = setting(
        "auto",
        "auto (a GPU if there is one), cpu or cuda.",
        choices=("auto", "cpu", "cuda"),
        group="Whisper",
    )
    compute_type: str = setting(
        "auto",
        "Numbers of the model: auto is int8 on a processor, float16 on a GPU.",
        choices=("auto", "int8", "int8_float16", "float16", "bfloat16", "float32"),
    )
    threads: int = setting(
        0, "Processor threads; 0: as many as CTranslate2 chooses.", minimum=0, metavar="N"
    )

    def __post_init__(self) -> None:
        check(self)
        try:
            re.compile(f"[{self.letters}]")
        except re.error:
            raise ValueError(
                f"letters = {self.letters!r}: expected such as a-z, the inside of [a-z]"
            ) from None


@dataclass(frozen=True)
class VoskSettings:
    """What Vosk returns."""

    alternatives: int = setting(
        20, "Most hypotheses of an utterance.", minimum=2, group="Vosk", metavar="N"
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class PocketSphinxSettings:
    """The files that PocketSphinx decodes with; its own English ones where none are given."""

    hmm: Path | None = setting(None, "Folder of the acoustic model.", group="PocketSphinx")
    lm: Path | None = setting(None, "N-gram model: ARPA or binary.", group="PocketSphinx")
    dict: Path | None = setting(None, "Pronouncing dictionary.", group="PocketSphinx")
