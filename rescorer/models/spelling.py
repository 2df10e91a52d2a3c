"""The spelling model: a distribution over all strings, which gives unknown words probabilities.

It is a unigram model of pieces (Kudo, ACL 2018), trained by sentencepiece. Some pieces begin words
("▁new"), the others continue them ("er"). A word ends where the next word begins. With q = Σ P over
the pieces that begin words, a word of the pieces p_1 … p_n has the probability

    P(p_1)/q · P(p_2) ⋯ P(p_n) · q = P(p_1) · P(p_2) ⋯ P(p_n).

The probability of a string is the sum over its segmentations. If Σ P = 1 over all pieces, the
probabilities of all strings sum to 1.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from rescorer.errors import InputError
from rescorer.models.language_model import MARKS
from rescorer.models.torch_file import Content

_BLANK = "▁"
_PIECES = 2_000
# The training takes 10 s. With ten times as many words it takes 5 minutes and is hardly better.
_MAX_TRAINING_WORDS = 50_000
# The probability of "any character", shared equally by all 0x110000, which makes each string
# possible. sentencepiece's byte fallback would waste probability on bytes that are no characters.
_ANY_CHARACTER = 1e-3
_LOG_ANY = math.log(_ANY_CHARACTER / 0x110000)


@dataclass(frozen=True)
class Spelling:
    """P(string) over all strings, and over the strings that are not known words.

    Attributes:
        pieces: natural log P of each piece; "▁" marks pieces that begin words. The probabilities
            sum to 1 − `_ANY_CHARACTER`.
        known: Σ P over the strings that are not unknown words: the known words, the special tokens
            and the empty string.
    """

    pieces: Mapping[str, float]
    known: float

    def __post_init__(self) -> None:
        if not all(type(piece) is str for piece in self.pieces):
            raise ValueError("a piece is not a string")
        if self.pieces.get(_BLANK, -math.inf) == -math.inf:
            raise ValueError(f"the piece {_BLANK!r}, which can begin any word, has no probability")
        total = math.fsum(map(math.exp, self.pieces.values())) + _ANY_CHARACTER
        if not abs(total - 1) < 1e-6:  # NaN, too
            raise ValueError(f"the probabilities of the pieces sum to {total}, not to 1")
        if not 0 <= self.known < 1:
            raise ValueError(f"the probability of the known words is {self.known}")

    @classmethod
    def learn(cls, words: Sequence[str]) -> Spelling:
        """Train on the words of a vocabulary, each counted once. They become the known words.

        The result is deterministic. The training of the pieces takes about 10 s for any vocabulary,
        because at most 50,000 words are read, at equal distances. The sum over the known words
        takes 20 µs a word.

        Raises:
            InputError: sentencepiece is not installed.
        """
        spelled = [word for word in words if word not in MARKS and _BLANK not in word]
        pieces_only = cls(
            _learn_pieces(spelled[:: -(-len(spelled) // _MAX_TRAINING_WORDS) or 1]), 0.0
        )
        return pieces_only.knowing({"", *MARKS, *words})

    def knowing(self, words: Iterable[str], but: Iterable[str] = ()) -> Spelling:
        """The same pieces with other known words: plus `words`, minus `but`; takes 20 µs a word."""
        known = math.fsum(
            [self.known, *map(self._prob, words), *(-self._prob(word) for word in but)]
        )
        return replace(self, known=max(0.0, known))

    def log_prob(self, word: str) -> float:
        """log P of a string among all strings; the time grows linearly with its length."""
        log_probs = [self._beginnings.get("", -math.inf)]  # log P of word[:end], for each end
        for end in range(1, len(word) + 1):
            ways = [log_probs[-1] + self._inner.get(word[end - 1], _LOG_ANY)]
            for begin in range(max(0, end - self._longest), end - 1):
                if (piece := self._inner.get(word[begin:end])) is not None:
                    ways.append(log_probs[begin] + piece)
            if end <= self._longest_beginning and word[:end] in self._beginnings:
                ways.append(self._beginnings[word[:end]])
            log_probs.append(_log_sum(ways))
        return log_probs[-1]

    def unknown_log_prob(self, word: str) -> float:
        """log P of the string of an unknown word, among all unknown words."""
        return self.log_prob(word) - math.log1p(-self.known)

    def as_dict(self) -> dict[str, object]:
        """The content for a model file."""
        return {
            "pieces": list(self.pieces),
            "known": self.known,
            "log_probs": torch.tensor(list(self.pieces.values()), dtype=torch.float64),
        }

    @classmethod
    def from_dict(cls, content: Content) -> Spelling:
        """Rebuild a Spelling from `as_dict`.

        Raises:
            KeyError, TypeError, ValueError: a part is missing or wrong.
        """
        return cls(
            dict(zip(content["pieces"], content["log_probs"].tolist(), strict=True)),
            content["known"],
        )

    def _prob(self, word: str) -> float:
        return math.exp(self.log_prob(word))

    @cached_property
    def _beginnings(self) -> dict[str, float]:
        """The pieces that begin words, without "▁"."""
        return {
            piece[1:]: log_prob
            for piece, log_prob in self.pieces.items()
            if piece.startswith(_BLANK)
        }

    @cached_property
    def _inner(self) -> dict[str, float]:
        """The pieces that continue words. P of a character includes its part of "any character"."""
        return {
            piece: log_prob if len(piece) > 1 else _log_sum([log_prob, _LOG_ANY])
            for piece, log_prob in self.pieces.items()
            if not piece.startswith(_BLANK)
        }

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._inner), default=1)

    @cached_property
    def _longest_beginning(self) -> int:
        return max(map(len, self._beginnings), default=0)


def _log_sum(log_probs: Sequence[float]) -> float:
    if len(log_probs) == 1:
        return log_probs[0]
    top = max(log_probs)
    return (
        top + math.log(sum(math.exp(log_prob - top) for log_prob in log_probs))
        if top > -math.inf
        else top
    )


def _learn_pieces(words: Sequence[str]) -> dict[str, float]:
    """Pieces with natural log P. "▁" is one of them, because it can begin any word."""
    scores = _sentencepiece_scores(words) or _characters(words)
    scores.setdefault(_BLANK, min(scores.values()))
    log_probs = np.array(list(scores.values()))
    # The probabilities of sentencepiece do not sum to 1.
    log_probs += math.log1p(-_ANY_CHARACTER) - np.logaddexp.reduce(log_probs)
    return dict(zip(scores, log_probs.tolist(), strict=True))


def _sentencepiece_scores(words: Sequence[str]) -> dict[str, float]:
    """Scores of pieces. None if there are no words, or more distinct characters than pieces."""
    try:
        import sentencepiece
    except ImportError:
        raise InputError(
            "sentencepiece, which trains the spelling model, is not installed",
            remedy="pip install sentencepiece",
        ) from None
    written = io.BytesIO()
    try:
        # One thread, because with several the sums and thus the pieces depend on their timing.
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(words),
            model_writer=written,
            model_type="unigram",
            vocab_size=_PIECES,
            hard_vocab_limit=False,
            normalization_rule_name="identity",
            num_threads=1,
            minloglevel=3,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
        )
    except RuntimeError:
        return {}
    model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    ids = [number for number in range(model.get_piece_size()) if not model.is_unknown(number)]
    return {model.id_to_piece(number): model.get_score(number) for number in ids}


def _characters(words: Sequence[str]) -> dict[str, float]:
    """Log counts of each character, and of the words, each of which begins with "▁"."""
    counts: dict[str, int] = {_BLANK: max(1, len(words))}
    for character in "".join(words):
        counts[character] = counts.get(character, 0) + 1
    return {character: math.log(count) for character, count in counts.items()}
