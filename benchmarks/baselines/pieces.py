"""Pieces of words, by a unigram model of sentencepiece, and the cost of what they cannot spell.

Pieces that begin with "▁" begin words. A character that is in no piece becomes `<unk>`, which costs
P(character | `<unk>`) in addition:

    P(character | <unk>) = (count + 1) / (all counts + 0x110000)

The counts are those of such characters in the training text. So every string has a probability,
and the probabilities of all strings sum to at most 1.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import sentencepiece

from rescorer.errors import InputError
from rescorer.files import put_lines, write_lines
from rescorer.models.language_model import MARKS, SENTENCE_END, UNKNOWN
from rescorer.models.vocabulary import Vocabulary

BEGIN = "▁"
_CHARACTERS = 0x110000  # of Unicode
# Most frequent words, from which the pieces are learnt: all would take ten times as long.
_MAX_WORDS = 50_000


class Pieces:
    """The pieces of a folder that `learn` has written.

    Attributes:
        vocabulary: the pieces, `</s>` and `<unk>` by their counts in the training text.
    """

    def __init__(self, folder: Path) -> None:
        self.vocabulary = Vocabulary.load(folder / "pieces.tsv")
        self._model = sentencepiece.SentencePieceProcessor(
            model_proto=(folder / "sentencepiece.model").read_bytes()
        )
        self._unknown = json.loads((folder / "characters.json").read_text(encoding="utf-8"))

    def spell(self, word: str) -> list[str]:
        """The pieces of a word, in the most probable segmentation.

        A character that is in no piece stands for itself; the vocabulary lacks it.
        """
        return spell(self._model, word)

    def log_prob_of_unknown(self, word: str) -> float:
        """Σ log P(character | `<unk>`) over the characters of a word that are in no piece."""
        unknown = [each for each in self.spell(word) if each not in self.vocabulary]
        return sum(math.log((self._unknown.get(each, 0) + 1) / self._total) for each in unknown)

    @cached_property
    def begins(self) -> np.ndarray:
        """[V] bool: which pieces begin words; `</s>` is among them."""
        words = self.vocabulary.words
        return np.array([word.startswith(BEGIN) or word == SENTENCE_END for word in words])

    @cached_property
    def _total(self) -> int:
        return int(sum(self._unknown.values())) + _CHARACTERS


def learn(words: Mapping[str, int], sentences: int, size: int, folder: Path) -> None:
    """Write the pieces of a training text to a folder.

    Args:
        words: the words of the text with their counts.
        sentences: their number in the text.
        size: number of pieces, `</s>` and `<unk>` among them.

    Raises:
        InputError: the text holds a mark, or it is too small for so many pieces.
    """
    for mark in (BEGIN, *MARKS):
        if any(mark in word for word in words):
            raise InputError(
                f"the training text holds {mark}, which is a mark of the pieces",
                remedy="give a text of ordinary words, or leave out the entries with pieces",
            )
    proto = _train(words, size - 1)
    (folder / "sentencepiece.model").write_bytes(proto)
    model = sentencepiece.SentencePieceProcessor(model_proto=proto)
    pieces = [model.id_to_piece(number) for number in range(model.get_piece_size())]
    found = _count(model, words)
    counts = {piece: found.pop(piece, 0) for piece in pieces if piece != UNKNOWN}
    counts.update({SENTENCE_END: sentences, UNKNOWN: sum(found.values())})
    ordered = sorted(counts, key=lambda piece: -counts[piece])
    vocabulary = Vocabulary(tuple(ordered), np.array([counts[piece] for piece in ordered]))
    write_lines(folder / "characters.json", [json.dumps(found)])
    vocabulary.save(folder / "pieces.tsv")


def spell(model: sentencepiece.SentencePieceProcessor, word: str) -> list[str]:
    """The pieces of a word; of what is in no piece, each character."""
    spelled: list[str] = []
    for piece in model.encode(word, out_type=str):
        if model.is_unknown(model.piece_to_id(piece)):
            spelled.extend(piece)
        else:
            spelled.append(piece)
    return spelled


def _count(model: sentencepiece.SentencePieceProcessor, words: Mapping[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, count in words.items():
        for piece in spell(model, word):
            found[piece] += count
    return found


def _train(words: Mapping[str, int], size: int) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frequent = sorted(words, key=lambda word: -words[word])[:_MAX_WORDS]
        put_lines(folder / "words.tsv", [f"{word}\t{words[word]}" for word in frequent])
        try:
            sentencepiece.SentencePieceTrainer.train(
                input=str(folder / "words.tsv"),
                input_format="tsv",
                model_prefix=str(folder / "pieces"),
                model_type="unigram",
                vocab_size=size,
                normalization_rule_name="identity",
                num_threads=1,  # with several, the pieces depend on their timing
                minloglevel=3,
                bos_id=-1,
                eos_id=-1,
                pad_id=-1,
            )
        except RuntimeError as error:
            raise InputError(
                f"sentencepiece makes no {size:,} pieces of the training text: {error}",
                remedy="give fewer pieces, or more text",
            ) from None
        return (folder / "pieces.model").read_bytes()
