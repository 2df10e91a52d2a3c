"""Whether a model suits an input: its perplexity and its unknown words on the best hypotheses.

Shapes: N words and sentence ends of the best hypotheses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rescorer.models.derived_model import DerivedModel
from rescorer.models.language_model import LanguageModel
from rescorer.models.running_text import perplexity
from rescorer.rescoring.perplexity import TextScores, score_text
from rescorer.rescoring.prefix_tree import Sentence

# Best hypotheses that are read, at most: they take a LightRNN a second.
SAMPLE_SENTENCES, SAMPLE_WORDS = 200, 4000


@dataclass(frozen=True)
class FitSettings:
    """When a model does not suit an input.

    Attributes:
        ratio: perplexity of the hypotheses to that of the validation text. Up to twice as much is
            usual, because each hypothesis is read without the sentences before it.
        unknown: share of unknown words.
    """

    ratio: float = 2.5
    unknown: float = 0.03


def sample(sentences: Iterable[Sentence]) -> list[Sentence]:
    """The first sentences, few enough to be read at once."""
    chosen: list[Sentence] = []
    words = 0
    for sentence in sentences:
        if len(chosen) == SAMPLE_SENTENCES or words + len(sentence) > SAMPLE_WORDS:
            break
        chosen.append(sentence)
        words += len(sentence)
    return chosen


def fit_remarks(
    best: Sequence[Sentence],
    models: Sequence[LanguageModel],
    memory: int,
    settings: FitSettings | None = None,
) -> Iterator[str]:
    """A line for each model that does not suit these sentences; none for one that does.

    A model is judged by its closed vocabulary, as in training: an unknown word is `<unk>`. A model
    without a recorded validation perplexity, such as KenLM, is judged by its unknown words alone.

    Args:
        best: a sample of the best hypotheses.
        memory: bytes for the histories of one level.
    """
    settings = settings or FitSettings()
    if not any(best):
        return
    for model in models:
        closed = _closed(model)
        scores = score_text(best, [closed], context="sentence", memory=memory)
        if line := _remark(model.name, scores, _own_perplexity(closed), settings):
            yield line


def _remark(name: str, scores: TextScores, own: float | None, settings: FitSettings) -> str:
    """What speaks against the model, and what would help; empty if nothing does."""
    unknown = float(scores.unknown[0]) / scores.words
    found = perplexity(scores.log_probs[:, 0])
    causes, remedies = [], []
    if own is not None and found > settings.ratio * own:
        causes.append(
            f"perplexity {found:,.0f} on the best hypotheses, {own:,.0f} on its own validation text"
        )
        remedies.append("train on text like this")
    if unknown > settings.unknown:
        causes.append(f"{100 * unknown:.1f} % of the best hypotheses' words unknown")
        remedies.append("add these words (lexicon add-words)")
    if not causes:
        return ""
    remedies.append("tune a lower scale (--tune)")
    return (
        f"{name} suits this input badly: {', '.join(causes)}; what helps: {', or '.join(remedies)}"
    )


def _closed(model: LanguageModel) -> LanguageModel:
    """The model itself, without what spells unknown words or expects names."""
    while isinstance(model, DerivedModel):
        model = model.model
    return model


def _own_perplexity(model: LanguageModel) -> float | None:
    """The perplexity of the validation text, as training recorded it."""
    provenance = getattr(model, "provenance", {})
    found = provenance.get("valid_perplexity") if isinstance(provenance, dict) else None
    if isinstance(found, (int, float)) and math.isfinite(found) and found >= 1:
        return float(found)
    return None
