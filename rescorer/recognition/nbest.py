"""N-best lists: the hypotheses of an utterance, with named raw scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

# The names of the raw scores. All are natural-log probabilities: greater is better.
ACOUSTIC = "acoustic"
GRAPH = "graph"  # Kaldi's lmwt.nolm: transitions, pronunciations, silence
FIRST_LM = "first_lm"  # the language model that the recogniser used
FIRST_PASS = "first_pass"  # the recogniser's total, if the input has only that
RANK = "rank"  # minus the place in the list, from 0, if the input has no score
PRONUNCIATION = "pronunciation"
CONFIDENCE = "confidence"  # ln of the probability that a service gives to a hypothesis
# What expected names add; see rescorer.rescoring.candidates. Only `sound` is a log-probability.
SOUND = "sound"
SPELLING = "spelling"
REPLACED = "replaced"
BIAS = "bias"
TOTAL = "total"  # the total by which a list was rescored


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One sequence of words.

    Attributes:
        key: unique in its list: the recogniser's key (Kaldi's N of `utt-N`), or the place in the
            list, from 1, if it has none.
        words: the words, without sentence marks; may be empty.
        scores: raw scores by name, natural log. Never overwritten: rescoring adds names.
    """

    key: str
    words: tuple[str, ...]
    scores: Mapping[str, float] = field(default_factory=dict)

    def with_scores(self, scores: Mapping[str, float]) -> Hypothesis:
        """The same hypothesis with more named scores.

        Raises:
            ValueError: a name is taken already.
        """
        if taken := self.scores.keys() & scores.keys():
            raise ValueError(f"raw scores are never overwritten: {sorted(taken)}")
        return replace(self, scores={**self.scores, **scores})


@dataclass(frozen=True, slots=True)
class NBest:
    """The hypotheses of one utterance, in the recogniser's own order, best first.

    Attributes:
        utterance: its id, unique in a file.
        hypotheses: at least one; every one has the same score names.
        reference: the spoken words, if the file holds them.
    """

    utterance: str
    hypotheses: tuple[Hypothesis, ...]
    reference: tuple[str, ...] | None = None

    @property
    def score_names(self) -> tuple[str, ...]:
        """The names of the raw scores, the same for every hypothesis."""
        return tuple(self.hypotheses[0].scores)

    def renumbered(self, hypotheses: Iterable[Hypothesis]) -> NBest:
        """The list with these hypotheses, whose keys are their places."""
        numbered = enumerate(hypotheses, start=1)
        return replace(self, hypotheses=tuple(replace(h, key=str(n)) for n, h in numbered))
