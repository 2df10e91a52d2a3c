"""A model made of another one, with other probabilities and the same states."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rescorer.models.language_model import LanguageModel, State


class DerivedModel(LanguageModel[State]):
    """Passes on what does not concern probabilities.

    Attributes:
        model: the other one.
    """

    def __init__(self, model: LanguageModel[State]) -> None:
        self.model = model
        self.name = model.name

    @property
    def history_bytes(self) -> int:
        return self.model.history_bytes

    @property
    def state_bytes(self) -> int:
        return self.model.state_bytes

    @property
    def words(self) -> Sequence[str] | None:
        return self.model.words

    def start(self) -> State:
        return self.model.start()

    def select(self, state: State, index: Tensor) -> State:
        return self.model.select(state, index)

    def join(self, states: Sequence[State]) -> State:
        return self.model.join(states)
