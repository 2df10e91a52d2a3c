"""Words completed as they are typed: the most probable ones after a history that begin with a
prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel


def can_begin_word(prefix: str) -> bool:
    """Whether there is no blank in it."""
    return "".join(prefix.split()) == prefix


def read_keys(lines: Iterable[bytes]) -> Iterator[tuple[list[str], str]]:
    """The history and the prefix of each line, `words<TAB>prefix`; either may be empty.

    Raises:
        InputError: another line, or one that is not UTF-8.
    """
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise InputError(
                "this line is not UTF-8",
                expected="UTF-8 text",
                remedy="let the caller write UTF-8",
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
    """A model that is asked key after key: what it read of the text stays read while the text only
    grows.
    """

    def __init__(self, model: LanguageModel) -> None:
        """Raises InputError where the model cannot list its words."""
        if model.words is None:
            raise InputError(
                "the model cannot list its words",
                expected="a lightrnn.pt",
                remedy="give another --lm",
            )
        self._model = model
        self._history: tuple[str, ...] = ()
        self._state = model.start()

    def words(
        self, history: Sequence[str], prefix: str = "", k: int = 10
    ) -> list[tuple[str, float]]:
        """`next_words` of the model."""
        history = tuple(history)
        known = len(self._history)
        if history[:known] != self._history:
            known, self._state = 0, self._model.start()
        self._state = self._model.read(history[known:], self._state)
        self._history = history
        return self._model.best_words(self._state, k, prefix=prefix)
