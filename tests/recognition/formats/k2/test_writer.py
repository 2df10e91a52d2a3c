"""k2's files written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from k2_files import DIAMOND, ReadDict, rows, same, vec
from tiny_lattices import random_lattice

from rescorer.errors import InputError
from rescorer.recognition.formats.k2 import LABEL, read, write
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, GRAPH


def test_written_files_come_back(tmp_path: Path, words_txt: Path, read_dict: ReadDict) -> None:
    first = read_dict(
        {
            "arcs": vec((4, DIAMOND), (0, [])),
            "aux_labels": torch.tensor([5, 6, -1, -1], dtype=torch.int32),
            "lm_scores": torch.tensor([-0.1, -0.2, 0.3, -0.7]),
            "half": torch.ones(4, dtype=torch.float16),
            "flag": torch.tensor([True, False, True, False]),
            "rows": torch.arange(8).reshape(4, 2),
            "name": "x",
        }
    )
    write(tmp_path / "again.pt", first)
    again = list(read(tmp_path / "again.pt", words_txt, ErrorCollector()))
    for left, right in zip(first, again, strict=True):
        same(left, right)
    write(
        tmp_path / "more.pt",
        [each.with_scores({"lstm": np.full(each.arcs, 0.1)}) for each in first],
    )
    more = list(read(tmp_path / "more.pt", words_txt, ErrorCollector()))
    assert more[0].scores["lstm"].tolist() == [0.1] * 4
    loaded = torch.load(tmp_path / "again.pt")
    assert loaded["aux_labels"].tolist() == [5, 6, -1, -1] and loaded["flag"].dtype == torch.bool


def test_other_lattices_can_be_written(tmp_path: Path) -> None:
    lattice = random_lattice(np.random.default_rng(0), 5, 9, ["a", "b"])
    assert lattice.states
    score = lattice.scores["score"]
    foreign = replace(
        lattice,
        scores={ACOUSTIC: score, GRAPH: score, "nn": score},
        arc_fields={"p": score},
        header={"object": object()},
    )
    write(tmp_path / "a.pt", [foreign])
    (tmp_path / "words").write_text("<eps> 0\na 1\nb 2\n", encoding="utf-8")
    (back,) = read(tmp_path / "a.pt", tmp_path / "words", ErrorCollector())
    assert back.score_names == (ACOUSTIC, FIRST_LM, "nn") and set(back.arc_fields) == {LABEL}
    np.testing.assert_allclose(back.scores[ACOUSTIC], score, rtol=0, atol=1e-6)
    assert back.labels.tolist() == lattice.labels.tolist()


def test_scores_are_what_the_search_is_for(tmp_path: Path, read_dict: ReadDict) -> None:
    """At the recogniser's own scales, which are 1 in k2: so is a rescored lattice's total, for k2's
    own search.
    """
    content = {"arcs": rows(DIAMOND), "lm_scores": torch.tensor([-0.125, -0.25, 0.0, -0.75])}
    (lattice,) = read_dict(content)
    assert lattice.own_scales == {ACOUSTIC: 1.0, FIRST_LM: 1.0}
    assert read_dict({"arcs": content["arcs"]})[0].own_scales == {FIRST_PASS: 1.0}
    write(tmp_path / "a.pt", [replace(lattice, own_scales={ACOUSTIC: 0.5, FIRST_LM: 2.0})])
    written = torch.load(tmp_path / "a.pt")
    lm_scores = np.array([-0.25, -0.5, 0.0, -1.5])
    assert written["lm_scores"].tolist() == lm_scores.tolist()
    total = written["arcs"][-16:].reshape(4, 4)[:, 3].numpy().copy().view(np.float32)
    assert total.tolist() == (0.5 * np.array([-0.375, 0.0, 0.0, -0.25]) + lm_scores).tolist()


def test_what_is_written_is_whole_or_not_there(tmp_path: Path, read_dict: ReadDict) -> None:
    (lattice,) = read_dict({"arcs": rows(DIAMOND)})
    path = tmp_path / "out.pt"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="attribute 'x' holds a object"):
        write(path, [replace(lattice, header={"x": [object()]})])
    assert path.read_bytes() == b"old" and not list(tmp_path.glob(".out*"))


def test_what_cannot_be_written(tmp_path: Path, read_dict: ReadDict) -> None:
    (lattice,) = read_dict({"arcs": rows(DIAMOND), "x": torch.zeros(4)})
    other = replace(lattice, utterance="b")
    for lattices, message in (
        ([], "no lattices"),
        ([lattice, lattice], "'utt' is there twice"),
        ([replace(lattice, scores={"nn": np.zeros(4)})], "the lattices have the scores 'nn'"),
        (
            [lattice, other.with_scores({"nn": np.zeros(4)})],
            "utterance 'b': scores 'first_pass', 'nn'",
        ),
        ([lattice, replace(other, symbols=Symbols(("", "a")))], "utterance 'b': other words"),
        (
            [lattice, replace(other, arc_fields={LABEL: lattice.arc_fields[LABEL]})],
            "same kind of attribute 'x'",
        ),
        ([lattice.with_scores({"x": np.zeros(4)})], "a score 'x' beside an attribute"),
        ([lattice.with_scores({"scores": np.zeros(4)})], "a score 'scores'"),
        ([replace(lattice, scores={FIRST_PASS: np.full(4, -1e60)})], "too great for float32"),
    ):
        with pytest.raises(InputError, match=message):
            write(tmp_path / "out.pt", lattices)
    assert not (tmp_path / "out.pt").exists()
