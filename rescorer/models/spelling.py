"""How words are spelled: a distribution over all strings, by which unknown words are told apart.

A unigram model of pieces (Kudo, ACL 2018; learnt by sentencepiece). Some pieces begin words
("▁new"), the others go on ("er"), and a word ends where the next one begins: with q = Σ P(pieces
that begin words), a word of the pieces p_1 … p_n has P(p_1)/q · P(p_2) ⋯ P(p_n) · q, the plain
product. Each string's probability is the sum over all its segmentations, and with Σ P = 1 over the
pieces those of all strings sum to 1, for some piece that begins words comes at last.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rescorer.errors import InputError
from rescorer.models.language_model import MARKS

_BLANK = "▁"
_PIECES = 2_000
# words at most: 10 s, and ten times as many would take 5 minutes for pieces hardly better
_LEARNT_FROM = 50_000
# The share of the pieces' probability that is kept for any character whatever, all 0x110000 alike:
# so each string is possible. Bytes, sentencepiece's own way, would waste some of it on what is no
# character.
_ANY_CHARACTER = 1e-3
_LOG_ANY = math.log(_ANY_CHARACTER / 0x110000)


@dataclass(frozen=True)
class Spelling:
    """P(string) over all strings, and over those that are no known words.

    Attributes:
        pieces: natural log P of each, "▁" before those that begin words; they sum to 1 −
            `_ANY_CHARACTER`.
        known: Σ P over the strings that no unknown word can be: the known words, the marks, and the
            empty one.
    """

    pieces: Mapping[str, float]
    known: float

    def __post_init__(self) -> None:
        if not all(type(piece) is str for piece in self.pieces):
            raise ValueError("a piece that is no text")
        if self.pieces.get(_BLANK, -math.inf) == -math.inf:
            raise ValueError(
                f"the piece {_BLANK!r}, with which any word can begin, has no probability"
            )
        total = math.fsum(map(math.exp, self.pieces.values())) + _ANY_CHARACTER
        if not abs(total - 1) < 1e-6:  # NaN, too
            raise ValueError(f"the probabilities of the pieces sum to {total}, not to 1")
        if not 0 <= self.known < 1:
            raise ValueError(f"the known words have {self.known} of the probability of all strings")

    @classmethod
    def learn(cls, words: Sequence[str]) -> Spelling:
        """Learn from the words of a vocabulary, each once, rare ones too; they are the known ones.
        Same words, same result.

        About 10 s for the pieces, however large the vocabulary (50,000 words, spread evenly over
        it, are read), and 20 µs a known word for the sum of their probabilities.

        Raises:
            InputError: sentencepiece is not installed.
        """
        spelled = [word for word in words if word not in MARKS and _BLANK not in word]
        unaware = cls(_learn_pieces(spelled[:: -(-len(spelled) // _LEARNT_FROM) or 1]), 0.0)
        return unaware.knowing({"", *MARKS, *words})

    def knowing(self, words: Iterable[str], but: Iterable[str] = ()) -> Spelling:
        """The same pieces where these words are known too, and those no longer are; 20 µs a
        word.
        """
        known = math.fsum(
            [self.known, *map(self._prob, words), *(-self._prob(word) for word in but)]
        )
        return replace(self, known=max(0.0, known))

    def log_prob(self, word: str) -> float:
        """Log P of the string among all strings; the time goes with its length."""
        spelled = [self._beginnings.get("", -math.inf)]  # log P of word[:end], for each end
        for end in range(1, len(word) + 1):
            ways = [spelled[-1] + self._inner.get(word[end - 1], _LOG_ANY)]
            for begin in range(max(0, end - self._longest), end - 1):
                if (piece := self._inner.get(word[begin:end])) is not None:
                    ways.append(spelled[begin] + piece)
            if (
                end <= self._longest_beginning
                and (piece := self._beginnings.get(word[:end])) is not None
            ):
                ways.append(piece)
            spelled.append(_log_sum(ways))
        return spelled[-1]

    def unknown_log_prob(self, word: str) -> float:
        """Log P of the string of a word that is not known, among all such."""
        return self.log_prob(word) - math.log1p(-self.known)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "pieces": list(self.pieces),
            "known": self.known,
            "log_probs": torch.tensor(list(self.pieces.values()), dtype=torch.float64),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Spelling:
        """Rebuild what `as_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        return cls(
            dict(zip(content["pieces"], content["log_probs"].tolist(), strict=True)),
            content["known"],
        )

    def _prob(self, word: str) -> float:
        return math.exp(self.log_prob(word))

    @cached_property
    def _beginnings(self) -> dict[str, float]:
        """The pieces that begin words, without the "▁"."""
        return {
            piece[1:]: log_prob
            for piece, log_prob in self.pieces.items()
            if piece.startswith(_BLANK)
        }

    @cached_property
    def _inner(self) -> dict[str, float]:
        """The pieces that do not; a single character comes as a piece or as any character."""
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
    """Pieces with natural log P; "▁" is one of them, so that any word can begin."""
    scores = _sentencepiece_scores(words) or _characters(words)
    scores.setdefault(_BLANK, min(scores.values()))
    log_probs = np.array(list(scores.values()))
    # sentencepiece's do not sum to 1
    log_probs += math.log1p(-_ANY_CHARACTER) - np.logaddexp.reduce(log_probs)
    return dict(zip(scores, log_probs.tolist(), strict=True))


def _sentencepiece_scores(words: Sequence[str]) -> dict[str, float]:
    """Scores of pieces; none where sentencepiece refuses: no words, or more different characters
    than pieces.
    """
    try:
        import sentencepiece
    except ImportError:
        raise InputError(
            "sentencepiece, which learns how words are spelled, is not installed",
            remedy="pip install sentencepiece",
        ) from None
    written = io.BytesIO()
    try:
        # One thread: with several the sums, and so the pieces, would depend on their timing.
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
    """Log of how often each character occurs, and of how many words there are, each begun by one
    "▁".
    """
    counts: dict[str, int] = {_BLANK: max(1, len(words))}
    for character in "".join(words):
        counts[character] = counts.get(character, 0) + 1
    return {character: math.log(count) for character, count in counts.items()}
