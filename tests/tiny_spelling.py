"""A tiny LightRNN that can spell."""

from __future__ import annotations

from conftest import make_model

from rescorer.models.lightrnn import LightRNN
from rescorer.models.spelling import Spelling


def speller(**settings: object) -> LightRNN:
    model = make_model(**settings)  # type: ignore[arg-type]
    model.spelling = Spelling.learn(model.vocabulary.words)
    return model
