"""Scores of a LightRNN that `lightrnn export` wrote, by onnxruntime: numpy, no torch.

In the graph a word's number is that of its cell, row · C + column, so that the file needs no table;
a cell without a word has an empty one. Inputs: `words` [T, U] int64, `hidden` and `cell` [L, U, D].
Outputs: `log_probs` [T, U], `next_hidden` and `next_cell` [L, U, D], and `vocabulary`, the bytes of
the words, UTF-8 with a newline between, cell after cell, as bz2.

Shapes: T words, U histories side by side, N words and `</s>` of a sentence, L layers, D width.
"""

from __future__ import annotations

import bz2
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.models.vocabulary import SENTENCE_END, Vocabulary

FILE_KIND, FILE_VERSION = "lightrnn", "1"

_SENTENCES = 32  # read side by side
_WORDS = 32  # of each at a time: memory stays small however long a sentence is
_VOCABULARY = 1 << 28  # bytes of all words at most: a small file may unpack to any size
_AGAIN = "make the file again with `lightrnn export`"
_ERRORS_ONLY = 4  # of onnxruntime's log: what goes wrong comes as an exception too


class OnnxState(NamedTuple):
    """What the LSTM knows after U histories: both [L, U, D]."""

    hidden: np.ndarray
    cell: np.ndarray


Advance = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]


class OnnxScorer:
    """A network in onnxruntime with its vocabulary."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        """From the bytes of a file.

        Raises:
            ImportError: onnxruntime is not installed.
            ValueError: some other network.
            InputError: onnxruntime cannot run it, or it gives no finite log-probabilities.
            Exception: onnxruntime's own, for what is no ONNX at all.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _ERRORS_ONLY
        # Without its second try, which is the same here, and prints.
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        told = self._session.get_modelmeta().custom_metadata_map
        if told.get("kind") != FILE_KIND:
            raise ValueError("an ONNX file, but no exported LightRNN")
        if told.get("version") != FILE_VERSION:
            raise ValueError(
                f"version {told.get('version')!r} of the file, where {FILE_VERSION!r} can be read"
            )
        layers, _, width = self._session.get_inputs()[1].shape
        self._shape = int(layers), int(width)
        words = self._words()
        # [V]
        self._cells = np.array([cell for cell, word in enumerate(words) if word], dtype=np.int64)
        known = tuple(word for word in words if word)
        self.vocabulary = Vocabulary(known, np.zeros(len(known), dtype=np.int64), told["case"])
        self.log_probs([[]])  # one that cannot be run is found at once

    @classmethod
    def load(cls, path: str | Path, threads: int = 1) -> OnnxScorer:
        """Read a file of `lightrnn export`.

        Raises:
            InputError: not such a file, or onnxruntime is not installed.
        """
        with open_binary(path) as file:
            try:
                return cls(file.read(), threads)
            except ImportError:
                raise InputError(
                    "onnxruntime is not installed", remedy="pip install onnxruntime"
                ) from None
            except MemoryError:
                raise
            except Exception as error:  # onnxruntime's have no common ancestor of their own
                known = type(error) is ValueError or isinstance(error, InputError)
                found = str(error).partition("; ")[0] if known else "not an ONNX file, or cut short"
                raise InputError(
                    found,
                    expected="an exported LightRNN",
                    remedy="make one with `lightrnn export`",
                    file=path,
                ) from None

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] int64 cells; a word outside gets that of `<unk>`."""
        return self._cells[self.vocabulary.encode(words)]  # type: ignore[no-any-return]

    def start(self, size: int) -> OnnxState:
        """`size` histories that hold only `<s>`: nothing, then the end of the sentence before."""
        return self.advance(np.tile(self.encode([SENTENCE_END]), (1, size)), self._nothing(size))[1]

    def advance(self, cells: np.ndarray, state: OnnxState) -> tuple[np.ndarray, OnnxState]:
        """[T, U] natural log P of each of the words in cells [T, U] after histories [U]; and the
        longer histories.
        """
        log_probs, *after = self._run(["log_probs", "next_hidden", "next_cell"], cells, state)
        if log_probs.shape != cells.shape or np.isnan(log_probs).any():
            raise InputError(
                "the network gives something else than log-probabilities", remedy=_AGAIN
            )
        return log_probs, OnnxState(*after)

    def log_probs(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """[N] natural log P of each word and of the `</s>` of each sentence."""
        cells = [self.encode([*sentence, SENTENCE_END]) for sentence in sentences]
        found = log_probs_by_sentence(cells, self.start, self.advance)
        if not all(np.isfinite(each).all() for each in found):
            raise InputError("the network gives a word no finite probability", remedy=_AGAIN)
        return found

    def logprob(self, words: Sequence[str]) -> float:
        """Natural log P of a sentence with its `</s>`."""
        return float(self.log_probs([words])[0].sum())

    def _nothing(self, size: int) -> OnnxState:
        layers, width = self._shape
        return OnnxState(*np.zeros((2, layers, size, width), dtype=np.float32))

    def _words(self) -> list[str]:
        (packed,) = self._run(["vocabulary"], np.zeros((1, 1), dtype=np.int64), self._nothing(1))
        unpacking = bz2.BZ2Decompressor()
        unpacked = unpacking.decompress(packed.tobytes(), _VOCABULARY)
        if not unpacking.eof:
            raise ValueError(
                f"a vocabulary of more than {_VOCABULARY:,} bytes, or one that is cut short"
            )
        return unpacked.decode("utf-8").split("\n")

    def _run(self, outputs: Sequence[str], cells: np.ndarray, state: OnnxState) -> list[np.ndarray]:
        """Raises InputError where onnxruntime cannot: its exceptions have no common ancestor of
        their own.
        """
        try:
            given = {"words": cells, "hidden": state.hidden, "cell": state.cell}
            found: list[np.ndarray] = self._session.run(outputs, given)
        except MemoryError:
            raise
        except Exception as error:
            raise InputError(
                f"onnxruntime cannot run the network: {f'{error}'.strip().partition(chr(10))[0][:120]}",
                remedy=_AGAIN,
            ) from None
        return found


def log_probs_by_sentence(
    sentences: Sequence[np.ndarray], start: Callable[[int], Any], advance: Advance
) -> list[np.ndarray]:
    """[N] float64 log P of the ids [N] of each sentence, the longest sentences together.

    Args:
        start: gives the states of so many histories that hold only `<s>`.
        advance: gives the log P of ids [T, U] after histories [U], and the longer histories.
    """
    found = [np.empty(0)] * len(sentences)
    order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    for begin in range(0, len(order), _SENTENCES):
        places = order[begin : begin + _SENTENCES]
        longest = len(sentences[places[-1]])
        # Shorter ones are filled with their own last id, whose scores are dropped.
        ids = np.stack(
            [
                np.pad(sentences[place], (0, longest - len(sentences[place])), "edge")
                for place in places
            ],
            1,
        )
        state, parts = start(len(places)), []
        for first in range(0, longest, _WORDS):
            log_probs, state = advance(ids[first : first + _WORDS], state)  # [T, U]
            parts.append(np.asarray(log_probs, dtype=np.float64))
        scores = np.concatenate(parts)  # [longest, U]
        for column, place in enumerate(places):
            found[place] = scores[: len(sentences[place]), column]
    return found
