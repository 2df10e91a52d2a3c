"""Audio files of several kinds, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_audio import tone, write_wav

from rescorer.decoding import audio as audio_module
from rescorer.decoding.audio import SAMPLE_RATE, as_pcm, open_audio
from rescorer.errors import InputError


def test_plain_wav(tmp_path: Path) -> None:
    samples = tone(0.5)
    audio = open_audio(write_wav(tmp_path / "a.wav", samples))
    assert (audio.utterance, audio.rate, audio.seconds, audio.missing) == ("a", SAMPLE_RATE, 0.5, 0)
    assert audio.samples() == pytest.approx(samples, abs=1e-4)
    assert as_pcm(audio.samples()) == (tmp_path / "a.wav").read_bytes()[44:]


def test_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "BLOCK", 1)
    audio = open_audio(write_wav(tmp_path / "a.wav", tone(2.5)))
    assert [len(block) for block in audio.blocks()] == [16000, 16000, 8000]


def test_empty(tmp_path: Path) -> None:
    audio = open_audio(write_wav(tmp_path / "a.wav", np.zeros(0)))
    assert audio.seconds == 0 and len(audio.samples()) == 0


def test_cut_short(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(2))
    path.write_bytes(path.read_bytes()[: 44 + 32001])
    audio = open_audio(path)
    assert (audio.seconds, audio.missing) == (1.0, 1.0)
    assert len(audio.samples()) == 16000


def test_written_to_a_pipe(tmp_path: Path) -> None:
    """The header says the greatest length."""
    path = write_wav(tmp_path / "a.wav", tone(1))
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    audio = open_audio(path)
    assert (audio.seconds, audio.missing) == (1.0, 0.0)
    assert len(audio.samples()) == 16000


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav: cannot be read: No such file"):
        open_audio(tmp_path / "a.wav")


def test_other_kinds_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    path = write_wav(tmp_path / "a.wav", tone(1, 8000), rate=8000)
    with pytest.raises(InputError, match=r"a\.wav: no WAV file of 16 kHz.*pip install av"):
        open_audio(path)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (16000, 2)])
def test_converted(tmp_path: Path, rate: int, channels: int) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: make test-adapters")
    samples = np.repeat(tone(1, rate), channels)
    audio = open_audio(write_wav(tmp_path / "a.wav", samples, rate, channels))
    assert (audio.rate, audio.seconds) == (rate, pytest.approx(1.0))
    found = audio.samples()
    assert abs(len(found) - SAMPLE_RATE) < 100
    assert np.abs(np.fft.rfft(found)).argmax() == pytest.approx(440, abs=5)


@pytest.mark.parametrize("content", [b"", b"no audio at all\n" * 40, b"RIFF", b"\xff\xfb" * 200])
def test_no_audio(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: make test-adapters")
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.wav: no (audio|sound).*remedy"):
        open_audio(path)
