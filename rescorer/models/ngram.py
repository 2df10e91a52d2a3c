"""Backoff n-gram models through KenLM (Heafield 2011), which speaks log10: it becomes natural here.

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
_BINARY = b"mmap lm http://kheafield.com/code"  # how every KenLM binary begins
_ARPA = (b"\\data\\", b"#")  # KenLM lets comment lines precede \data\
_UNKNOWN_ID = 0
# of threads that meet new words; of the module, as an object that holds a lock cannot be pickled
_meeting = Lock()


class Ngram(LanguageModel):
    """A KenLM model as a LanguageModel; its states are lists of N kenlm.State.

    Without `<unk>` in the file, KenLM gives unknown words log10 P = -100.
    """

    def __init__(self, model: kenlm.Model, name: str = "ngram") -> None:
        self.name = name
        self._model = model
        # The kenlm module takes words as strings: the ids are ours and count up as words are first
        # met.
        self._words = [UNKNOWN]
        self._ids = {UNKNOWN: _UNKNOWN_ID}

    @classmethod
    def load(cls, path: str | Path, name: str = "ngram") -> Ngram:
        """Read an ARPA file (plain, gzip or xz) or a KenLM binary; `name` is what its scores will
        be called.

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
        except Exception as error:  # what C++ throws becomes almost any
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
        # A kenlm.State, with what Python keeps beside an object, and the list entry.
        return 300

    @property
    def state_bytes(self) -> int:
        return self.history_bytes

    @property
    def words(self) -> None:
        """KenLM does not tell its words."""

    @property
    def order(self) -> int:
        """The n of the n-gram: a word's probability looks at n - 1 words before it."""
        return int(self._model.order)

    def encode(self, words: Sequence[str]) -> Tensor:
        """[len(words)] int64 ids, this object's own; every unknown word has the id of `<unk>`."""
        ids = self._ids
        try:
            return torch.tensor([ids[word] for word in words], dtype=torch.int64)
        except KeyError:
            with _meeting:
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

    def start(self) -> list[kenlm.State]:
        """The state after `<s>`."""
        state = kenlm.State()
        self._model.BeginSentenceWrite(state)
        return [state]

    def score(self, state: list[kenlm.State], parents: Tensor, words: Tensor) -> Tensor:
        """[M] float32 log P(words[m] | history parents[m]), natural."""
        return self._score_into([kenlm.State()] * len(words), state, parents, words)

    def advance(
        self, state: list[kenlm.State], parents: Tensor, words: Tensor
    ) -> tuple[Tensor, list[kenlm.State]]:
        """`score`, and the M longer histories."""
        longer = [kenlm.State() for _ in range(len(words))]
        return self._score_into(longer, state, parents, words), longer

    def extend(self, state: list[kenlm.State], parents: Tensor, words: Tensor) -> list[kenlm.State]:
        """The M longer histories: KenLM scores to lengthen."""
        return self.advance(state, parents, words)[1]

    def select(self, state: list[kenlm.State], index: Tensor) -> list[kenlm.State]:
        """Some histories of a state; nothing is copied, for states are never written twice."""
        return [state[place] for place in index.tolist()]

    def join(self, states: Sequence[list[kenlm.State]]) -> list[kenlm.State]:
        """The histories of several states."""
        return [history for state in states for history in state]

    def _score_into(
        self, longer: list[kenlm.State], state: list[kenlm.State], parents: Tensor, words: Tensor
    ) -> Tensor:
        base_score, spelled = self._model.BaseScore, self._words
        log10 = [
            base_score(state[parent], spelled[word], new)
            for parent, word, new in zip(parents.tolist(), words.tolist(), longer, strict=True)
        ]
        # The product in float64: one rounding only.
        log_probs = (torch.tensor(log10, dtype=torch.float64) * _LN10).float()
        if not torch.isfinite(log_probs).all():
            raise InputError(
                f"the n-gram model {self.name} gives a word no finite probability",
                remedy="make it again with lmplz or build_binary",
            )
        return log_probs


def _is_arpa(path: str | Path) -> bool:
    """Whether it is ARPA, else a binary.

    Raises InputError for what ends KenLM's process, what it misreads, and what it refuses in words
    of its own.
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
            expected="what build_binary wrote",
            remedy="make it again with build_binary, or give the ARPA file",
            file=path,
        ) from None
    return False


def _reason(error: Exception) -> tuple[str, int | None]:
    """What went wrong, of KenLM's `Cannot read model 'x' (file.cc:12 in ... because `...'. reason
    Byte: 7)`.

    And the place in an ARPA file.
    """
    # Words of the file that are no UTF-8 are in the message.
    text = (
        error.object.decode(errors="replace")
        if isinstance(error, UnicodeDecodeError)
        else str(error)
    )
    text = text.split(" (", 1)[-1].removesuffix(")").split("'. ", 1)[-1].strip()
    # KenLM stands within an n-gram that it cannot read; of other lines, it has read the end.
    within, after = re.search(r"-gram at byte ([0-9]+)", text), re.search(r"\bByte: ([0-9]+)", text)
    byte = int(within[1]) if within else int(after[1]) - 1 if after else None
    text = re.sub(
        r"^\S+\.(cc|hh):[0-9]+ in .*? threw \w+( because `.*?'\.)?\. ?", "", text, flags=re.S
    )
    said = re.sub(
        r"( in the [0-9]+-gram at byte [0-9]+)? Byte: [0-9]+.*", "", text, flags=re.S
    ).rstrip(" .")
    return said[:200], byte
