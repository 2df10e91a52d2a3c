"""How fast n-best lists of each format are read and written, on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.format_speed LISTS [--hypotheses 20] [--repeats 3]

LISTS, in any format, are written in each format that can be written; for those that are only read,
the file is put together here as the recogniser writes it. All lists are cut to one size, which
NeMo's beams need; shorter ones are left out. Formats of one hypothesis get the first of each list.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.results import Column, Measurement, make_parser
from rescorer.recognition.formats import FORMATS, read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, NBest

COLUMNS = (
    Column("format", "format"),
    Column("hypotheses", "hypotheses", ",d"),
    Column("megabytes", "MB", ".1f"),
    Column("read", "read, hypotheses/s", ",.0f"),
    Column("written", "written, hypotheses/s", ",.0f"),
)
_ONE = ("one-best", "icefall")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("lists", type=Path)
    parser.add_argument("--hypotheses", type=int, default=20, help="of each list")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    measured = Measurement(
        __file__,
        arguments,
        "N-best lists: reading and writing each format",
        "How many hypotheses a second are read and written in each format?",
        COLUMNS,
        machine("cpu"),
    )
    lists = _cut(read_nbest(arguments.lists).lists, arguments.hypotheses)
    for name in FORMATS:
        measured.add(**measure(name, lists, arguments.repeats))
    measured.note(
        f"Processor time, the least of {arguments.repeats} runs, from the file to checked lists "
        "and back. A format without a figure for writing is only read."
    )
    measured.finish()


def _cut(lists: Sequence[NBest], size: int) -> list[NBest]:
    """The lists cut to one size, without shorter ones."""
    return [
        replace(nbest, hypotheses=nbest.hypotheses[:size])
        for nbest in lists
        if len(nbest.hypotheses) >= size
    ]


def measure(name: str, lists: Sequence[NBest], repeats: int) -> dict[str, Any]:
    """The row of a format. Raises ValueError if not every hypothesis is read."""
    if name in _ONE:
        lists = [replace(nbest, hypotheses=nbest.hypotheses[:1]) for nbest in lists]
    hypotheses = sum(len(nbest.hypotheses) for nbest in lists)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists"
        written = None
        if FORMATS[name].write:
            written = _least_seconds(lambda: write_nbest(path, lists, name), repeats)
        else:
            path.write_text(_MADE[name](lists), encoding="utf-8")
            (Path(folder) / "manifest.json").write_text(_manifest(lists), encoding="utf-8")
        read = _least_seconds(lambda: read_nbest(path, name), repeats)
        found = sum(len(nbest.hypotheses) for nbest in read_nbest(path, name).lists)
        if found != hypotheses:
            raise ValueError(f"{name}: {found} hypotheses of {hypotheses} were read")
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        size = sum(each.stat().st_size for each in files)
    return {
        "format": name,
        "hypotheses": hypotheses,
        "megabytes": size / 1e6,
        "read": hypotheses / read,
        "written": hypotheses / written if written else None,
    }


def _least_seconds(call: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


# ---- files of formats that are only read ----


def _lines(lists: Sequence[NBest], line: Callable[[NBest], str]) -> str:
    return "".join(line(nbest) + "\n" for nbest in lists)


def _texts(nbest: NBest) -> list[str]:
    return [" ".join(hypothesis.words) for hypothesis in nbest.hypotheses]


def _manifest(lists: Sequence[NBest]) -> str:
    return _lines(lists, lambda nbest: json.dumps({"audio_filepath": f"{nbest.utterance}.wav"}))


def _nemo_tsv(lists: Sequence[NBest]) -> str:
    return "".join(
        f"{' '.join(each.words)}\t{each.scores[FIRST_PASS]}\n"
        for nbest in lists
        for each in nbest.hypotheses
    )


def _icefall(nbest: NBest) -> str:
    words = list(nbest.hypotheses[0].words)
    return f"{nbest.utterance}:\tref={words}\n{nbest.utterance}:\thyp={words}"


def _vosk(nbest: NBest) -> str:
    texts = _texts(nbest)
    return json.dumps({"alternatives": [{"confidence": 1.5, "text": text} for text in texts]})


def _wenet_json(nbest: NBest) -> str:
    return json.dumps({"nbest": [{"sentence": text} for text in _texts(nbest)]})


def _google(nbest: NBest) -> str:
    alternatives = [{"transcript": text, "confidence": 0.0} for text in _texts(nbest)]
    return json.dumps({"results": [{"alternatives": alternatives}]})


def _azure(nbest: NBest) -> str:
    return json.dumps({"NBest": [{"Lexical": text, "Confidence": 0.5} for text in _texts(nbest)]})


def _aws(lists: Sequence[NBest]) -> str:
    segments = [
        {"alternatives": [{"transcript": text} for text in _texts(nbest)]} for nbest in lists
    ]
    return json.dumps({"results": {"transcripts": [], "segments": segments}})


_MADE: Mapping[str, Callable[[Sequence[NBest]], str]] = {
    "one-best": lambda lists: _lines(lists, lambda n: f"{n.utterance} {_texts(n)[0]}"),
    "nemo-tsv": _nemo_tsv,
    "icefall": lambda lists: _lines(lists, _icefall),
    "vosk": lambda lists: _lines(lists, _vosk),
    "wenet-json": lambda lists: _lines(lists, _wenet_json),
    "google": lambda lists: _lines(lists, _google),
    "azure": lambda lists: _lines(lists, _azure),
    "aws": _aws,
}


if __name__ == "__main__":
    main()
