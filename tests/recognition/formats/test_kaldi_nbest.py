"""Kaldi's n-best folder."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rescorer.errors import InputError
from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, RANK, Hypothesis, NBest

FOLDER = {
    "words_text": "sw-02-A-10 ten\nsw-02-A-2 two words\nother-1\nsw-02-A-1 one\n",
    "acwt": "other-1 4\nsw-02-A-1 1.5\nsw-02-A-2 2.5e1\nsw-02-A-10 -3\n",
    "lmwt.nolm": "sw-02-A-1 0\nsw-02-A-2 0\nsw-02-A-10 0\nother-1 0\n",
    "lmwt.lmonly": "sw-02-A-1 7\nsw-02-A-2 8\nsw-02-A-10 9\nother-1 10\n",
    "lmwt.rnn.0.5": "sw-02-A-1 70\nsw-02-A-2 80\nsw-02-A-10 90\nother-1 100\n",
}


def _folder(path: Path, files: dict[str, str]) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_text(content)
    return path


def test_costs_become_log_probabilities_joined_by_key(tmp_path: Path) -> None:
    file = read_nbest(_folder(tmp_path / "archives.1", FOLDER))
    assert file.format == "kaldi"
    first, other = file.lists
    assert (first.utterance, other.utterance) == ("sw-02-A", "other")
    assert [(h.key, h.words) for h in first.hypotheses] == [
        ("1", ("one",)),
        ("2", ("two", "words")),
        ("10", ("ten",)),
    ]
    assert [h.scores for h in first.hypotheses] == [
        {ACOUSTIC: -1.5, GRAPH: 0.0, FIRST_LM: -7.0, "rnn.0.5": -70.0},
        {ACOUSTIC: -25.0, GRAPH: 0.0, FIRST_LM: -8.0, "rnn.0.5": -80.0},
        {ACOUSTIC: 3.0, GRAPH: 0.0, FIRST_LM: -9.0, "rnn.0.5": -90.0},
    ]
    assert other.hypotheses == (
        Hypothesis("1", (), {ACOUSTIC: -4.0, GRAPH: 0.0, FIRST_LM: -10.0, "rnn.0.5": -100.0}),
    )
    assert first.score_names == (ACOUSTIC, GRAPH, FIRST_LM, "rnn.0.5")


def test_scores_become_costs_in_kaldis_own_files(tmp_path: Path) -> None:
    scores = {FIRST_LM: -2.0, ACOUSTIC: -1.25, GRAPH: 0.0, "light_rnn": -3.0}
    hypotheses = (Hypothesis("1", ("a", "b"), scores), Hypothesis("2", (), scores))
    write_nbest(tmp_path / "out", [NBest("u", hypotheses)], "kaldi")
    assert {file.name: file.read_text() for file in (tmp_path / "out").iterdir()} == {
        "words_text": "u-1 a b\nu-2\n",
        "acwt": "u-1 1.25\nu-2 1.25\n",
        "lmwt.nolm": "u-1 0.0\nu-2 0.0\n",
        "lmwt.lmonly": "u-1 2.0\nu-2 2.0\n",
        "lmwt.light_rnn": "u-1 3.0\nu-2 3.0\n",
    }


def test_scores_without_a_file_are_not_there(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "in", {name: FOLDER[name] for name in ("words_text", "acwt")})
    assert read_nbest(folder).lists[0].score_names == (ACOUSTIC,)


def test_words_alone_score_by_rank(tmp_path: Path) -> None:
    first = read_nbest(_folder(tmp_path / "in", {"words_text": FOLDER["words_text"]})).lists[0]
    assert [h.scores for h in first.hypotheses] == [{RANK: 0.0}, {RANK: -1.0}, {RANK: -2.0}]


def test_other_files_of_the_folder_are_passed_over(tmp_path: Path) -> None:
    plain = read_nbest(_folder(tmp_path / "plain", FOLDER))
    more = read_nbest(
        _folder(tmp_path / "more", {**FOLDER, "words": "sw-02-A-1 17\n", "log": "", "log.gz": ""})
    )
    assert more.lists == plain.lists


def test_compressed_members(tmp_path: Path) -> None:
    plain = read_nbest(_folder(tmp_path / "plain", FOLDER))
    packed = tmp_path / "packed"
    packed.mkdir()
    for name, content in FOLDER.items():
        (packed / (name if name == "acwt" else f"{name}.gz")).write_bytes(
            gzip.compress(content.encode())
        )
    assert read_nbest(packed).lists == plain.lists


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"words_text": ""}, ["words_text: ", "empty"]),
        ({"words_text": "a-1 x\na 2\n"}, ["words_text:2: ", "'a' has no number", "expected utt-N"]),
        ({"words_text": "a-1 x\n-2 y\n"}, ["words_text:2: ", "'-2' has no number"]),
        ({"words_text": "a-1 x\na-9999999999999999999 y\n"}, ["words_text:2: ", "has no number"]),
        ({"words_text": "a-1 x\na-1 y\n"}, ["words_text:2: ", "'a-1' is there twice", "line 1"]),
        (
            {"words_text": FOLDER["words_text"] + "a\0b-1 x\n"},
            ["words_text:5: ", "control characters"],
        ),
        ({"words_text": FOLDER["words_text"] + "b-1 \0x\n"}, ["words_text:5: ", r"'\x00'"]),
        (
            {"words_text": FOLDER["words_text"] + "b-1 x\n"},
            ["words_text:5: ", "'b-1' has no cost in acwt"],
        ),
        ({"acwt": FOLDER["acwt"] + "b-1 5\n"}, ["acwt:5: ", "'b-1' has no words"]),
        ({"acwt": FOLDER["acwt"] + "other-1 5\n"}, ["acwt:5: ", "'other-1' is there twice"]),
        ({"acwt": ""}, ["words_text:1: ", "'sw-02-A-10' has no cost in acwt"]),
        ({"lmwt.nolm": "sw-02-A-1\n"}, ["lmwt.nolm:1: ", "1 fields", "expected utt-N cost"]),
        ({"lmwt.nolm": "sw-02-A-1 1 2\n"}, ["lmwt.nolm:1: ", "3 fields"]),
        ({"lmwt.nolm": "sw-02-A-1 nan\n"}, ["lmwt.nolm:1: ", "'nan' is not finite"]),
        ({"lmwt.nolm": "sw-02-A-1 -Infinity\n"}, ["lmwt.nolm:1: ", "not finite"]),
        ({"lmwt.nolm": "sw-02-A-1 1e999\n"}, ["lmwt.nolm:1: ", "'1e999' is not finite"]),
        ({"lmwt.nolm": "sw-02-A-1 1_0\n"}, ["lmwt.nolm:1: ", "'1_0' is not a number"]),
        ({"lmwt.nolm": "sw-02-A-1 word\n"}, ["lmwt.nolm:1: ", "'word' is not a number"]),
        ({"lmwt.nolm": "sw-02-A-1 \u0663\n"}, ["lmwt.nolm:1: ", "is not a number"]),
        ({"lmwt.nolm.gz": ""}, ["lmwt.nolm and lmwt.nolm.gz are one file"]),
        ({"lmwt.acoustic": FOLDER["acwt"]}, ["lmwt.acoustic: ", "holds acoustic as acwt does"]),
        ({"lmwt.": FOLDER["acwt"]}, ["lmwt.: ", "score name ''"]),
        ({"lmwt.nolm~": FOLDER["acwt"]}, ["lmwt.nolm~: ", "score name 'nolm~'"]),
    ],
)
def test_a_bad_folder_is_told_with_file_and_line(
    tmp_path: Path, changes: dict[str, str], expected: list[str]
) -> None:
    folder = _folder(tmp_path / "in", {**FOLDER, **changes})
    with pytest.raises(InputError) as caught:
        read_nbest(folder)
    message = str(caught.value)
    assert str(folder) in message and "remedy: " in message
    assert all(part in message for part in expected), message
    assert len(message.splitlines()) == 1


def test_bytes_that_are_no_text_and_files_cut_short(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "in", FOLDER)
    (folder / "acwt").write_bytes(b"sw-02-A-1 1\nsw\xe9-2 1\n")
    with pytest.raises(InputError, match=r"acwt:2: byte 0xe9 is not UTF-8.*remedy: "):
        read_nbest(folder)
    (folder / "acwt").write_bytes(gzip.compress(FOLDER["acwt"].encode())[:-9])
    with pytest.raises(InputError, match=r"acwt:.*cut short"):
        read_nbest(folder)


@pytest.mark.parametrize("part", sorted(FOLDER))
@pytest.mark.parametrize("name", [None, "kaldi"])
def test_one_file_of_a_folder_is_answered_with_the_folder(
    tmp_path: Path, part: str, name: str | None
) -> None:
    folder = _folder(tmp_path / "archives.1", FOLDER)
    with pytest.raises(InputError, match=rf"{part}: is one file of .*remedy: give .*archives.1$"):
        read_nbest(folder / part, name)


def test_a_folder_of_folders_is_answered_with_one_of_them(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no words_text.*1best_recog.*remedy: give the folder that holds them"
    ):
        read_nbest(tmp_path)
    (tmp_path / "lat.1.gz").touch()
    with pytest.raises(InputError, match=r"no words_text.*remedy: give .*lat.1.gz$"):
        read_nbest(tmp_path)
    _folder(tmp_path / "archives.1", FOLDER)
    with pytest.raises(InputError, match=r"no words_text.*remedy: give .*archives.1$"):
        read_nbest(tmp_path)


@pytest.mark.parametrize("name", ["nolm", "lmonly", "x.gz"])
def test_a_score_that_would_come_back_under_another_name_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match=rf"{name}.* would be read as .*remedy: "):
        write_nbest(tmp_path / "out", [NBest("u", (Hypothesis("1", (), {name: 0.0}),))], "kaldi")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_nbest_files_is_replaced_whole(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "out", FOLDER)
    write_nbest(folder, [NBest("u", (Hypothesis("1", ("a",), {"new": -1.0}),))], "kaldi")
    assert sorted(file.name for file in folder.iterdir()) == ["lmwt.new", "words_text"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "out", {**FOLDER, "thesis.tex": "years of work"})
    with pytest.raises(InputError, match=r"holds 'thesis.tex'.*remedy: choose another place"):
        write_nbest(folder, [NBest("u", (Hypothesis("1", ("a",), {"new": -1.0}),))], "kaldi")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        **FOLDER,
        "thesis.tex": "years of work",
    }
