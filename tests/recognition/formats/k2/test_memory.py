"""Lattices from and to k2 in memory, beside k2 itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from k2_files import DIAMOND, SYMBOLS, WORDS, ReadDict, Row, rows, same, sentences, vec
from tiny_lattices import random_lattice

from rescorer.errors import InputError
from rescorer.recognition.formats.k2 import LABEL, matches, read, to_fsas, to_lattices, write
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM

try:
    import k2

    NO_K2 = ""
except ImportError as error:
    NO_K2 = f"k2 is not here: {str(error).strip().splitlines()[0]}"


needs_k2 = pytest.mark.skipif(bool(NO_K2), reason=NO_K2)


def random_fsa(draw: np.random.Generator, words: int = 3) -> Any:
    """A lattice like icefall's, with up to so many words an arc."""
    states = int(draw.integers(3, 7))
    arcs: list[Row] = [
        (s, s + 1, int(draw.integers(6)), float(draw.normal())) for s in range(states - 2)
    ]
    for _ in range(int(draw.integers(8))):
        source, target = sorted(draw.choice(states - 1, 2, replace=False).tolist())
        arcs.append((source, target, int(draw.integers(6)), float(draw.normal())))
    arcs += [
        (state, states - 1, -1, float(draw.normal()))
        for state in {states - 2, int(draw.integers(states - 1))}
    ]
    arcs.sort(key=lambda arc: arc[0])
    fsa = k2.Fsa(rows(arcs))
    said = [draw.integers(1, 10, draw.integers(words + 1)).tolist() for _ in arcs]
    said = [
        [*ids, -1] if label == -1 else ids for ids, (_, _, label, _) in zip(said, arcs, strict=True)
    ]
    fsa.aux_labels = k2.RaggedTensor(said, dtype=torch.int32)
    fsa.lm_scores = torch.from_numpy(draw.normal(size=len(arcs))).float()
    fsa.frame = torch.arange(len(arcs), dtype=torch.int32)
    fsa.phones = k2.RaggedTensor([list(range(number % 4)) for number in range(len(arcs))])
    fsa.origin = "first pass"
    return fsa


@pytest.fixture
def random_fsas() -> Iterator[Any]:
    draw = np.random.default_rng(5)
    return (k2.create_fsa_vec([random_fsa(draw) for _ in range(3)]) for _ in range(15))


def k2_sentences(fsas: Any) -> list[dict[tuple[str, ...], list[float]]]:
    """The totals of the paths that say each sentence, walked over k2's own arcs."""
    found = []
    for number in range(fsas.shape[0]):
        totals: dict[tuple[str, ...], list[float]] = {}
        for words, total in k2_paths(fsas[number], 0):
            totals.setdefault(tuple(WORDS[word] for word in words if word > 0), []).append(total)
        found.append({words: sorted(each) for words, each in totals.items()})
    return found


def k2_paths(fsa: Any, state: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """The word ids and the total of every path from a state to the final one."""
    if state == fsa.shape[0] - 1:
        yield (), 0.0
    every = zip(
        fsa.arcs.values()[:, :2].tolist(), fsa.scores.tolist(), fsa.aux_labels.tolist(), strict=True
    )
    for (source, target), score, ids in every:
        if source == state:
            for words, total in k2_paths(fsa, target):
                yield (*(ids if isinstance(ids, list) else [ids]), *words), score + total


def assert_same_sentences(
    left: dict[tuple[str, ...], list[float]], right: dict[tuple[str, ...], list[float]]
) -> None:
    assert left.keys() == right.keys()
    for words in left:
        np.testing.assert_allclose(left[words], right[words], rtol=0, atol=1e-5)


@needs_k2
def test_k2_lattices_hold_the_same_sentences(random_fsas: Iterator[Any]) -> None:
    for fsas in random_fsas:
        lattices = to_lattices(fsas, SYMBOLS)
        assert [lattice.utterance for lattice in lattices] == ["1", "2", "3"]
        for lattice, expected in zip(lattices, k2_sentences(fsas), strict=True):
            assert_same_sentences(sentences(lattice), expected)
        for lattice, expected in zip(lattices, k2_sentences(to_fsas(lattices)), strict=True):
            assert_same_sentences(sentences(lattice), expected)


@needs_k2
def test_there_and_back(random_fsas: Iterator[Any], tmp_path: Path, words_txt: Path) -> None:
    for fsas in random_fsas:
        lattices = to_lattices(fsas, SYMBOLS, ["a", "b", "c"])
        assert lattices[0].header == {"origin": "first pass"} and set(lattices[0].arc_fields) == {
            LABEL,
            "frame",
            "phones",
        }
        write(tmp_path / "a.pt", lattices)
        for again in (
            to_lattices(to_fsas(lattices), SYMBOLS),
            read(tmp_path / "a.pt", words_txt, ErrorCollector()),
            to_lattices(k2.Fsa.from_dict(torch.load(tmp_path / "a.pt")), SYMBOLS),
        ):
            for left, right in zip(lattices, again, strict=True):
                same(left, right)


@needs_k2
def test_files_of_k2(random_fsas: Iterator[Any], tmp_path: Path, words_txt: Path) -> None:
    for fsas in random_fsas:
        for content, ids in ((fsas, ["a-1", "a-2", "a-3"]), (fsas[1], ["a"])):
            torch.save(content.as_dict(), tmp_path / "a.pt")
            assert matches(tmp_path / "a.pt")
            lattices = list(read(tmp_path / "a.pt", words_txt, ErrorCollector()))
            assert [lattice.utterance for lattice in lattices] == ids
            for left, right in zip(lattices, to_lattices(content, SYMBOLS, ids), strict=True):
                same(left, right)


@needs_k2
@pytest.mark.parametrize("log_semiring", [False, True])
def test_k2_agrees_on_the_best_path_and_the_total(log_semiring: bool) -> None:
    draw = np.random.default_rng(11)
    lattices = []
    while len(lattices) < 30:
        made = random_lattice(draw, int(draw.integers(2, 8)), int(draw.integers(1, 14)), WORDS[1:])
        symbols = SYMBOLS
        labels = np.array(
            [WORDS.index(made.symbols.labels[label] or WORDS[0]) for label in made.labels],
            dtype=int,
        )
        lm_scores = draw.normal(size=made.arcs)
        lattices.append(
            replace(
                made,
                utterance=str(len(lattices)),
                symbols=symbols,
                labels=labels,
                scores={ACOUSTIC: made.scores["score"], FIRST_LM: lm_scores},
            )
        )
    fsas = to_fsas(lattices)
    assert "TopSortedAndAcyclic" in fsas.properties_str and "Valid" in fsas.properties_str
    totals = fsas.get_tot_scores(use_double_scores=True, log_semiring=log_semiring).tolist()
    best = to_lattices(k2.shortest_path(fsas, use_double_scores=True), SYMBOLS)
    for lattice, total, path in zip(lattices, totals, best, strict=True):
        every = sentences(lattice)
        sums = [each for several in every.values() for each in several]
        expected = np.logaddexp.reduce(sums) if log_semiring else max(sums, default=-np.inf)
        assert total == pytest.approx(expected, abs=1e-5)
        assert path.utterance == lattice.utterance
        if sums:
            winner = max(every, key=lambda words: every[words][-1])
            assert_same_sentences(sentences(path), {winner: [every[winner][-1]]})
        assert bool(sums) == bool(path.states)


@needs_k2
def test_attributes_survive() -> None:
    fsa = k2.Fsa(rows(DIAMOND))
    attributes = {
        "half": torch.ones(4, dtype=torch.float16),
        "double": torch.full((4,), 0.1, dtype=torch.float64),
        "long": torch.tensor([1, 2, 3, 2**40]),
        "flag": torch.tensor([True, False, False, True]),
        "rows": torch.arange(24, dtype=torch.int32).reshape(4, 2, 3),
        "learned": torch.ones(4, requires_grad=True),
    }
    for name, value in {
        **attributes,
        "aux_symbols": k2.SymbolTable.from_str("a 1"),
        "note": ["x"],
    }.items():
        setattr(fsa, name, value)
    fsa.requires_grad_(True)
    back = to_fsas(to_lattices(fsa, SYMBOLS))
    for name, value in attributes.items():
        assert torch.equal(getattr(back, name), value) and getattr(back, name).dtype == value.dtype
    assert back.aux_symbols is fsa.aux_symbols and back.note == ["x"]
    assert torch.equal(back.scores, fsa.scores) and torch.equal(back.labels, fsa.labels)
    assert not hasattr(back, "lm_scores")
    fsa.coarse = torch.ones(4, dtype=torch.bfloat16)
    with pytest.raises(InputError, match="'coarse' is bfloat16"):
        to_lattices(fsa, SYMBOLS)
    del fsa.coarse
    with pytest.raises(InputError, match="'aux_symbols' holds a SymbolTable"):
        write(Path("never.pt"), to_lattices(fsa, SYMBOLS))
    fsa.deep = k2.RaggedTensor([[[1]]] * 4)
    with pytest.raises(InputError, match="several levels"):
        to_lattices(fsa, SYMBOLS)


@needs_k2
def test_scores_that_were_added_are_in_k2(device: str) -> None:
    fsa = k2.Fsa(rows(DIAMOND)).to(device)
    fsa.lm_scores = torch.tensor([-0.1, -0.2, -0.3, -0.4], device=device)
    (lattice,) = to_lattices(fsa, SYMBOLS, ["u"])
    more = lattice.with_scores({"lightrnn": np.array([-0.7, -0.8, -0.9, -1.1])})
    fsas = to_fsas([more], device)
    assert fsas.device.type == device and fsas.lightrnn.tolist() == more.scores["lightrnn"].tolist()
    assert fsas.scores.tolist() == fsa.scores.tolist()
    (back,) = to_lattices(k2.shortest_path(fsas, True), SYMBOLS)
    assert sorted(back.scores) == [ACOUSTIC, FIRST_LM, "lightrnn"] and back.utterance == "u"


@needs_k2
def test_lattices_without_a_path_are_empty_fsas(read_dict: ReadDict) -> None:
    nothing = read_dict({"arcs": vec((0, []), (5, [(0, 1, 3, 0.0)]))})
    assert [(lattice.states, lattice.trimmed > 0) for lattice in nothing] == [(0, False), (0, True)]
    fsas = to_fsas(nothing)
    assert fsas.shape[0] == 2 and fsas.num_arcs == 0 and "Valid" in fsas.properties_str
    for left, right in zip(nothing, to_lattices(fsas, SYMBOLS), strict=True):
        same(left, right)


@needs_k2
def test_errors_in_memory() -> None:
    fsa = k2.Fsa(rows(DIAMOND))
    with pytest.raises(InputError, match=r"k2\.Fsa: the words are numbers; .*--symbols"):
        to_lattices(fsa, None)
    with pytest.raises(InputError, match="2 utterance ids; expected 1"):
        to_lattices(fsa, SYMBOLS, ["a", "b"])
    with pytest.raises(InputError, match=r"k2\.Fsa: utterance '1': word id 4"):
        to_lattices(fsa, Symbols(WORDS[:4]))
