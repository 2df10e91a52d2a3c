"""Decoding audio to n-best lists and lattices: how long it takes, and how much a list holds.

    python -m benchmarks.audio AUDIO… --model DIR [--beam-size N…] [--pocketsphinx] --record

Files are decoded one after the other, on one thread, without loading. DIR is a Whisper model in
CTranslate2 form. Needs pip install 'lightrnn-rescorer[whisper,pocketsphinx]'.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement
from rescorer.decoding.audio import Audio
from rescorer.decoding.pocketsphinx import PocketSphinx
from rescorer.decoding.runs import Decoded, open_files
from rescorer.decoding.settings import PocketSphinxSettings, WhisperSettings
from rescorer.decoding.whisper import Whisper
from rescorer.recognition.formats.parsing import ErrorCollector

T = TypeVar("T")

COLUMNS = [
    Column("recogniser", "recogniser"),
    Column("beam", "beam"),
    Column("utterances", "utterances", ",d"),
    Column("minutes", "minutes of audio", ".1f"),
    Column("real_time", "hours of audio a core-hour", ".1f"),
    Column("hypotheses", "hypotheses a list", ".1f"),
]


def measure(
    files: Sequence[Audio], decode: Callable[[Audio], Iterator[Decoded[T]]]
) -> tuple[list[T], float]:
    """The results of all files, and the hours of audio that a core-hour decodes."""
    before = time.process_time()
    results = [decoded.result for audio in files for decoded in decode(audio)]
    seconds = sum(audio.seconds for audio in files)
    return results, seconds / (time.process_time() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("audio", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--beam-size", type=int, nargs="+", default=[5, 40, 100])
    parser.add_argument("--pocketsphinx", action="store_true")
    parser.add_argument("--record", nargs="?", const="audio", metavar="NAME")
    arguments = parser.parse_args()
    files = open_files(arguments.audio, ErrorCollector())
    arguments.audio = f"{len(files)} files"
    measured = Measurement(
        __file__,
        arguments,
        "Decoding audio",
        "How much audio does a core-hour decode to lists, and how long are they?",
        COLUMNS,
        machine("cpu", "ctranslate2", "faster-whisper"),
    )
    minutes = sum(audio.seconds for audio in files) / 60
    for beam in arguments.beam_size:
        whisper = Whisper(arguments.model, WhisperSettings(beam_size=beam, threads=1, device="cpu"))
        lists, real_time = measure(files, whisper.decode)
        measured.add(
            recogniser="Whisper",
            beam=str(beam),
            utterances=len(lists),
            minutes=minutes,
            real_time=real_time,
            hypotheses=sum(len(each.hypotheses) for each in lists) / len(lists),
        )
    if arguments.pocketsphinx:
        lattices, real_time = measure(files, PocketSphinx(PocketSphinxSettings()).decode)
        measured.add(
            recogniser="PocketSphinx",
            beam="its own",
            utterances=len(lattices),
            minutes=minutes,
            real_time=real_time,
        )
    measured.finish()


if __name__ == "__main__":
    main()
