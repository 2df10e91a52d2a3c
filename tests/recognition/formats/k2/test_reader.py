"""k2's files read without k2."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from k2_files import DIAMOND, WORDS, MakeRagged, ReadDict, rows, same, sentences, vec

from rescorer.errors import InputError
from rescorer.models.torch_file import write_torch
from rescorer.recognition.formats.k2 import LABEL, Rows, matches, read
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS


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


@pytest.mark.parametrize("count", [1, 2, 3])
def test_arcs_that_are_fewer_than_the_file_has_are_told(read_dict: ReadDict, count: int) -> None:
    """Without the rows that are cut off, the others may well be a lattice."""
    with pytest.raises(
        InputError, match=rf"arcs of {16 * count} bytes, where the file has 64 for them.*remedy: "
    ):
        read_dict({"arcs": rows(DIAMOND)[:count]})
    with pytest.raises(InputError, match="neither an Fsa's nor an FsaVec's"):
        read_dict({"arcs": vec((4, DIAMOND))[: 6 + 4 * count]})
