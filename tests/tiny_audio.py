"""Small WAV files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000, channels: int = 1) -> Path:
    """Write samples in [-1, 1] as 16-bit integers."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return path


def tone(seconds: float, rate: int = 16000) -> np.ndarray:
    """A tone of 440 Hz at half of full scale."""
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def noise(seconds: float) -> np.ndarray:
    """Noise whose loudness changes four times a second, as that of syllables does."""
    draw = np.random.default_rng(0)
    times = np.arange(round(seconds * 16000)) / 16000
    return 0.2 * draw.normal(size=len(times)).clip(-3, 3) * np.sin(2 * np.pi * 2 * times) ** 2
