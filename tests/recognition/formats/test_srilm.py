"""SRILM's lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, FIRST_PASS, Hypothesis, NBest

WORD = "he ( st: 0.0 et: 0.2 g: -30 a: -400 )"


def _list(name: str, *scores: dict[str, float]) -> NBest:
    return NBest(
        name, tuple(Hypothesis(str(n), ("he",) * n, each) for n, each in enumerate(scores, start=1))
    )


@pytest.mark.parametrize(
    ("scores", "first"),
    [
        ({FIRST_PASS: -1.5}, "NBestList1.0"),
        ({ACOUSTIC: -100.0, FIRST_LM: -2.5}, "-43.42944819032518 -1.0857362047581294 1 he"),
    ],
)
def test_a_folder_is_written_and_read_back(
    tmp_path: Path, scores: dict[str, float], first: str
) -> None:
    lists = [_list("a.x-1", scores, scores), _list("b", scores)]
    for _ in range(2):
        write_nbest(tmp_path / "out", lists, "srilm")
    assert (tmp_path / "out/a.x-1").read_text().splitlines()[0] == first
    back = read_nbest(tmp_path / "out").lists
    assert [each.utterance for each in back] == ["a.x-1", "b"]
    for one, other in zip(back, lists, strict=True):
        assert [h.words for h in one.hypotheses] == [h.words for h in other.hypotheses]
        assert one.hypotheses[0].scores == pytest.approx(scores)
    (tmp_path / "out/notes").write_text("x\n")
    refusal(lambda: write_nbest(tmp_path / "out", lists, "srilm"), "other things")


@pytest.mark.parametrize("name", ["a.gz", "x/y", ".a", "a.nbest"])
def test_an_utterance_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    lists = [_list(name, {FIRST_PASS: 0.0})]
    refusal(lambda: write_nbest(tmp_path / "out", lists, "srilm"), f"utterance '{name}'")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("NBestList1.0\n(-1) he\n-2 he\n", [":3: '-2' at its begin", "(score)"]),
        ("NBestList1.0\n(x) he\n", [":2: 'x' is not a number"]),
        ("NBestList1.0\n(-inf) he\n", [":2: ", "not finite"]),
        ("NBestList1.0\n", ["the file is empty"]),
        (f"NBestList2.0\n(-1) {WORD} he\n", [":2: 12 fields after the score", "11 for each word"]),
        ("NBestList2.0\n(-1) " + WORD.replace("-400", "x"), [":2: 'x' is not a number"]),
        ("-1.5 -2.5 1 he\n-1.5 he\n", [":2: '-1.5 he' at its begin", "number of words"]),
        ("-1.5 -2.5 1 he\n-1.5 x 1 he\n", [":2: 'x' is not a number"]),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, content: str, parts: list[str]) -> None:
    (tmp_path / "utt").write_text(content)
    refusal(lambda: read_nbest(tmp_path / "utt", "srilm"), str(tmp_path / "utt"), *parts)


@pytest.mark.parametrize(
    ("content", "format"),
    [
        ("-1.5 -2.5 3 -pau- he can see\n", "srilm"),
        ("-1.5 -2.5 4 -pau- he can see\n", "srilm"),
        ("0 -2.5 0\n", "srilm"),
        ("-1.5 -2.5 9 he can see\n", None),  # another number of words
        ("5 12 3 1 2 3\n", None),  # ids of word pieces
    ],
)
def test_three_numbers_are_lists_where_the_third_counts_the_words(
    tmp_path: Path, content: str, format: str | None
) -> None:
    (tmp_path / "utt").write_text(content)
    if format:
        assert read_nbest(tmp_path / "utt").format == format
    else:
        refusal(lambda: read_nbest(tmp_path / "utt"), "not known by its content")
