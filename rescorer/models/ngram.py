"""Backoff n-gram models of KenLM (Heafield 2011). Its log10 scores are converted to natural logs.

The only import of kenlm in the project.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import kenlm
import numpy as np
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.models.arpa import UNREADABLE, check_arpa, line_at
from rescorer.models.kenlm_binary import check_kenlm_binary
from rescorer.models.language_model import UNKNOWN, LanguageModel

# Shapes: N histories, M words to score, each after one of the histories.

_LN10 = math.log(10.0)
_BINARY = b"mmap lm http://kheafield.com/code"  # the first bytes of every KenLM binary
_ARPA = (b"\\data\\", b"#")  # KenLM allows comment lines before \data\
_UNKNOWN_ID = 0
# Held while new words get ids. It is global because an object that holds a lock cannot be pickled.
_new_words = Lock()


NgramState = list[kenlm.State]  # N histories


class Ngram(LanguageModel[NgramState]):
    """A KenLM model as a LanguageModel.

    Without `<unk>` in the file, KenLM gives unknown words log10 P = -100.
    """

    def __init__(self, model: kenlm.Model, name: str = "ngram") -> None:
        self.name = name
        self._model = model
        # The kenlm module takes words as strings. The ids are made here, in the order in which
        # words are first encoded.
        self._words = [UNKNOWN]
        self._ids = {UNKNOWN: _UNKNOWN_ID}

    @classmethod
    def load(cls, path: str | Path, name: str = "ngram") -> Ngram:
        """Read an ARPA file (plain, gzip or xz) or a KenLM binary; `name` is the name of its
        scores.

        Raises:
            InputError: the file cannot be read, is no KenLM model, or is damaged or cut short.
        """
        is_arpa = _is_arpa(path)
        config = kenlm.Config()
        config.show_progress = False
        config.arpa_complain = kenlm.ARPALoadComplain.NONE
        try:
            return cls(kenlm.Model(str(path), config), name)
        except MemoryError:
            raise
        except Exception as error:  # C++ exceptions arrive as many types
            reason, byte = _reason(error)
            raise InputError(
                f"KenLM cannot load it: {reason}",
                expected="a whole ARPA file or KenLM binary",
                remedy="make it again with lmplz or build_binary",
                file=path,
                line=line_at(path, byte) if is_arpa and byte is not None else None,
            ) from None

    @property
    def history_bytes(self) -> int:
        # A kenlm.State with the overhead of a Python object, and the list entry.
        return 300

    @property
    def state_bytes(self) -> int:
        return self.history_bytes

    @property
    def words(self) -> None:
        """None: KenLM does not list its words."""

    @property
    def order(self) -> int:
        """The n of the n-gram: a word's probability depends on n - 1 words before it."""
        return int(self._model.order)

    def encode(self, words: Sequence[str]) -> Tensor:
        """[len(words)] int64 ids of this object; unknown words get the id of `<unk>`."""
        ids = self._ids
        try:
            return torch.tensor([ids[word] for word in words], dtype=torch.int64)
        except KeyError:
            with _new_words:
                for word in words:
                    if word not in ids:
                        ids[word] = self._new_id(word)
            return self.encode(words)

    def _new_id(self, word: str) -> int:
        if word not in self._model:
            return _UNKNOWN_ID
        self._words.append(word)
        return len(self._words) - 1

    def knows(self, words: Sequence[str]) -> np.ndarray:
        """[len(words)] bool: which words are in the model's vocabulary (`<unk>` is not)."""
        return np.array([word in self._model for word in words], dtype=bool)

    def start(self) -> NgramState:
        """The state after `<s>`."""
        state = kenlm.State()
        self._model.BeginSentenceWrite(state)
        return [state]

    def score(self, state: NgramState, parents: Tensor, words: Tensor) -> Tensor:
        """[M] float32 log P(words[m] | history parents[m]), natural."""
        return self._score_into([kenlm.State()] * len(words), state, parents, words)

    def advance(
        self, state: NgramState, parents: Tensor, words: Tensor
    ) -> tuple[Tensor, NgramState]:
        """`score`, and the M longer histories."""
        longer = [kenlm.State() for _ in range(len(words))]
        return self._score_into(longer, state, parents, words), longer

    def extend(self, state: NgramState, parents: Tensor, words: Tensor) -> NgramState:
        """The M longer histories; KenLM computes scores as well."""
        return self.advance(state, parents, words)[1]

    def select(self, state: NgramState, index: Tensor) -> NgramState:
        """The histories at index [M]. They are shared, not copied: a state is written only once."""
        return [state[place] for place in index.tolist()]

    def join(self, states: Sequence[NgramState]) -> NgramState:
        """The concatenated histories of several states."""
        return [history for state in states for history in state]

    def _score_into(
        self, longer: NgramState, state: NgramState, parents: Tensor, words: Tensor
    ) -> Tensor:
        base_score, strings = self._model.BaseScore, self._words
        log10 = [
            base_score(state[parent], strings[word], new)
            for parent, word, new in zip(parents.tolist(), words.tolist(), longer, strict=True)
        ]
        # The product is computed in float64, so it is rounded only once.
        log_probs = (torch.tensor(log10, dtype=torch.float64) * _LN10).float()
        if not torch.isfinite(log_probs).all():
            raise InputError(
                f"the n-gram model {self.name} gives a word no finite probability",
                remedy="make it again with lmplz or build_binary",
            )
        return log_probs


def _is_arpa(path: str | Path) -> bool:
    """Whether a file is ARPA; otherwise it is a binary.

    Raises InputError for files that would crash KenLM, that KenLM would misread, or whose error
    message from KenLM is hard to understand.
    """
    with open_binary(path) as file:
        try:
            beginning = file.read(256).lstrip()
        except UNREADABLE:
            beginning = b""
    if beginning.startswith(_ARPA):
        check_arpa(path)
        return True
    if not beginning.startswith(_BINARY):
        raise InputError(
            "not a KenLM model" if beginning else "empty or damaged",
            expected="an ARPA file or a KenLM binary",
            remedy="make one with lmplz or build_binary, or check the path",
            file=path,
        )
    try:
        check_kenlm_binary(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"a damaged KenLM binary: {error}",
            expected="a file of build_binary",
            remedy="make it again with build_binary, or give the ARPA file",
            file=path,
        ) from None
    return False


def _reason(error: Exception) -> tuple[str, int | None]:
    """The reason in an error message of KenLM, and the byte of an ARPA file where it occurred.

    A message looks like `Cannot read model 'x' (file.cc:12 in ... because `...'. reason Byte: 7)`.
    """
    # The message may contain words of the file that are not UTF-8.
    text = (
        error.object.decode(errors="replace")
        if isinstance(error, UnicodeDecodeError)
        else str(error)
    )
    text = text.split(" (", 1)[-1].removesuffix(")").split("'. ", 1)[-1].strip()
    # The byte is within an n-gram that KenLM cannot read, and after the end of other lines.
    within = re.search(r"-gram at byte ([0-9]+)", text)
    after = re.search(r"\bByte: ([0-9]+)", text)
    byte = None
    if within:
        byte = int(within[1])
    elif after:
        byte = int(after[1]) - 1
    text = re.sub(
        r"^\S+\.(cc|hh):[0-9]+ in .*? threw \w+( because `.*?'\.)?\. ?", "", text, flags=re.S
    )
    reason = re.sub(
        r"( in the [0-9]+-gram at byte [0-9]+)? Byte: [0-9]+.*", "", text, flags=re.S
    ).rstrip(" .")
    return reason[:200], byte
