"""k2 lattices: in memory beside k2 itself, where it is installed, and in files without it."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import sys
import types
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_lattices import all_paths, path_totals, random_lattice, words_of

from rescorer.errors import InputError
from rescorer.models.torch_file import write_torch
from rescorer.recognition.formats.k2 import LABEL, Rows, matches, read, to_fsas, to_lattices, write
from rescorer.recognition.formats.k2_file import Ragged
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.lattice import Lattice, Symbols
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, GRAPH

try:
    import k2

    NO_K2 = ""
except ImportError as error:
    NO_K2 = f"k2 is not here: {str(error).strip().splitlines()[0]}"

needs_k2 = pytest.mark.skipif(bool(NO_K2), reason=NO_K2)
WORDS = ("<eps>", *(f"w{number}" for number in range(1, 10)))
SYMBOLS = Symbols(WORDS)
# source, target, label, score
DIAMOND = [(0, 1, 3, -0.5), (0, 2, 4, -0.25), (1, 3, -1, 0.0), (2, 3, -1, -1.0)]
Row = tuple[int, int, int, float]


def rows(arcs: Sequence[Row]) -> torch.Tensor:
    """[A, 4] what k2 makes of an Fsa."""
    numbers = np.array([arc[:3] for arc in arcs], dtype=np.int32).reshape(-1, 3)
    bits = np.array([arc[3] for arc in arcs], dtype=np.float32).view(np.int32)
    return torch.from_numpy(np.concatenate([numbers, bits[:, None]], axis=1))


def vec(*fsas: tuple[int, Sequence[Row]]) -> torch.Tensor:
    """What k2 makes of an FsaVec of (states, arcs)."""
    states, arcs = (
        np.cumsum([0, *(n for n, _ in fsas)]),
        np.cumsum([0, *(len(arcs) for _, arcs in fsas)]),
    )
    body = [rows(each).reshape(-1) for _, each in fsas]
    return torch.cat([torch.tensor([len(fsas), 0, *states, *arcs], dtype=torch.int32), *body])


def same(left: Any, right: Any) -> None:
    """Equal, field by field and in type."""
    assert type(left) is type(right)
    if isinstance(left, Lattice):
        for name in (
            "utterance",
            "states",
            "sources",
            "targets",
            "labels",
            "scores",
            "arc_fields",
            "header",
        ):
            same(getattr(left, name), getattr(right, name))
        assert left.symbols.labels == right.symbols.labels
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            same(left[name], right[name])
    elif isinstance(left, Ragged):
        same(left.splits, right.splits)
        same(left.values, right.values)
    elif isinstance(left, Rows):
        same(left.array, right.array)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    else:
        assert left == right


def sentences(lattice: Lattice) -> dict[tuple[str, ...], list[float]]:
    """The totals of the paths that say each sentence."""
    totals = np.sum(list(lattice.scores.values()), axis=0)
    paths = all_paths(lattice)
    found: dict[tuple[str, ...], list[float]] = {}
    for path, total in zip(paths, path_totals(totals, paths).tolist(), strict=True):
        found.setdefault(words_of(lattice, path), []).append(total)
    return {words: sorted(totals) for words, totals in found.items()}


@pytest.fixture
def words_txt(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(
        "".join(f"{word} {number}\n" for number, word in enumerate(WORDS)), encoding="utf-8"
    )
    return path


@pytest.fixture
def ragged(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Sequence[float]]], Any]:
    """Makes what torch.save writes as k2 writes its RaggedTensor, without k2."""

    class RaggedTensor:
        __module__ = "_k2.ragged"

        def __getstate__(self) -> Any:
            return self.state

    for name in ("_k2", "_k2.ragged"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    RaggedTensor.__qualname__ = "RaggedTensor"
    sys.modules["_k2.ragged"].RaggedTensor = RaggedTensor  # type: ignore[attr-defined]

    def make(values: Any) -> Any:
        made = RaggedTensor()
        flat = [value for row in values for value in row]
        kind = torch.float32 if any(isinstance(value, float) for value in flat) else torch.int32
        splits = torch.tensor(np.cumsum([0, *map(len, values)]), dtype=torch.int32)
        made.state = (splits, "row_ids1", torch.tensor(flat, dtype=kind))  # type: ignore[attr-defined]
        return made

    return make


@pytest.fixture
def read_dict(tmp_path: Path, words_txt: Path) -> Callable[..., list[Lattice]]:
    """Saves a dictionary and reads the file."""

    def saved(
        content: Any, name: str = "utt.pt", collector: ErrorCollector | None = None
    ) -> list[Lattice]:
        torch.save(content, tmp_path / name)
        return list(read(tmp_path / name, words_txt, collector or ErrorCollector()))

    return saved


ReadDict = Callable[..., list[Lattice]]
MakeRagged = Callable[[Any], Any]


# --- files, without k2 ---


def test_a_transducer_with_a_language_model(read_dict: ReadDict) -> None:
    (lattice,) = read_dict(
        {
            "arcs": rows(DIAMOND),
            "aux_labels": torch.tensor([5, 6, -1, -1], dtype=torch.int32),
            "lm_scores": torch.tensor([-0.125, -0.25, 0.0, -0.75]),
            "frame": torch.tensor([7, 8, 9, 9]),
            "features": torch.arange(8.0).reshape(4, 2),
            "labels_version": 0,
            "device": "cuda:0",
            "depth": [1, (2, None)],
        }
    )
    assert (lattice.utterance, lattice.states, lattice.trimmed) == ("utt", 4, 0)
    assert lattice.sources.tolist() == [0, 0, 1, 2] and lattice.targets.tolist() == [1, 2, 3, 3]
    assert [WORDS[label] for label in lattice.labels] == ["w5", "w6", "<eps>", "<eps>"]
    same(
        dict(lattice.scores),
        {
            ACOUSTIC: np.array([-0.375, 0.0, 0.0, -0.25]),
            FIRST_LM: np.array([-0.125, -0.25, 0.0, -0.75]),
        },
    )
    same(
        dict(lattice.arc_fields),
        {
            LABEL: np.array([3, 4, -1, -1], dtype=np.int32),
            "frame": np.array([7, 8, 9, 9]),
            "features": Rows(np.arange(8, dtype=np.float32).reshape(4, 2)),
        },
    )
    assert lattice.header == {"device": "cuda:0", "depth": [1, (2, None)]}


def test_an_acceptor_of_words_with_one_score(read_dict: ReadDict) -> None:
    (lattice,) = read_dict({"arcs": rows(DIAMOND)})
    assert sentences(lattice) == {("w3",): [-0.5], ("w4",): [-1.25]}
    assert lattice.score_names == (FIRST_PASS,)
    assert lattice.labels.tolist() == [3, 4, 0, 0]


def test_scores_are_the_doubles_of_singles(read_dict: ReadDict) -> None:
    arcs = [(0, 1, 3, 0.1), (1, 2, -1, 1e-30)]
    (lattice,) = read_dict({"arcs": rows(arcs)})
    assert lattice.scores[FIRST_PASS].tolist() == [float(np.float32(0.1)), float(np.float32(1e-30))]


def test_arcs_of_several_words_become_chains(read_dict: ReadDict, ragged: MakeRagged) -> None:
    arcs = [(0, 1, 5, -1.0), (0, 2, 6, -2.0), (1, 2, 7, -4.0), (1, 3, -1, -8.0), (2, 3, -1, -16.0)]
    (lattice,) = read_dict(
        {
            "arcs": rows(arcs),
            "aux_labels": ragged([[1, 2, 3], [], [4], [5, 0, 6, -1], [-1]]),
            "lm_scores": torch.tensor([-0.5, -1.0, -2.0, -4.0, -8.0]),
            "times": ragged([[1.0], [2, 3], [], [4], [5]]),
            "frame": torch.tensor([1, 2, 3, 4, 5], dtype=torch.int32),
        }
    )
    assert sentences(lattice) == {
        ("w1", "w2", "w3", "w5", "w6"): [-9.0],
        ("w1", "w2", "w3", "w4"): [-21.0],
        (): [-18.0],
    }
    # What was the first arc says what the file says of the whole; arcs stay sorted, and states in
    # their order.
    assert lattice.sources.tolist() == [0, 0, 1, 2, 3, 3, 4, 5, 6]
    assert lattice.targets.tolist() == [1, 6, 2, 3, 6, 4, 5, 7, 7]
    assert lattice.labels.tolist() == [1, 0, 2, 3, 4, 5, 6, 0, 0]
    label, times, frame = (lattice.arc_fields[name] for name in (LABEL, "times", "frame"))
    assert (
        isinstance(label, np.ndarray)
        and isinstance(times, Ragged)
        and isinstance(frame, np.ndarray)
    )
    assert label.tolist() == [5, 6, 0, 0, 7, 0, 0, -1, -1]
    assert frame.tolist() == [1, 2, 0, 0, 3, 4, 0, 0, 5]
    assert times.splits.tolist() == [0, 1, 3, 3, 3, 3, 4, 4, 4, 5] and times.values.tolist() == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert np.diff(times.take(np.array([1, 1, 0])).splits).tolist() == [2, 2, 1]


def test_an_fsa_vec(read_dict: ReadDict) -> None:
    line = [(0, 1, 7, -3.0), (1, 2, -1, 0.0)]
    content = {"arcs": vec((4, DIAMOND), (0, []), (3, line), (1, [])), "frame": torch.arange(6)}
    lattices = read_dict(content, "batch.pt")
    assert [lattice.utterance for lattice in lattices] == [
        "batch-1",
        "batch-2",
        "batch-3",
        "batch-4",
    ]
    assert [sentences(lattice) for lattice in lattices] == [
        {("w3",): [-0.5], ("w4",): [-1.25]},
        {},
        {("w7",): [-3.0]},
        {},
    ]
    same(lattices[2].arc_fields["frame"], np.array([4, 5]))
    named = read_dict({**content, "utterances": list("abcd")})
    assert [lattice.utterance for lattice in named] == list("abcd")
    assert named[0].header == {}


def test_states_in_any_order_and_on_no_path(read_dict: ReadDict) -> None:
    arcs = [(0, 2, 1, -1.0), (0, 3, 9, 0.0), (1, 4, -1, -4.0), (2, 1, 2, -2.0)]
    (lattice,) = read_dict({"arcs": rows(arcs)})
    assert sentences(lattice) == {("w1", "w2"): [-7.0]}
    assert lattice.trimmed == 1


def test_added_scores_are_scores(read_dict: ReadDict) -> None:
    (lattice,) = read_dict(
        {"arcs": rows(DIAMOND), "lightrnn": torch.arange(4.0), "score_names": ["lightrnn"]}
    )
    assert lattice.score_names == (FIRST_PASS, "lightrnn")
    assert lattice.scores["lightrnn"].tolist() == [0, 1, 2, 3] and set(lattice.arc_fields) == {
        LABEL
    }


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


def test_a_folder_of_files(tmp_path: Path, words_txt: Path) -> None:
    (tmp_path / "many").mkdir()
    assert not matches(tmp_path / "many")
    for name, utterances in (("b", ["one", "two"]), ("a", None)):
        torch.save(
            {
                "arcs": vec((4, DIAMOND), (0, [])),
                **({"utterances": utterances} if utterances else {}),
            },
            tmp_path / f"many/{name}.pt",
        )
    assert matches(tmp_path / "many")
    assert [each.utterance for each in read(tmp_path / "many", words_txt, ErrorCollector())] == [
        "a-1",
        "a-2",
        "one",
        "two",
    ]
    torch.save({"arcs": vec((4, DIAMOND)), "utterances": ["two"]}, tmp_path / "many/c.pt")
    with pytest.raises(InputError, match=r"c\.pt: utterance 'two' is in an earlier file too"):
        list(read(tmp_path / "many", words_txt, ErrorCollector()))


def test_what_is_written_is_whole_or_not_there(tmp_path: Path, read_dict: ReadDict) -> None:
    (lattice,) = read_dict({"arcs": rows(DIAMOND)})
    path = tmp_path / "out.pt"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="attribute 'x' holds a object"):
        write(path, [replace(lattice, header={"x": [object()]})])
    assert path.read_bytes() == b"old" and not list(tmp_path.glob(".out*"))


def test_a_list_that_holds_itself(tmp_path: Path, words_txt: Path, read_dict: ReadDict) -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    (lattice,) = read_dict({"arcs": rows(DIAMOND), "loop": loop})
    assert lattice.header["loop"][1] is lattice.header["loop"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_matches_its_own(tmp_path: Path, words_txt: Path, protocol: int) -> None:
    path = tmp_path / "a.pt"
    torch.save({"arcs": rows(DIAMOND), "x": 1.5}, path, pickle_protocol=protocol)
    assert matches(path)
    assert len(list(read(path, words_txt, ErrorCollector()))) == 1
    path.write_bytes(path.read_bytes()[:600])
    assert matches(path)  # so that the error is about the damage


def test_matches_no_others(tmp_path: Path) -> None:
    write_torch(
        {"arcs": torch.zeros(3), "words": ["arcs"], "x": {"arcs": "arcs"}}, tmp_path / "model.pt"
    )
    torch.save({"model": torch.zeros(4)}, tmp_path / "other.pt")
    (tmp_path / "text").write_text("utt-1 -2.5 arcs\n", encoding="utf-8")
    (tmp_path / "blank").touch()
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"utt-1 -2.5 arcs\n" * 9)[:-9])
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("arcs", "arcs")
    assert [path.name for path in [*tmp_path.iterdir(), tmp_path] if matches(path)] == []
    with pytest.raises(InputError, match="cannot be read"):
        matches(tmp_path / "none.pt")


# --- errors ---


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "no dictionary of attributes"),
        ({"model": torch.zeros(3)}, "no arcs"),
        ({"arcs": torch.zeros(3, 4)}, "no arcs"),
        ({"arcs": torch.zeros(3, 3, dtype=torch.int32)}, "neither an Fsa's nor an FsaVec's"),
        ({"arcs": torch.tensor([2**31 - 1, 0, 0, 0], dtype=torch.int32)}, "neither an Fsa's"),
        ({"arcs": vec((4, DIAMOND))[:-4]}, "neither an Fsa's"),
        ({"arcs": torch.tensor([0, 0, 0, 0], dtype=torch.int32)}, "no FSAs"),
        (
            {"arcs": rows([(0, 1, 3, 0.0), (1, 2, 4, 0.0)])},
            "utterance 'utt': an arc from state 1 to 2 with label 4",
        ),
        (
            {"arcs": rows([(0, 1, -1, 0.0), (1, 2, -1, 0.0)])},
            "label -1 into the final state 2 and only there",
        ),
        (
            {"arcs": rows([(0, 1, -2, 0.0), (1, 2, -1, 0.0)])},
            "an arc from state 0 to 1 with label -2",
        ),
        ({"arcs": rows([(1, 2, -1, 0.0), (0, 1, 3, 0.0)])}, "arcs sorted by their source"),
        ({"arcs": rows([(-1, 1, 3, 0.0), (1, 2, -1, 0.0)])}, "an arc from state -1 to 1"),
        ({"arcs": vec((2, DIAMOND))}, "states from 0 to 1"),
        (
            {"arcs": rows([(0, 1, 3, 0.0), (1, 0, 3, 0.0), (1, 2, -1, 0.0)])},
            "utterance 'utt': state 0 is on a cycle",
        ),
        ({"arcs": rows([(0, 0, 3, 0.0), (0, 1, -1, 0.0)])}, "state 0 has an arc to itself"),
        (
            {"arcs": rows([(0, 1, 3, np.nan), (1, 2, -1, 0.0)])},
            "the first_pass score of the arc .* is not finite",
        ),
        (
            {
                "arcs": rows([(0, 1, 3, -np.inf), (1, 2, -1, 0.0)]),
                "lm_scores": torch.tensor([-np.inf, 0.0]),
            },
            "the acoustic score of the arc from 0 to 1 is not finite",
        ),
        (
            {"arcs": rows([(0, 1, 77, 0.0), (1, 2, -1, 0.0)])},
            "utterance 'utt': word id 77; .*--symbols",
        ),
        ({"arcs": rows(DIAMOND), "aux_labels": torch.tensor([-5, 0, 0, 0])}, "word id -5"),
        ({"arcs": rows(DIAMOND), "aux_labels": torch.zeros(4)}, "aux_labels are not word ids"),
        (
            {"arcs": rows(DIAMOND), "lm_scores": torch.zeros(4, dtype=torch.int32)},
            "lm_scores are not a number",
        ),
        ({"arcs": rows(DIAMOND), "lm_scores": torch.zeros(4, 2)}, "lm_scores are not a number"),
        ({"arcs": rows(DIAMOND), "x": torch.zeros(3)}, "attribute 'x' has 3 rows; expected 4"),
        ({"arcs": rows(DIAMOND), "x": torch.tensor(3)}, "attribute 'x' has 0 rows; expected 4"),
        ({"arcs": rows(DIAMOND), "x": [torch.zeros(4)]}, "attribute 'x' holds a ndarray"),
        ({"arcs": rows(DIAMOND), "scores": torch.zeros(4)}, "an attribute 'scores'"),
        ({"arcs": rows(DIAMOND), "utterances": ["a", "b"]}, "2 utterance ids; expected 1 texts"),
        ({"arcs": rows(DIAMOND), "utterances": "a"}, "utterances are 'a'"),
        ({"arcs": rows(DIAMOND), "utterances": [7]}, "1 utterance ids"),
        ({"arcs": vec((4, DIAMOND), (4, DIAMOND)), "utterances": ["a", "a"]}, "'a' is there twice"),
        ({"arcs": rows(DIAMOND), "utterances": ["a b"]}, "holds white space"),
        ({"arcs": rows(DIAMOND), "score_names": ["x"]}, "score_names has 'x'"),
        ({"arcs": rows(DIAMOND), "score_names": 3}, "score_names are 3"),
    ],
)
def test_what_no_lattice_can_be_made_of(read_dict: ReadDict, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_dict(content)
    assert "utt.pt" in str(caught.value) and "\n" not in str(caught.value)


def test_faulty_utterances_can_be_passed_over(read_dict: ReadDict) -> None:
    collector = ErrorCollector(skip=True)
    content = {"arcs": vec((2, [(0, 0, 1, 0.0), (0, 1, -1, 0.0)]), (4, DIAMOND))}
    assert [lattice.utterance for lattice in read_dict(content, "two.pt", collector)] == ["two-2"]
    assert len(collector.errors) == 1 and "'two-1'" in str(collector.errors[0])


def test_ragged_faults(read_dict: ReadDict, ragged: MakeRagged) -> None:
    deep, wrong, empty = ragged([[1]] * 4), ragged([[1]] * 4), ragged([[1]] * 4)
    deep.state = (*deep.state, "row_ids2", deep.state[2])
    wrong.state = (wrong.state[0][:-1], *wrong.state[1:])
    empty.state = ()
    turned = ragged([[1]] * 4)  # the differences are not negative: they wrap around
    turned.state = (torch.tensor([0, 120, -20, 100, 4], dtype=torch.int8), *turned.state[1:])
    for value, message in (
        (deep, "several levels"),
        (wrong, "no ragged tensor"),
        (empty, "no ragged tensor"),
        (turned, "no ragged tensor"),
        (ragged([[1]] * 3), "has 3 rows"),
    ):
        with pytest.raises(InputError, match=message):
            read_dict({"arcs": rows(DIAMOND), "x": value})
    with pytest.raises(InputError, match="aux_labels are not word ids"):
        read_dict({"arcs": rows(DIAMOND), "aux_labels": ragged([[1.0]] * 4)})


def test_symbols_are_needed(tmp_path: Path) -> None:
    torch.save({"arcs": rows(DIAMOND)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: the words are numbers; .*--symbols words\.txt"):
        list(read(tmp_path / "a.pt", None, ErrorCollector()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"words: the file is empty"),
        ("a 0\n", "id 0 is 'a'"),
        ("<eps> 0\na b 1\n", "words:2: 'a b 1'"),
        ("<eps> 0\na x\n", "words:2: 'a x'"),
        ("<eps> 0\na -1\n", "words:2"),
        ("<eps> 0\na 99999999999999\n", "words:2"),
        ("<eps> 0\na 1\nb 1\n", "words:3: id 1 is there twice"),
        ("<eps> 0\na 3\nc 5\n", "word id 4"),
    ],
)
def test_bad_words(tmp_path: Path, text: str, message: str) -> None:
    torch.save({"arcs": rows(DIAMOND)}, tmp_path / "a.pt")
    (tmp_path / "words").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        list(read(tmp_path / "a.pt", tmp_path / "words", ErrorCollector()))


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


# --- files that want harm, and damaged ones ---


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def test_code_is_not_run(tmp_path: Path, read_dict: ReadDict, ragged: MakeRagged) -> None:
    evil = Evil(tmp_path / "mark")
    within = ragged([[1]])
    within.state = (evil, "row_ids1", evil)
    for content in (
        evil,
        {"arcs": evil},
        {"arcs": rows(DIAMOND), "x": evil},
        {"arcs": rows(DIAMOND), "x": within},
    ):
        with pytest.raises(InputError, match=r"holds code: posix\.system; .*remedy") as caught:
            read_dict(content)
        assert "\n" not in str(caught.value)
    for content in (
        {"arcs": rows(DIAMOND), "x": {1, 2}},
        {"arcs": rows(DIAMOND), "x": torch.nn.Linear},
    ):
        with pytest.raises(InputError, match="holds code"):
            read_dict(content)
    assert not (tmp_path / "mark").exists()


def pack(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02r\xf0\xff\xff\xff.",  # a memo of four thousand million places
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",  # a bytearray beyond any memory
        b"\x80\x02" + b"(l" * 100_000 + b".",
        # tampers with what it names
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__call__Nsb.",
        # a list for a storage
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(]K\x00K\x05\x85K\x01\x85tR.",
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aNsb.",
        b"\x80\x02c_k2.ragged\nRaggedTensor\n)\x81.",
        b"\x80\x02ctorch\nFloatStorage\n.",
        b"",
        b".",
        b"\x80\x02}.",
    ],
)
def test_pickles_by_hand(tmp_path: Path, words_txt: Path, pickled: bytes) -> None:
    pack(tmp_path / "a.pt", {"a/data.pkl": pickled})
    with pytest.raises(InputError):
        list(read(tmp_path / "a.pt", words_txt, ErrorCollector()))


def test_claims_are_checked(tmp_path: Path, words_txt: Path, read_dict: ReadDict) -> None:
    with pytest.raises(InputError, match="greater than its storage"):
        read_dict({"arcs": rows(DIAMOND), "x": torch.zeros(1).expand(4, 10**12)})
    good = members(tmp_path / "utt.pt")
    pack(tmp_path / "packed.pt", good, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="a compressed archive"):
        list(read(tmp_path / "packed.pt", words_txt, ErrorCollector()))
    torch.save({"arcs": rows(DIAMOND)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match="no file of torch"):
        list(read(tmp_path / "old.pt", words_txt, ErrorCollector()))
    assert not matches(tmp_path / "old.pt")
    far = [(0, 2**31 - 3, 3, 0.0), (2**31 - 3, 2**31 - 2, -1, 0.0)]
    assert [sentences(lattice) for lattice in read_dict({"arcs": rows(far)})] == [{("w3",): [0.0]}]
    assert read_dict({"arcs": vec((2**31 - 1, far))})[0].states == 3


TOKENS = (b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\x80\xff", b"\0\0\xc0\x7f", b"R", b"b", b".")


def _damage(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(data)) if data else 0
        kind = chance.randrange(5)
        if kind <= 1 and data:
            data[at] = chance.randrange(256)
        elif kind == 2:
            del data[at : at + chance.choice((1, 4, 40))]
        elif kind == 3:
            data[at:at] = data[at : at + chance.choice((1, 4, 40))]
        else:
            data[at:at] = chance.choice(TOKENS)


@pytest.fixture
def samples(tmp_path: Path, ragged: MakeRagged) -> list[Path]:
    torch.save(
        {
            "arcs": rows(DIAMOND),
            "aux_labels": ragged([[1, 2], [3], [-1], []]),
            "lm_scores": torch.tensor([-0.5, 0.0, 0.0, -1.0]),
            "note": ["x", 1.5],
        },
        tmp_path / "one.pt",
    )
    torch.save(
        {
            "arcs": vec((4, DIAMOND), (0, []), (4, DIAMOND)),
            "aux_labels": torch.tensor([1, 2, -1, -1] * 2),
            "rows": torch.zeros(8, 2),
            "utterances": ["a", "b", "c"],
        },
        tmp_path / "many.pt",
    )
    return [tmp_path / "one.pt", tmp_path / "many.pt"]


def _survives(path: Path, words_txt: Path) -> bool:
    """Whether lattices came; otherwise an InputError of one line did."""
    try:
        matches(path)
        for lattice in read(path, words_txt, ErrorCollector()):
            assert sum(map(len, sentences(lattice).values())) == len(all_paths(lattice))
        return True
    except InputError as error:
        assert "\n" not in str(error)
        return False


def test_damaged_files(tmp_path: Path, words_txt: Path, samples: list[Path]) -> None:
    chance = random.Random(1)
    for sample in samples:
        good = sample.read_bytes()
        for _ in range(300):
            data = bytearray(good)
            _damage(data, chance)
            (tmp_path / "bad.pt").write_bytes(data)
            _survives(tmp_path / "bad.pt", words_txt)


def test_damage_within_the_archive(tmp_path: Path, words_txt: Path, samples: list[Path]) -> None:
    """As above, past the archive's checksums."""
    chance = random.Random(2)
    lived = 0
    for sample in samples:
        good = members(sample)
        numbers = sorted(name for name in good if "/data/" in name)
        for round in range(600):
            name = f"{sample.stem}/data.pkl" if round % 2 else chance.choice(numbers)
            data = bytearray(good[name])
            _damage(data, chance)
            pack(tmp_path / "bad.pt", {**good, name: bytes(data)})
            lived += _survives(tmp_path / "bad.pt", words_txt)
    assert lived > 20  # the damage was not always fatal: what comes after the archive was tried too


# --- beside k2 ---


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


def test_without_k2(read_dict: ReadDict, monkeypatch: pytest.MonkeyPatch) -> None:
    lattices = read_dict({"arcs": rows(DIAMOND)})
    monkeypatch.setitem(sys.modules, "k2", None)
    with pytest.raises(
        InputError, match=r"k2 cannot be imported: .*remedy: on Python 3\.10"
    ) as caught:
        to_fsas(lattices)
    assert "\n" not in str(caught.value)


def test_the_stand_in_is_what_k2_writes(ragged: MakeRagged) -> None:
    """The names that torch.save puts into a file for it."""
    buffer = io.BytesIO()
    torch.save({"x": ragged([[1, 2], []])}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        pickled = next(
            archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")
        )
    assert b"c_k2.ragged\nRaggedTensor\n" in pickled and b"row_ids1" in pickled
    assert pickled[:2] == pickle.PROTO + b"\x02"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_arcs_that_are_fewer_than_the_file_has_are_told(read_dict: ReadDict, count: int) -> None:
    """Without the rows that are cut off, the others may well be a lattice."""
    with pytest.raises(
        InputError, match=rf"arcs of {16 * count} bytes, where the file has 64 for them.*remedy: "
    ):
        read_dict({"arcs": rows(DIAMOND)[:count]})
    with pytest.raises(InputError, match="neither an Fsa's nor an FsaVec's"):
        read_dict({"arcs": vec((4, DIAMOND))[: 6 + 4 * count]})
