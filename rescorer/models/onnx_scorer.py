"""Scores sentences with a file of `lightrnn export` by onnxruntime: with numpy, without torch.

In the graph the id of a word is its cell, row · C + column, so the file needs no table. Inputs:
`words` [T, U] int64, `hidden` and `cell` [L, U, D]. Outputs: `log_probs` [T, U], `next_hidden` and
`next_cell` [L, U, D], and `vocabulary`: the words in the order of their cells, an empty one for a
free cell, as UTF-8 lines compressed by bz2.

Shapes: T words, U histories side by side, N words and `</s>` of a sentence, L layers, D width.
"""

from __future__ import annotations

import bz2
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.models.vocabulary import SENTENCE_END, Vocabulary

FILE_KIND, FILE_VERSION = "lightrnn", "1"

_SENTENCES = 32  # scored in parallel
_WORDS = 32  # scored at a time, which bounds the memory of long sentences
_MAX_VOCABULARY = 1 << 28  # bytes of all words: a small file can unpack to any size
_AGAIN = "make the file again with `lightrnn export`"
_FATAL = 4  # log level of onnxruntime: errors are raised as exceptions as well


class OnnxState(NamedTuple):
    """Hidden and cell state after U histories, both [L, U, D]."""

    hidden: np.ndarray
    cell: np.ndarray


State = TypeVar("State")
Advance = Callable[[np.ndarray, State], tuple[np.ndarray, State]]


class OnnxScorer:
    """A network in onnxruntime with its vocabulary."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        """Load the bytes of a file.

        Raises:
            ImportError: onnxruntime is not installed.
            ValueError: a network of another kind.
            InputError: onnxruntime cannot run it, or its log-probabilities are not finite.
            Exception: an error of onnxruntime: not an ONNX file.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL
        # Fallback would try the same again and print a message.
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        metadata = self._session.get_modelmeta().custom_metadata_map
        if metadata.get("kind") != FILE_KIND:
            raise ValueError("an ONNX file, but no exported LightRNN")
        if metadata.get("version") != FILE_VERSION:
            raise ValueError(
                f"version {metadata.get('version')!r} of the file, expected {FILE_VERSION!r}"
            )
        layers, _, width = self._session.get_inputs()[1].shape
        self._shape = int(layers), int(width)
        words = self._words()
        # [V]
        self._cells = np.array([cell for cell, word in enumerate(words) if word], dtype=np.int64)
        known = tuple(word for word in words if word)
        self.vocabulary = Vocabulary(known, np.zeros(len(known), dtype=np.int64), metadata["case"])
        self.log_probs([[]])  # raises an error if the network cannot be run

    @classmethod
    def load(cls, path: str | Path, threads: int = 1) -> OnnxScorer:
        """Read a file of `lightrnn export`.

        Raises:
            InputError: a file of another kind, or onnxruntime is not installed.
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
            except Exception as error:  # those of onnxruntime have no common base class
                known = type(error) is ValueError or isinstance(error, InputError)
                found = str(error).partition("; ")[0] if known else "not an ONNX file, or cut short"
                raise InputError(
                    found,
                    expected="an exported LightRNN",
                    remedy="make one with `lightrnn export`",
                    file=path,
                ) from None

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] int64 cells; unknown words get the cell of `<unk>`."""
        return self._cells[self.vocabulary.encode(words)]  # type: ignore[no-any-return]

    def start(self, size: int) -> OnnxState:
        """`size` histories that hold only `<s>`, which is read as `</s>` after an empty history."""
        return self.advance(np.tile(self.encode([SENTENCE_END]), (1, size)), self._zeros(size))[1]

    def advance(self, cells: np.ndarray, state: OnnxState) -> tuple[np.ndarray, OnnxState]:
        """[T, U] natural log P of the words in cells [T, U] after histories [U], and the state."""
        log_probs, *after = self._run(["log_probs", "next_hidden", "next_cell"], cells, state)
        if log_probs.shape != cells.shape or np.isnan(log_probs).any():
            raise InputError("the output of the network is not log-probabilities", remedy=_AGAIN)
        return log_probs, OnnxState(*after)

    def log_probs(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """For each sentence [N] natural log P of its words and its `</s>`."""
        cells = [self.encode([*sentence, SENTENCE_END]) for sentence in sentences]
        found = log_probs_by_sentence(cells, self.start, self.advance)
        if not all(np.isfinite(each).all() for each in found):
            raise InputError("the network gives a word no finite probability", remedy=_AGAIN)
        return found

    def logprob(self, words: Sequence[str]) -> float:
        """Natural log P of a sentence with its `</s>`."""
        return float(self.log_probs([words])[0].sum())

    def _zeros(self, size: int) -> OnnxState:
        layers, width = self._shape
        return OnnxState(*np.zeros((2, layers, size, width), dtype=np.float32))

    def _words(self) -> list[str]:
        (packed,) = self._run(["vocabulary"], np.zeros((1, 1), dtype=np.int64), self._zeros(1))
        unpacking = bz2.BZ2Decompressor()
        unpacked = unpacking.decompress(packed.tobytes(), _MAX_VOCABULARY)
        if not unpacking.eof:
            raise ValueError(
                f"a vocabulary of more than {_MAX_VOCABULARY:,} bytes, or one that is cut short"
            )
        return unpacked.decode("utf-8").split("\n")

    def _run(self, outputs: Sequence[str], cells: np.ndarray, state: OnnxState) -> list[np.ndarray]:
        """Run the network. Raises InputError if onnxruntime cannot."""
        try:
            inputs = {"words": cells, "hidden": state.hidden, "cell": state.cell}
            found: list[np.ndarray] = self._session.run(outputs, inputs)
        except MemoryError:
            raise
        except Exception as error:  # exceptions of onnxruntime have no common base class
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"onnxruntime cannot run the network: {reason[:120]}",
                remedy=_AGAIN,
            ) from None
        return found


def log_probs_by_sentence(
    sentences: Sequence[np.ndarray], start: Callable[[int], State], advance: Advance[State]
) -> list[np.ndarray]:
    """For each sentence [N] float64 log P of its ids [N]. Sentences of similar length are batched.

    Args:
        start: returns the state of a number of histories that hold only `<s>`.
        advance: returns log P of ids [T, U] after histories [U], and the longer histories.
    """
    found = [np.empty(0)] * len(sentences)
    order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    for begin in range(0, len(order), _SENTENCES):
        places = order[begin : begin + _SENTENCES]
        longest = len(sentences[places[-1]])
        # Shorter ones are padded with their last id, whose scores are dropped.
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
