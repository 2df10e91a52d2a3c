"""Audio files as recognisers hear them: one channel of 16 kHz, a block at a time.

WAV files of this kind are read without another package; PyAV reads and converts all others.
Shapes: S samples in [-1, 1].
"""

from __future__ import annotations

import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, NamedTuple

import numpy as np

from rescorer.errors import InputError
from rescorer.extras import Foreign, import_extra
from rescorer.inputs import open_input

SAMPLE_RATE = 16000  # Hz
BLOCK = 60  # seconds of a block, which a detector of speech takes whole
_FULL_SCALE = 32767  # the largest sample of 16 bits
_WAV_HEADER = 44  # bytes, at least
_NO_LENGTH = 1 << 29  # samples: the mark of a program that wrote to a pipe and knew no length
_FORMAT = "audio: WAV, FLAC, MP3, …"


@dataclass(frozen=True)
class Audio:
    """One audio file.

    Attributes:
        utterance: its name without folder and ending: the id of the utterance, or its beginning.
        rate: its own samples a second, before it is converted.
        seconds: its length; 0 if the file does not say it.
        is_plain: whether it is a WAV file that needs no conversion.
        missing: seconds that the file says it has and has not.
    """

    path: Path
    utterance: str
    rate: int
    seconds: float
    is_plain: bool
    missing: float = 0.0

    def blocks(self) -> Iterator[np.ndarray]:
        """[S] float32, at most BLOCK seconds each.

        Raises:
            InputError: the file is damaged.
        """
        return _plain_blocks(self.path) if self.is_plain else _converted_blocks(self.path)

    def samples(self) -> np.ndarray:
        """[S] float32, the whole file."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks()])


def open_audio(path: Path) -> Audio:
    """Look at the beginning of a file.

    Raises:
        InputError: the file cannot be read, or is no audio.
    """
    with _opened(path) as file:
        is_wav = file.read(4) == b"RIFF"
    header = _plain_header(path) if is_wav else None
    if header is not None:
        return Audio(path, path.stem, SAMPLE_RATE, header.held, True, header.missing)
    rate, seconds = _other_header(path)
    return Audio(path, path.stem, rate, seconds, False)


def _opened(path: Path) -> IO[bytes]:
    try:
        return open_input(path)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", remedy="check the path", file=path
        ) from None


class _PlainHeader(NamedTuple):
    """Seconds of a WAV file that are there, and those that are not."""

    held: float
    missing: float


def _plain_header(path: Path) -> _PlainHeader | None:
    """None for a WAV file that needs conversion, or is none."""
    try:
        with wave.open(str(path), "rb") as file:
            kind = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            said = file.getnframes()
    except (wave.Error, EOFError):
        return None
    if kind != (SAMPLE_RATE, 1, 2):
        return None
    most = max(0, path.stat().st_size - _WAV_HEADER) // 2
    held = min(said, most)
    missing = said - held if said < _NO_LENGTH else 0
    return _PlainHeader(held / SAMPLE_RATE, missing / SAMPLE_RATE)


def _plain_blocks(path: Path) -> Iterator[np.ndarray]:
    with wave.open(str(path), "rb") as file:
        while block := file.readframes(BLOCK * SAMPLE_RATE):
            whole = block[: len(block) // 2 * 2]
            yield np.frombuffer(whole, "<i2").astype(np.float32) / _FULL_SCALE


def as_pcm(samples: np.ndarray) -> bytes:
    """Samples [S] as 16-bit integers."""
    whole = np.round(np.clip(samples, -1, 1) * _FULL_SCALE).astype("<i2")
    return bytes(whole.tobytes())


class _Header(NamedTuple):
    rate: int
    seconds: float


def _other_header(path: Path) -> _Header:
    av = _pyav(path)
    with _container(av, path) as container:
        stream = container.streams.audio[0]
        seconds = (container.duration or 0) / av.time_base
        return _Header(int(stream.rate or SAMPLE_RATE), float(seconds))


def _converted_blocks(path: Path) -> Iterator[np.ndarray]:
    av = _pyav(path)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    held: list[np.ndarray] = []
    with _container(av, path) as container:
        try:
            for frame in container.decode(audio=0):
                held += _arrays(resampler.resample(frame))
                if sum(map(len, held)) >= BLOCK * SAMPLE_RATE:
                    yield np.concatenate(held)
                    held = []
            held += _arrays(resampler.resample(None))
        except av.FFmpegError as error:
            raise _damaged(path, error) from None
    if held:
        yield np.concatenate(held)


def _arrays(frames: Sequence[Foreign]) -> list[np.ndarray]:
    return [frame.to_ndarray()[0] for frame in frames]


def _container(av: ModuleType, path: Path) -> Foreign:
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise _damaged(path, error) from None
    if not container.streams.audio:
        container.close()
        raise InputError("no sound in it", expected=_FORMAT, remedy="take it out", file=path)
    return container


def _damaged(path: Path, error: Exception) -> InputError:
    cause = getattr(error, "strerror", None) or error
    return InputError(
        f"no audio: {cause}",
        expected=_FORMAT,
        remedy="check the file, take it out, or --skip-bad",
        file=path,
    )


def _pyav(path: Path) -> ModuleType:
    """PyAV, which is needed for a file."""
    try:
        return import_extra("av", "whisper")
    except InputError:
        raise InputError(
            "no WAV file of 16 kHz, one channel and 16 bits, and PyAV, which converts, is not "
            "installed",
            remedy="pip install av, or ffmpeg -i IN -ar 16000 -ac 1 -sample_fmt s16 OUT.wav",
            file=path,
        ) from None
