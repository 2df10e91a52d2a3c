"""The Kneser–Ney n-gram of lmplz, with the vocabulary of the networks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.models.vocabulary import Vocabulary

_STAND_IN = "_unk_"  # lmplz takes no `<unk>` in a text: see recipes/arpa_unk.py
_ARPA_UNK = Path(__file__).parents[2] / "recipes/arpa_unk.py"
_SENTENCES_AT_ONCE = 20_000
_COUNT = re.compile(rb"ngram \d+=(\d+)")


def sentences(ids: np.ndarray, vocabulary: Vocabulary, unknown: str) -> Iterator[list[str]]:
    """The words of each sentence of a text of ids [N], with `unknown` for the unknown word.

    The end of the text ends a sentence.
    """
    spelled = list(vocabulary.words)
    spelled[vocabulary.unknown_id] = unknown
    begin = 0
    for end in np.flatnonzero(ids == vocabulary.end_id).tolist():
        yield [spelled[index] for index in ids[begin:end].tolist()]
        begin = end + 1


def estimate(
    ids: np.ndarray,
    vocabulary: Vocabulary,
    folder: Path,
    lmplz: Path,
    order: int,
    prune: Sequence[int] = (),
) -> tuple[Path, int]:
    """Write FOLDER/ngram.binary; returns its path and its number of n-grams.

    If the text holds unknown words, `<unk>` is a word like others. Otherwise it has the small
    probability that lmplz reserves for unseen words. A word of the vocabulary that the text lacks
    is scored as `<unk>`.

    Raises:
        InputError: lmplz or build_binary fails, or a word of the vocabulary is the placeholder for
            `<unk>`.
    """
    if _STAND_IN in vocabulary.words:
        raise InputError(
            f"{_STAND_IN} is a word of the vocabulary", remedy="take it out of the text"
        )
    arpa, binary, said = folder / "ngram.arpa", folder / "ngram.binary", folder / "kenlm.txt"
    command = [
        str(lmplz),
        "-o",
        str(order),
        "-S",
        "2G",
        "-T",
        f"{folder}/",
        "--discount_fallback",
        *(["--prune", *map(str, prune)] if prune else []),
    ]
    has_unknown = bool((ids == vocabulary.unknown_id).any())
    rename = [sys.executable, str(_ARPA_UNK), _STAND_IN] if has_unknown else ["cat"]
    with (
        open(arpa, "wb") as file,
        open(said, "wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as made,
        subprocess.Popen(rename, stdin=made.stdout, stdout=file, stderr=log) as renamed,
    ):
        assert made.stdin is not None and made.stdout is not None
        made.stdout.close()
        _write(made.stdin.fileno(), sentences(ids, vocabulary, _STAND_IN))
        made.stdin.close()
    if made.returncode or renamed.returncode:
        raise _failed(lmplz, said)
    with open(arpa, "rb") as lines:
        head = lines.read(4096)
    build = lmplz.with_name("build_binary")
    with open(said, "wb") as log:
        if subprocess.run([build, arpa, binary], stdout=subprocess.DEVNULL, stderr=log).returncode:
            raise _failed(build, said)
    arpa.unlink()
    said.unlink()
    return binary, sum(int(count) for count in _COUNT.findall(head))


def _failed(program: Path, said: Path) -> InputError:
    last = said.read_text(encoding="utf-8", errors="replace").strip()[-500:] or "no word"
    return InputError(
        f"{program.name} failed: {' '.join(last.split())}", remedy=f"see {said}", file=program
    )


def _write(pipe: int, lines: Iterator[list[str]]) -> None:
    part: list[str] = []
    for line in lines:
        part.append(" ".join(line))
        if len(part) == _SENTENCES_AT_ONCE:
            _write_all(pipe, part)
            part = []
    _write_all(pipe, part)


def _write_all(pipe: int, lines: list[str]) -> None:
    data = memoryview("".join(f"{line}\n" for line in lines).encode())
    while data:
        try:
            data = data[os.write(pipe, data) :]
        except BrokenPipeError:  # its exit status says why
            return
