"""The readers of n-best lists and references as targets.

Beside what holds for all readers, no part of a list may be lost: the hypotheses that are read are
as many as a plain count of the file says.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recogniser_samples import SAMPLES

from fuzz.mutations import Case
from fuzz.target import Target, file_case, folder_case, output_place, take_case
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.recognition.formats import FORMATS, read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest
from rescorer.recognition.references import REFERENCE_FORMATS, read_references

_MANIFEST = '{"audio_filepath": "a-1.wav", "text": "he can"}\n{"audio_filepath": "a-2.wav"}\n'

LISTS = [
    NBest(
        f"utt-{i}",
        tuple(
            Hypothesis(str(n), ("the", "dây")[: n % 3], {FIRST_PASS: -n / 7}) for n in (1, 2, 3, 4)
        ),
    )
    for i in range(3)
]
_MORE: Mapping[str, list[str]] = {
    "jsonl": [
        '{"id": "a", "ref": "x y", "nbest": [{"text": "x", "score": -1.5}, {"text": "y", '
        '"score": -2}]}\n'
    ],
    "hyporadise": [
        '[{"input": ["a b", "a c"], "output": "a b"}, {"input": ["d"], "output": "d", '
        '"am_score": [1]}]'
    ],
    "text": ["a-1 -1.5 x y\na-2 -2 x\nb-1 -3\n"],
    "one-best": ["utt-1 the dây\nutt-2\n"],
}
_FILES: Mapping[str, list[str]] = {
    "mlm-scoring": ["mlm-scoring.json", "mlm-scoring-rescored.json"],
    "hyporadise": ["hyporadise.json"],
    "espnet": ["espnet"],
    "nemo": ["nemo.json"],
    "nemo-tsv": ["nemo-tsv/preds_out_width2_alpha0.5_beta0.5.tsv"],
    "wenet": ["wenet.txt"],
    "wenet-json": ["wenet-python.json", "wenet-server.json"],
    "icefall": ["icefall.txt"],
    "vosk": ["vosk.json"],
    "srilm": ["srilm-1", "srilm-2", "srilm-plain", "srilm-plain/utt1", "srilm-2/utt1"],
    "aws": ["aws.json"],
    "google": ["google.json", "google-stream.json"],
    "azure": ["azure.json", "azure-batch.json"],
}


def nbest_targets(folder: Path, _: LightRNN) -> Iterator[Target]:
    """A target for each format of n-best lists."""
    manifest = folder / "manifest.json"
    manifest.write_text(_MANIFEST)
    for name in sorted(FORMATS):
        cases = list(_cases(name, folder / "made"))
        yield Target(
            f"nbest-{name}", cases, functools.partial(_read_lists, name=name, manifest=manifest), 3
        )


def _cases(name: str, made: Path) -> Iterator[Case]:
    if FORMATS[name].write:
        write_nbest(made, LISTS, name)
        yield take_case(made)
    yield from map(file_case, _MORE.get(name, ()))
    for sample in _FILES.get(name, ()):
        path = SAMPLES / sample
        yield folder_case(path) if path.is_dir() else file_case(path.read_bytes())
    if name == "text":
        yield file_case(gzip.compress(_MORE[name][0].encode(), mtime=0))


def _read_lists(path: Path, name: str, manifest: Path) -> None:
    """As the content says, and as its name says; what is read can be written and read again."""
    failed = None
    given = manifest if name == "nemo-tsv" else None
    try:
        read_nbest(path, manifest=given)
    except Exception as error:  # judged after the other way
        # one-best is read by its name alone
        failed = None if name == "one-best" and isinstance(error, InputError) else error
    lists = read_nbest(path, name, manifest=given).lists
    count = _COUNTS.get(name)
    assert count is None or count(path) == sum(len(each.hypotheses) for each in lists), (
        "a part of the lists was lost"
    )
    written = name if FORMATS[name].write and name != "srilm" else "jsonl"
    out = output_place(path, "out")
    write_nbest(out, lists, written)
    assert read_nbest(out, written).lists == lists, "not what was written"
    if failed is not None:
        raise failed


# ---- plain counts of hypotheses ----


def _text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8-sig")


def _filled(path: Path) -> list[str]:
    return [line for line in _text(path).split("\n") if line.strip()]


def _count_nemo(path: Path) -> int:
    return sum(len(json.loads(line)["beams"]) for line in _filled(path))


def _count_espnet(path: Path) -> int:
    return sum(len(_filled(file)) for file in path.rglob("[0-9]*best_recog/text"))


def _count_wenet(path: Path) -> int:
    kinds = [line.split()[0] for line in _filled(path)]
    silent = sum(
        kinds[place : place + 2] in (["wav"], ["wav", "wav"]) for place in range(len(kinds))
    )
    return kinds.count("candidate") + silent


def _count_icefall(path: Path) -> int:
    return sum(":\thyp=" in line or ": hyp=" in line for line in _filled(path))


def _count_srilm(path: Path) -> int:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    hidden = [file for file in files if not file.name.startswith(".")]
    return sum(
        len(lines) - lines[0].startswith("NBestList")
        for lines in (_filled(file) for file in hidden)
        if lines
    )


def _documents(path: Path) -> Iterator[Any]:
    text, at = _text(path), 0
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
            continue
        value, at = json.JSONDecoder().raw_decode(text, at)
        yield from value if isinstance(value, list) else [value]


def _count_documents(path: Path, count: Callable[[Any], int]) -> int:
    return sum(count(each) for each in _documents(path))


def _of_wenet(document: Any) -> int:
    if document.get("type", "final_result") != "final_result" or "nbest" not in document:
        return 0
    nbest = document["nbest"]
    return len(json.loads(nbest) if isinstance(nbest, str) else nbest)


def _of_vosk(document: Any) -> int:
    return 0 if "partial" in document else len(document["alternatives"])


def _of_aws(document: Any) -> int:
    segments = document["results"].get("segments")
    return 1 if segments is None else sum(len(each["alternatives"]) for each in segments)


def _of_google(document: Any) -> int:
    results = document.get("response", document).get("results", [])
    final = [each.get("isFinal", each.get("is_final")) for each in results]
    tells = any(("isFinal" in each or "is_final" in each) for each in results)
    return sum(
        len(each.get("alternatives", []))
        for each, is_final in zip(results, final, strict=True)
        if is_final is True or not tells
    )


def _of_azure(document: Any) -> int:
    phrases = document.get("recognizedPhrases", [document])
    return sum(
        len(each.get("nBest", each.get("NBest", [])))
        for each in phrases
        if each.get("RecognitionStatus", each.get("recognitionStatus", "Success")) == "Success"
    )


_COUNTS: Mapping[str, Callable[[Path], int]] = {
    "text": lambda path: len(_filled(path)),
    "one-best": lambda path: len(_filled(path)),
    "nemo": _count_nemo,
    "nemo-tsv": lambda path: len(_filled(path)),
    "espnet": _count_espnet,
    "wenet": _count_wenet,
    "icefall": _count_icefall,
    "srilm": _count_srilm,
    "wenet-json": functools.partial(_count_documents, count=_of_wenet),
    "vosk": functools.partial(_count_documents, count=_of_vosk),
    "aws": functools.partial(_count_documents, count=_of_aws),
    "google": functools.partial(_count_documents, count=_of_google),
    "azure": functools.partial(_count_documents, count=_of_azure),
}


# ---- references ----

_REFERENCES: Mapping[str, list[str]] = {
    "text": ["utt-1 the dây\nutt-2\n"],
    "jsonl": ['{"id": "a", "ref": "x y"}\n{"id": "b", "ref": ""}'],
    "trn": ["the dây (utt-1)\n(utt-2)\nyes (utt-3)\n"],
    "stm": ["a 1 x 0.0 1.25 <o,f0> the dây\nb A y 0.5 3.0 yes\nb A y 3.5 4.0\n"],
    "ctm": ["a 1 0.00 0.25 the 0.9\na 1 0.30 0.20 dây\nb 1 1.5 0.5 yes\n"],
    "nemo": [_MANIFEST.replace('a-2.wav"', 'a-2.wav", "text": "yes", "offset": 1.5')],
    "lhotse": [
        (SAMPLES / "lhotse.jsonl").read_text(encoding="utf-8"),
        '{"id": "c", "start": 0, "supervisions": [{"id": "s", "start": 1, "text": "the dây"}]}\n',
    ],
    "icefall": [(SAMPLES / "icefall.txt").read_text(encoding="utf-8")],
    "mlm-scoring": [(SAMPLES / "mlm-scoring.json").read_text(encoding="utf-8")],
    "hyporadise": [(SAMPLES / "hyporadise.json").read_text(encoding="utf-8")],
}


def reference_targets(folder: Path, _: LightRNN) -> Iterator[Target]:
    """A target for each format of references."""
    for name in REFERENCE_FORMATS:
        cases = [file_case(text) for text in _REFERENCES[name]]
        cases.append(file_case(gzip.compress(cases[0][""], mtime=0)))
        yield Target(f"references-{name}", cases, functools.partial(_read_references, name=name), 1)


def _read_references(path: Path, name: str) -> None:
    """As the content says, and as its name says."""
    failed = None
    try:
        read_references(path)
    except Exception as error:  # judged after the other way
        failed = error
    references = read_references(path, name)
    assert references and all(references)
    if failed is not None:
        raise failed
