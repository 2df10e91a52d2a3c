"""Completes words while they are typed: the most probable words with a prefix after a history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel


def can_begin_word(prefix: str) -> bool:
    """Whether a prefix contains no white space."""
    return "".join(prefix.split()) == prefix


def read_keys(lines: Iterable[bytes]) -> Iterator[tuple[list[str], str]]:
    """The history and the prefix of each line `words<TAB>prefix`; both may be empty.

    Raises:
        InputError: a line of another form, or one that is not UTF-8.
    """
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise InputError(
                "this line is not UTF-8",
                expected="UTF-8 text",
                remedy="write UTF-8",
                file="stdin",
                line=number,
            ) from None
        history, tab, prefix = text.partition("\t")
        if not tab or not can_begin_word(prefix):
            raise InputError(
                f"{text[:80]!r}",
                expected="words<TAB>prefix",
                remedy="put a tab after the words",
                file="stdin",
                line=number,
            )
        yield history.split(), prefix


class Completer:
    """Completes words after each key. It keeps the model's state while the text grows."""

    def __init__(self, model: LanguageModel) -> None:
        """Raises InputError if the model cannot list its words."""
        if model.words is None:
            raise InputError(
                "the model cannot list its words",
                expected="a lightrnn.pt",
                remedy="use another --lm",
            )
        self._model = model
        self._history: tuple[str, ...] = ()
        self._state = model.start()

    def words(
        self, history: Sequence[str], prefix: str = "", k: int = 10
    ) -> list[tuple[str, float]]:
        """The same as `next_words` of the model."""
        history = tuple(history)
        known = len(self._history)
        if history[:known] != self._history:
            known, self._state = 0, self._model.start()
        self._state = self._model.read(history[known:], self._state)
        self._history = history
        return self._model.best_words(self._state, k, prefix=prefix)
