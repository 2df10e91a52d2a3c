"""Second passes in icefall's manner, beside k2 itself: every path by brute force."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model
from tiny_lattices import all_paths, path_totals, words_of

from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.recognition.formats.k2 import to_lattices
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS
from rescorer.recognition.word_pieces import join_pieces
from rescorer.rescoring.expansion import ExpansionSettings
from rescorer.rescoring.icefall import RescoredFsas, rescore_with_lightrnn
from rescorer.rescoring.prefix_tree import score_sentences

try:
    import k2

    NO_K2 = ""
except ImportError as error:
    NO_K2 = f"k2 is not here: {str(error).strip().splitlines()[0]}"

pytestmark = pytest.mark.skipif(bool(NO_K2), reason=NO_K2)
WORDS = ("<eps>", "the", "cat", "dog", "sat", "ran", "on", "a", "mat", "strange")
PIECES = Symbols(("", "<sos/eos>", "<unk>", "▁the", "▁c", "at", "▁", "m", "▁s", "▁a", "▁on"))
SYMBOLS = Symbols(WORDS)
EXACT = ExpansionSettings(order=0, beam=math.inf, max_histories=0)
SCALES = (0.5, 1.0, 3.0)
Row = tuple[int, int, int, float]


def rows(arcs: list[Row]) -> torch.Tensor:
    numbers = np.array([arc[:3] for arc in arcs], dtype=np.int32).reshape(-1, 3)
    bits = np.array([arc[3] for arc in arcs], dtype=np.float32).view(np.int32)
    return torch.from_numpy(np.concatenate([numbers, bits[:, None]], axis=1))


def random_fsa(draw: np.random.Generator, symbols: Symbols, lm_scores: bool) -> Any:
    """A lattice like icefall's: tokens and words, scores of both."""
    states = int(draw.integers(3, 7))
    pairs = [(state, state + 1) for state in range(states - 2)]
    for _ in range(int(draw.integers(7))):
        pairs.append(tuple(sorted(draw.choice(states - 1, 2, replace=False).tolist())))
    arcs: list[Row] = [
        (source, target, int(draw.integers(6)), float(draw.normal())) for source, target in pairs
    ]
    arcs += [
        (state, states - 1, -1, float(draw.normal()))
        for state in {states - 2, int(draw.integers(states - 1))}
    ]
    arcs.sort(key=lambda arc: arc[0])
    fsa = k2.Fsa(rows(arcs))
    ids = draw.integers(len(symbols.labels), size=len(arcs))
    fsa.aux_labels = torch.tensor(
        [-1 if arc[2] == -1 else int(id) for arc, id in zip(arcs, ids, strict=True)],
        dtype=torch.int32,
    )
    if lm_scores:
        fsa.lm_scores = torch.from_numpy(draw.normal(size=len(arcs))).float()
    return fsa


def random_fsas(symbols: Symbols, lm_scores: bool = True) -> Iterator[Any]:
    draw = np.random.default_rng(5)
    return (
        k2.create_fsa_vec([random_fsa(draw, symbols, lm_scores) for _ in range(4)])
        for _ in range(10)
    )


def get_texts(best_paths: Any) -> list[list[int]]:
    """As in icefall's utils.py."""
    if isinstance(best_paths.aux_labels, k2.RaggedTensor):
        aux_labels = best_paths.aux_labels.remove_values_leq(0)
        aux_shape = best_paths.arcs.shape().compose(aux_labels.shape).remove_axis(1).remove_axis(1)
        aux_labels = k2.RaggedTensor(aux_shape, aux_labels.values)
    else:
        aux_shape = best_paths.arcs.shape().remove_axis(1)
        aux_labels = k2.RaggedTensor(aux_shape, best_paths.aux_labels).remove_values_leq(0)
    return aux_labels.tolist()


def every_path(
    lattice: Lattice,
    model: LightRNN,
    scale: float,
    weight: float | None,
    spoken: Lattice | None = None,
    bias: Collection[str] = (),
    worth: float = 0.0,
) -> list[tuple[tuple[str, ...], float]]:
    """(words, total) of every path, worked out one by one, best first."""
    lattice = spoken or lattice
    paths = all_paths(lattice)
    words = [words_of(lattice, path) for path in paths]
    scored = score_sentences(words, [model], 1 << 24)
    new = scored.paths @ scored.log_probs[:, 0]
    am = path_totals(lattice.scores[ACOUSTIC if ACOUSTIC in lattice.scores else FIRST_PASS], paths)
    old = path_totals(lattice.scores.get(FIRST_LM, np.zeros(lattice.arcs)), paths)
    share = 1.0 if weight is None else weight
    expected = np.array([sum(word in bias for word in path) for path in words])
    totals = am / scale + (1 - share) * old + share * new + worth * expected
    return sorted(zip(words, totals.tolist(), strict=True), key=lambda pair: -pair[1])


def check(
    fsas: Any,
    result: RescoredFsas,
    symbols: Symbols,
    model: LightRNN,
    weight: float | None,
    pieces: bool,
    bias: Collection[str] = (),
    worth: float = 0.0,
) -> None:
    lattices = to_lattices(fsas, symbols)
    assert (
        list(result.best_paths)
        == list(result.lattices)
        == [f"lm_scale_{scale}" for scale in SCALES]
    )
    for scale in SCALES:
        best, all_of = result.best_paths[f"lm_scale_{scale}"], result.lattices[f"lm_scale_{scale}"]
        again = to_lattices(all_of, symbols)
        k2_best = k2.shortest_path(all_of, use_double_scores=True)
        tot_scores = all_of.get_tot_scores(use_double_scores=True, log_semiring=False).tolist()
        log_tots = all_of.get_tot_scores(use_double_scores=True, log_semiring=True).tolist()
        assert best.shape[0] == all_of.shape[0] == len(lattices)
        for number, lattice in enumerate(lattices):
            every = every_path(
                lattice, model, scale, weight, join_pieces(lattice) if pieces else None, bias, worth
            )
            totals = [total for _, total in every]
            assert tot_scores[number] == pytest.approx(totals[0], abs=1e-4)
            assert log_tots[number] == pytest.approx(np.logaddexp.reduce(totals), abs=1e-4)
            found = path_totals(
                again[number].scores[ACOUSTIC] + again[number].scores[FIRST_LM],
                all_paths(again[number]),
            )
            np.testing.assert_allclose(sorted(found), sorted(totals), atol=1e-4)
        assert get_texts(best) == get_texts(k2_best) and torch.equal(best.labels, k2_best.labels)
        np.testing.assert_allclose(
            best.get_tot_scores(True, False), k2_best.get_tot_scores(True, False), atol=1e-6
        )


@pytest.mark.parametrize(
    ("weight", "lm_scores"), [(None, True), (0.25, True), (0.0, True), (None, False)]
)
def test_every_path_of_word_lattices(weight: float | None, lm_scores: bool) -> None:
    model = make_model()
    for fsas in random_fsas(SYMBOLS, lm_scores):
        result = rescore_with_lightrnn(fsas, model, SYMBOLS, SCALES, weight=weight, settings=EXACT)
        check(fsas, result, SYMBOLS, model, weight, pieces=False)


def test_every_path_of_lattices_of_word_pieces() -> None:
    model = make_model()
    for fsas in random_fsas(PIECES):
        result = rescore_with_lightrnn(
            fsas, model, PIECES, SCALES, weight=0.75, word_pieces=True, settings=EXACT
        )
        check(fsas, result, PIECES, model, 0.75, pieces=True)


@pytest.mark.parametrize(
    ("symbols", "expected"), [(SYMBOLS, {"cat", "mat", "zebra"}), (PIECES, {"cat", "m", "on"})]
)
def test_every_path_with_words_that_are_expected(symbols: Symbols, expected: set[str]) -> None:
    model, pieces = make_model(), symbols is PIECES
    for fsas in random_fsas(symbols):
        result = rescore_with_lightrnn(
            fsas,
            model,
            symbols,
            SCALES,
            weight=0.5,
            word_pieces=pieces,
            bias=expected,
            bias_scale=2.5,
            settings=EXACT,
        )
        check(fsas, result, symbols, model, 0.5, pieces, expected, 2.5)


def line(words: list[int], scores: list[float]) -> Any:
    arcs = [(number, number + 1, 1, score) for number, score in enumerate(scores[:-1])]
    fsa = k2.Fsa(rows([*arcs, (len(arcs), len(arcs) + 1, -1, scores[-1])]))
    fsa.aux_labels = torch.tensor([*words, -1], dtype=torch.int32)
    fsa.lm_scores = torch.full((len(scores),), -0.5)
    return fsa


def test_the_input_stays_and_empty_lattices_stay_in_place(device: str) -> None:
    empty = k2.Fsa(rows([(0, 1, 1, 0.0), (2, 3, -1, 0.0)]))  # nothing from the start to the end
    empty.aux_labels, empty.lm_scores = torch.tensor([1, -1], dtype=torch.int32), torch.zeros(2)
    fsas = k2.create_fsa_vec([line([1, 2], [-1, -2, -3]), empty, line([9], [-1, -4])]).to(device)
    before = {
        name: value.clone() if isinstance(value, torch.Tensor) else value
        for name, value in fsas.as_dict().items()
    }
    result = rescore_with_lightrnn(fsas, make_model(), SYMBOLS, [0.7], utterances=["a", "b", "c"])
    assert list(result.best_paths) == ["lm_scale_0.7"]
    best = result.best_paths["lm_scale_0.7"]
    assert best.device == fsas.device and get_texts(best) == [[1, 2], [], [9]]
    assert best.get_tot_scores(True, False).tolist()[1] == -math.inf
    assert result.lattices["lm_scale_0.7"].utterances == ["a", "b", "c"]
    after = fsas.as_dict()
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert (
            torch.equal(after[name], value)
            if isinstance(value, torch.Tensor)
            else after[name] == value
        )
    single = rescore_with_lightrnn(
        line([1, 2], [-1, -2, -3]), make_model(), SYMBOLS, [0.7]
    ).best_paths
    assert get_texts(single["lm_scale_0.7"]) == [[1, 2]]
    twice = rescore_with_lightrnn(
        result.lattices["lm_scale_0.7"], make_model(), SYMBOLS, [1.0], weight=0.5
    )
    assert get_texts(twice.best_paths["lm_scale_1.0"]) == [[1, 2], [], [9]]
    nothing = rescore_with_lightrnn(
        k2.create_fsa_vec([empty, empty]), make_model(), PIECES, [1.0], word_pieces=True
    )
    assert get_texts(nothing.best_paths["lm_scale_1.0"]) == [[], []]


def test_several_models_are_mixed_word_by_word() -> None:
    one, two = make_model(seed=1), make_model(seed=2)
    two.name = "other"
    fsas = k2.create_fsa_vec([line([1, 2], [-1, -2, -3])])
    result = rescore_with_lightrnn(fsas, [one, two], SYMBOLS, [1.0])
    scored = score_sentences([("the", "cat")], [one, two], 1 << 24)
    new = (
        scored.paths @ np.logaddexp.reduce(scored.log_probs - math.log(2), axis=1)[:, None]
    ).item()
    lattice = result.lattices["lm_scale_1.0"]
    assert lattice.lm_scores.sum().item() == pytest.approx(new, abs=1e-5)
    assert lattice.scores.sum().item() == pytest.approx(new - 6 + 1.5, abs=1e-5)


def test_paths_near_the_best_have_exact_totals() -> None:
    """At the scale that lattices are expanded for; histories further behind merge with others."""
    model, settings = make_model(), ExpansionSettings(0, 12.0, 0)
    median = sorted(SCALES)[len(SCALES) // 2]
    near = 0
    for fsas in random_fsas(SYMBOLS):
        result = rescore_with_lightrnn(fsas, model, SYMBOLS, SCALES, settings=settings)
        found = to_lattices(result.lattices[f"lm_scale_{median}"], SYMBOLS)
        for lattice, rescored in zip(to_lattices(fsas, SYMBOLS), found, strict=True):
            scores = rescored.scores[ACOUSTIC] + rescored.scores[FIRST_LM]
            totals = path_totals(scores, all_paths(rescored))
            exact = np.array([total for _, total in every_path(lattice, model, median, None)])
            errors = np.abs(totals[:, None] - exact).min(axis=1)
            is_near = totals >= totals.max() - settings.apart
            assert errors[is_near].max() < 1e-4
            assert totals.max() == pytest.approx(exact.max(), abs=1e-4)
            near += int(is_near.sum())
    assert near > 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lm_scale_list": []}, "no LM scale"),
        ({"lm_scale_list": [0.0]}, r"LM scale 0\.0"),
        ({"lm_scale_list": [math.nan]}, "LM scale nan"),
        ({"weight": 2.0}, r"weight 2\.0"),
        ({"bias": {"cat"}, "bias_scale": math.nan}, "bias_scale nan"),
        ({"models": []}, "no language model"),
        ({"symbols": Symbols(("", "a"))}, "word id 2"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    given = {"models": make_model(), "symbols": SYMBOLS, "lm_scale_list": [1.0], **options}
    with pytest.raises(InputError, match=message):
        rescore_with_lightrnn(line([1, 2], [-1, -2, -3]), **given)


def test_a_weight_needs_lm_scores() -> None:
    fsa = line([1, 2], [-1, -2, -3])
    del fsa.lm_scores
    with pytest.raises(InputError, match="a weight, but the lattices have no lm_scores"):
        rescore_with_lightrnn(fsa, make_model(), SYMBOLS, [1.0], weight=0.5)
