"""Perplexity of a text under several models and their mixture.

The standard perplexity scores every word and `</s>` once over the model's whole vocabulary, and
unknown words as `<unk>`. Models of an open vocabulary spell unknown words: their perplexity is over
all strings, and higher.

Shapes: N words and sentence ends of the text, K models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rescorer.models.language_model import SENTENCE_END, LanguageModel
from rescorer.models.lightrnn import LightRNN
from rescorer.models.mixture import combine, fit_linear
from rescorer.models.open_vocabulary import OpenVocabulary
from rescorer.models.running_text import log_probs_of, perplexity
from rescorer.rescoring.prefix_tree import Sentence, score_sentences

CONTEXTS = ("sentence", "text")


@dataclass(frozen=True, eq=False)
class TextScores:
    """The scores of K models on a text.

    Attributes:
        names: names of the models.
        log_probs: [N, K] natural log P of each word and `</s>`, in the order of the text.
        unknown: [K] number of words that each model does not know.
        words: number of words, without `</s>`.
    """

    names: tuple[str, ...]
    log_probs: np.ndarray
    unknown: np.ndarray
    words: int

    def perplexities(self) -> dict[str, float]:
        """The perplexity of each model by name."""
        return {name: perplexity(self.log_probs[:, k]) for k, name in enumerate(self.names)}

    def mixed(self, weights: np.ndarray) -> float:
        """Perplexity of the linear mixture with weights [K]."""
        return perplexity(
            combine(torch.from_numpy(self.log_probs), torch.from_numpy(weights), "linear").numpy()
        )

    def best_weights(self) -> np.ndarray:
        """[K] the weights of the linear mixture that make this text most probable."""
        return fit_linear(self.log_probs)


def score_text(
    sentences: Sequence[Sentence], models: Sequence[LanguageModel], *, context: str, memory: int
) -> TextScores:
    """Score every word and `</s>` of a text.

    Args:
        context: "sentence": each sentence is read alone, as a rescorer reads it; "text": a LightRNN
            carries its state from sentence to sentence, as published figures of recurrent models do
            (an n-gram never does).
        memory: bytes for the histories of one level.
    """
    columns = [
        _carried(model, sentences)
        if context == "text" and _remembers(model)
        else _alone(model, sentences, memory)
        for model in models
    ]
    flat = [word for sentence in sentences for word in sentence]
    unknown = np.array([int((~model.knows(flat)).sum()) for model in models])
    return TextScores(
        tuple(model.name for model in models), np.stack(columns, -1), unknown, len(flat)
    )


def _remembers(model: LanguageModel) -> bool:
    return isinstance(model.model if isinstance(model, OpenVocabulary) else model, LightRNN)


def _carried(model: LanguageModel, sentences: Sequence[Sentence]) -> np.ndarray:
    words = [word for sentence in sentences for word in (*sentence, SENTENCE_END)]
    if isinstance(model, OpenVocabulary):
        return np.asarray(
            _carried(model.model, sentences) + model.log_shares(model.encode(words)).numpy()
        )
    assert isinstance(model, LightRNN)
    return log_probs_of(model, model.vocabulary.encode(words))


def _alone(model: LanguageModel, sentences: Sequence[Sentence], memory: int) -> np.ndarray:
    scores = score_sentences(sentences, [model], memory)
    # Nodes are numbered level by level: in ascending order they are the words of a sentence.
    paths = scores.paths.sorted_indices()
    return np.asarray(scores.log_probs[paths.indices, 0])
