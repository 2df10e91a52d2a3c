"""Decoding one long audio file: time, and the memory that it takes.

    python -m benchmarks.audio_length PASSAGES… --model DIR [--hours 10] --record

The file is made of the passages, which are WAV files of 16 kHz, one channel and 16 bits: silence
for so many hours, and the passages spread over it, the last one at its end. Needs pip install
'lightrnn-rescorer[whisper,pocketsphinx]'.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.decoding.audio import SAMPLE_RATE, open_audio

COLUMNS = (
    Column("recogniser", "recogniser"),
    Column("hours", "hours of audio", ".2f"),
    Column("megabytes", "MB of the file", ",.0f"),
    Column("core", "core seconds", ",.0f"),
    Column("seconds", "seconds", ",.0f"),
    Column("peak", "peak memory, MB", ",.0f"),
    Column("utterances", "utterances"),
    Column("last", "the last one ends at, h", ".4f"),
)
_SECOND = bytes(2 * SAMPLE_RATE)  # of silence


def make_long(path: Path, passages: Sequence[Path], hours: float) -> None:
    """Write silence with passages spread over it."""
    each = round(3600 * hours / len(passages))
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        for passage in passages:
            with wave.open(str(passage), "rb") as file:
                spoken = file.readframes(file.getnframes())
            for _ in range(max(0, each - len(spoken) // len(_SECOND))):
                out.writeframes(_SECOND)
            out.writeframes(spoken)


def run(command: Sequence[str]) -> dict[str, float]:
    """Time and peak memory of a command, in a process of its own."""
    begin = time.monotonic()
    with subprocess.Popen(command) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[1]}: status {process.returncode}")
    return {
        "seconds": time.monotonic() - begin,
        "core": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024 / 1e6,
    }


def found(output: Path) -> list[str]:
    """The utterances of a file of lists or a folder of lattices."""
    if output.is_dir():
        return sorted(each.name.removesuffix(".slf.gz") for each in output.iterdir())
    return [json.loads(line)["id"] for line in output.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("passages", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 10])
    given = parser.parse_args()
    passages, given.passages = given.passages, len(given.passages)
    measured = Measurement(
        __file__,
        given,
        "Decoding one long file",
        "Does the memory of decoding grow with the length of a file?",
        COLUMNS,
        machine("cpu", "ctranslate2", "faster-whisper", "pocketsphinx"),
    )
    commands: dict[str, tuple[str, ...]] = {
        "Whisper": ("whisper", "--model", str(given.model), "--threads", "1"),
        "PocketSphinx": ("pocketsphinx",),
    }
    with tempfile.TemporaryDirectory() as folder:
        for hours in given.hours:
            path = Path(folder) / f"minutes-{60 * hours:.0f}.wav"
            make_long(path, passages, hours)
            for name, command in commands.items():
                measured.add(recogniser=name, **_row(path, command))
            path.unlink()
    measured.note(
        f"Silence with {len(passages)} spoken sentences spread over it, the last one at the end, "
        "so it takes less time than speech would. Peak memory holds program and model."
    )
    measured.finish()


def _row(path: Path, command: Sequence[str]) -> dict[str, Any]:
    output = path.with_suffix(f".{command[0]}.jsonl")
    used = run(("nbest", command[0], str(path), *command[1:], "--output", str(output)))
    utterances = found(output)
    return {
        "hours": open_audio(path).seconds / 3600,
        "megabytes": path.stat().st_size / 1e6,
        **used,
        "utterances": len(utterances),
        "last": int(utterances[-1].rpartition("-")[2]) / 360_000,
    }


if __name__ == "__main__":
    main()
