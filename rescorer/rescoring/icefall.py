"""Second passes as in icefall: k2's lattices and scales in, k2's best paths by scale out.

The total of a path is icefall's am / lm_scale + lm, where am = scores - lm_scores and

    lm = (1 - weight) · lm_scores + weight · new        or, without a weight, lm = new

and new is the natural log of the probability of its words and `</s>`; several models are mixed word
by word with equal weights. Lattices without `lm_scores` have am = scores, and no weight. Expected
words add to lm.

Lattices are expanded once, at the median scale. Merging of histories is right for this scale and
approximate for the others. Paths near the best one have the scores of their own history; a path
further behind has those of a better one (`ExpansionSettings.apart`). With
`ExpansionSettings(order=0, beam=math.inf, max_histories=0)` all scores are exact.

Shapes: U utterances, A arcs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rescorer.errors import InputError
from rescorer.models.language_model import LanguageModel
from rescorer.recognition.formats.k2 import Fsa, to_fsas, to_lattices
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, BIAS, FIRST_LM, FIRST_PASS
from rescorer.recognition.word_pieces import as_pieces, join_pieces
from rescorer.rescoring.bias import biased_lattices
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.nbest import LM_SCORE, MEMORY
from rescorer.rescoring.trellis import Trellis
from rescorer.rescoring.weights import DEFAULT_SCALES, TunedWeights, Weights


@dataclass(frozen=True, eq=False)
class RescoredFsas:
    """The result of a second pass for each scale, under icefall's keys such as "lm_scale_0.5".

    Attributes:
        best_paths: linear FsaVecs of U, as k2.shortest_path returns them, for icefall's
            `get_texts`.
        lattices: FsaVecs of U, the expanded lattices; `scores` is am / lm_scale + lm, `lm_scores`
            is lm.
    """

    best_paths: Mapping[str, Fsa]
    lattices: Mapping[str, Fsa]


def rescore_with_lightrnn(
    lattice: Fsa,
    models: LanguageModel | Sequence[LanguageModel],
    symbols: Symbols,
    lm_scale_list: Sequence[float],
    *,
    weight: float | None = None,
    word_pieces: bool = False,
    bias: Collection[str] = (),
    bias_scale: float = DEFAULT_SCALES[BIAS],
    utterances: Sequence[str] | None = None,
    settings: ExpansionSettings | None = None,
    memory: int = MEMORY,
) -> RescoredFsas:
    """Score all paths of lattices with language models, and find the best ones for each scale.

    Args:
        lattice: k2's Fsa or FsaVec of U, on any device; it is not changed. The best path of a
            lattice without paths is empty.
        symbols: the symbol table of its aux_labels, from `read_symbols`.
        word_pieces: whether the symbols are word pieces. They are joined to words for the models
            and split again in the results.
        bias: expected words, such as names, as the lattices write them with joined pieces.
        bias_scale: nats that each expected word adds.
        utterances: [U] ids for messages.
        settings, memory: as in `rescore_lattices`.

    Raises:
        InputError: there is no scale, a scale is not above 0, a weight is outside 0 to 1 or there
            are no lm_scores, bias_scale is not finite; or as `to_lattices` and `rescore_lattices`.
    """
    _check(lm_scale_list, weight, bias_scale)
    lattices = to_lattices(lattice, symbols, utterances)
    _check_lm_scores(lattices, weight)
    if word_pieces:
        lattices = [join_pieces(each) for each in lattices]
    if bias:
        lattices = list(biased_lattices(lattices, bias))
    interpolation = _Interpolation(1.0 if weight is None else weight, bias_scale if bias else 0.0)
    weights = interpolation.weights(
        lattices, models, sorted(lm_scale_list)[len(lm_scale_list) // 2]
    )
    rescored = [
        each.lattice for each in rescore_lattices(lattices, models, weights, settings, memory)
    ]
    if word_pieces:
        rescored = [as_pieces(each) for each in rescored]
    by_scale = {
        f"lm_scale_{scale}": [interpolation.with_totals(each, scale) for each in rescored]
        for scale in lm_scale_list
    }
    return RescoredFsas(
        {key: to_fsas(_best_paths(each), lattice.device) for key, each in by_scale.items()},
        {key: to_fsas(each, lattice.device) for key, each in by_scale.items()},
    )


def _check(scales: Sequence[float], weight: float | None, bias_scale: float) -> None:
    if not scales:
        raise InputError("no LM scale", expected="at least one")
    for scale in scales:
        if not 0 < scale < math.inf:
            raise InputError(
                f"LM scale {scale}", expected="a number above 0", remedy="leave it out"
            )
    if weight is not None and not 0 <= weight <= 1:
        raise InputError(
            f"weight {weight}", expected="a share, from 0 to 1, of the new language model"
        )
    if not math.isfinite(bias_scale):
        raise InputError(f"bias_scale {bias_scale}", expected="a finite number of nats")


def _check_lm_scores(lattices: Sequence[Lattice], weight: float | None) -> None:
    if weight is not None and any(each.arcs and FIRST_LM not in each.scores for each in lattices):
        raise InputError(
            "a weight, but the lattices have no lm_scores",
            expected="both or none",
            remedy="leave weight out: am / lm_scale + new",
        )


@dataclass(frozen=True)
class _Interpolation:
    """The interpolation of the old and the new language model into lm.

    Attributes:
        share: share of the new language model; the old one has the rest.
        bias_scale: nats that each expected word adds.
    """

    share: float
    bias_scale: float

    def weights(
        self,
        lattices: Sequence[Lattice],
        models: LanguageModel | Sequence[LanguageModel],
        scale: float,
    ) -> TunedWeights:
        """Weights whose totals are icefall's at a scale. The first pass, which guides the pruning,
        has the old model.
        """
        names = {name for each in lattices for name in each.scores}
        scales = {
            **dict.fromkeys(names, 0.0),
            **dict.fromkeys(names & {ACOUSTIC, FIRST_PASS}, 1 / scale),
            **dict.fromkeys(names & {BIAS}, self.bias_scale),
        }
        old = names & {FIRST_LM}
        used = [models] if isinstance(models, LanguageModel) else models
        return TunedWeights(
            Weights(
                {**scales, **dict.fromkeys(old, 1 - self.share)},
                lm_scale=self.share,
                mixture={model.name: 1 / len(used) for model in used},
            ),
            Weights({**scales, **dict.fromkeys(old, 1.0)}, lm_scale=0.0),
        )

    def with_totals(self, lattice: Lattice, scale: float) -> Lattice:
        """The lattice with the two scores am / lm_scale and lm, whose sum is the total."""
        scores, zeros = lattice.scores, np.zeros(lattice.arcs)
        am = scores[ACOUSTIC] if ACOUSTIC in scores else scores[FIRST_PASS]
        models = (1 - self.share) * scores.get(FIRST_LM, zeros) + self.share * scores[LM_SCORE]
        lm = models + self.bias_scale * scores.get(BIAS, zeros)
        return replace(lattice, scores={ACOUSTIC: am / scale, FIRST_LM: lm})


def _best_paths(lattices: Sequence[Lattice]) -> list[Lattice]:
    totals = [
        np.zeros(0),
        *(lattice.scores[ACOUSTIC] + lattice.scores[FIRST_LM] for lattice in lattices),
    ]
    paths = Trellis.of(lattices).best_paths(np.concatenate(totals))
    return [_linear(lattice, path) for lattice, path in zip(lattices, paths, strict=True)]


def _linear(lattice: Lattice, path: np.ndarray) -> Lattice:
    """The lattice with this path alone."""
    states = np.append(lattice.sources[path], lattice.targets[path[-1:]])
    return lattice.take(path, np.arange(len(path)), 1 + np.arange(len(path)), states)
