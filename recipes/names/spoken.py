"""Spoken sentences and their sound files, for the scripts of this folder."""

from __future__ import annotations

import random
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16000  # Hz, of the input of both recognisers
# The use of a sentence by the first part of its id.
PARTS = {"valid": "dev", "test": "test", "ordinary": "ordinary"}
FULL_SCALE = 32767  # the largest sample of 16 bits


@dataclass(frozen=True)
class Sentence:
    """One sentence: an id like "valid-00036" and lower-case words with one space between them."""

    id: str
    text: str

    @property
    def part(self) -> str:
        """dev, test, or ordinary: a development set without names."""
        return PARTS[self.id.split("-")[0]]


def read_sentences(path: Path, seed: int = 1) -> list[Sentence]:
    """The sentences of a file of lines `id TAB text`, shuffled.

    The first n sentences are a random sample, whatever n.
    """
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    sentences = sorted((Sentence(id, text) for id, text in rows), key=lambda sentence: sentence.id)
    random.Random(seed).shuffle(sentences)
    return sentences


def wav_path(folder: Path, sentence: Sentence) -> Path:
    return folder / f"{sentence.id}.wav"


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write samples in [-1, 1], whole or not at all."""
    partial = path.with_suffix(".part")
    with wave.open(str(partial), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(np.round(np.clip(samples, -1, 1) * FULL_SCALE).astype("<i2").tobytes())
    partial.rename(path)
