"""A pretrained model as a SentenceModel: every sentence is scored once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rescorer.models.pretrained.loading import load_pretrained
from rescorer.models.pretrained.score_cache import ScoreCache, Sentence, model_digest
from rescorer.models.pretrained.scorer import SubwordScorer
from rescorer.models.pretrained.settings import PretrainedSettings
from rescorer.models.sentence_model import Scored

NAME = "hf"  # of the score


class PretrainedModel:
    """A causal language model of Hugging Face transformers, with the scores that it has given."""

    def __init__(self, scorer: SubwordScorer, cache: ScoreCache, name: str = NAME) -> None:
        self.name = name
        self.scorer, self._cache = scorer, cache

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: PretrainedSettings | None = None,
        device: str = "cpu",
        cache: Path | None = None,
    ) -> PretrainedModel:
        """Load the model of a folder.

        Args:
            cache: a file that keeps scores for other runs.

        Raises:
            InputError: the folder or the file cannot be used.
        """
        settings = settings or PretrainedSettings()
        scorer = load_pretrained(folder, settings, device)
        digest = model_digest(folder, settings) if cache else ""
        return cls(scorer, ScoreCache(cache, digest))

    def log_probs(self, sentences: Sequence[Sentence], scored: Scored) -> np.ndarray:
        """[S] natural log P of each sentence; see `rescorer.models.pretrained.scorer`."""
        distinct = list(dict.fromkeys(sentences))
        known = self._cache.known(distinct)
        fresh = [sentence for sentence in distinct if sentence not in known]
        done = len(sentences) - len(fresh)
        scored(done, len(sentences))
        for batch in self.scorer.score(fresh):
            self._cache.add(batch)
            known.update((tuple(sentence), score) for sentence, score in batch)
            done += len(batch)
            scored(done, len(sentences))
        return np.array([known[sentence] for sentence in sentences])
