"""Vosk: the alternatives of each utterance that its own end-point detection finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rescorer.decoding.audio import SAMPLE_RATE, Audio, as_pcm
from rescorer.decoding.runs import Decoded
from rescorer.decoding.settings import VoskSettings
from rescorer.decoding.speech import segment_id
from rescorer.errors import InputError
from rescorer.extras import Foreign, import_extra
from rescorer.recognition.nbest import FIRST_PASS, Hypothesis, NBest

_CHUNK = SAMPLE_RATE // 5  # samples that Vosk takes at a time: the end points depend on it
_QUIET = -1


class Vosk:
    """A Vosk model."""

    def __init__(self, model: Path, settings: VoskSettings) -> None:
        """
        Raises:
            InputError: the extra `vosk` is not installed, or the folder holds no such model.
        """
        self._library = import_extra("vosk", "vosk")
        self._alternatives = settings.alternatives
        self._library.SetLogLevel(_QUIET)
        if not (model / "am").is_dir() and not (model / "final.mdl").is_file():
            raise _no_model(model)
        try:
            self._model = self._library.Model(model_path=str(model))
        except Exception:  # Vosk raises nothing narrower
            raise _no_model(model) from None

    def decode(self, audio: Audio) -> Iterator[Decoded[NBest]]:
        """A list of each utterance; its score, `first_pass`, is Vosk's `confidence`: acoustic and
        graph scores, scaled.
        """
        recogniser = self._library.KaldiRecognizer(self._model, SAMPLE_RATE)
        recogniser.SetMaxAlternatives(self._alternatives)
        heard = begin = 0.0  # seconds
        for chunk in _chunks(audio):
            heard += len(chunk) / SAMPLE_RATE
            if recogniser.AcceptWaveform(as_pcm(chunk)):
                yield from _lists(
                    segment_id(audio.utterance, begin, heard), recogniser.Result(), heard
                )
                begin = heard
        yield from _lists(
            segment_id(audio.utterance, begin, heard), recogniser.FinalResult(), heard
        )


def _lists(utterance: str, result: str, end: float) -> Iterator[Decoded[NBest]]:
    """The list of an utterance; none where nobody spoke."""
    alternatives: Foreign = json.loads(result).get("alternatives", [])
    if not any(each["text"] for each in alternatives):
        return
    hypotheses = tuple(
        Hypothesis(str(key), tuple(each["text"].split()), {FIRST_PASS: each["confidence"]})
        for key, each in enumerate(alternatives, start=1)
    )
    yield Decoded(end, NBest(utterance, hypotheses))


def _chunks(audio: Audio) -> Iterator[np.ndarray]:
    for block in audio.blocks():
        for start in range(0, len(block), _CHUNK):
            yield block[start : start + _CHUNK]


def _no_model(folder: Path) -> InputError:
    return InputError(
        "no Vosk model",
        expected="a folder with am/, graph/ and conf/",
        remedy="unpack a model of alphacephei.com/vosk/models and name its folder",
        file=folder,
    )
