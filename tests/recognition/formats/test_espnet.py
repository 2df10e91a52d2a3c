"""ESPnet2's decode folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from refusals import refusal

from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import FIRST_PASS, RANK, Hypothesis, NBest

FILES = {
    "1best_recog/text": "a he can\nb yes\n",
    "1best_recog/score": "a tensor(-1.5)\nb tensor(-2., device='cuda:0')\n",
    "2best_recog/text": "a he\n",
    "2best_recog/score": "a -3\n",
}


def _folder(path: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


@pytest.mark.parametrize("place", ["", "output.1/", "logdir/output.1/"])
def test_jobs_are_found_below(tmp_path: Path, place: str) -> None:
    _folder(tmp_path, {place + name: content for name, content in FILES.items()})
    if place:
        more = {"1best_recog/text": "c no\n", "1best_recog/score": "c tensor(0.)\n"}
        for job in ("10", "2"):
            renamed = {n: text.replace("c", f"c{job}") for n, text in more.items()}
            _folder(tmp_path / place.replace("1", job), renamed)
    file = read_nbest(tmp_path)
    assert file.format == "espnet"
    assert file.lists[:2] == (
        NBest(
            "a",
            (
                Hypothesis("1", ("he", "can"), {FIRST_PASS: -1.5}),
                Hypothesis("2", ("he",), {FIRST_PASS: -3.0}),
            ),
        ),
        NBest("b", (Hypothesis("1", ("yes",), {FIRST_PASS: -2.0}),)),
    )
    assert [each.utterance for each in file.lists[2:]] == (["c2", "c10"] if place else [])


def test_without_scores_the_rank_is_the_score(tmp_path: Path) -> None:
    texts = {name: text for name, text in FILES.items() if name.endswith("text")}
    first, _ = read_nbest(_folder(tmp_path, texts)).lists
    assert [h.scores for h in first.hypotheses] == [{RANK: 0.0}, {RANK: -1.0}]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("1best_recog/score", "a 1\nc 1\n", ["score:2: 'c' has no text in", "same ids in both"]),
        ("1best_recog/score", "a 1\n", ["text:2: 'b' has no score in", "same ids in both"]),
        ("1best_recog/score", "a 1\na 1\n", ["score:2: utterance 'a' is there twice"]),
        ("1best_recog/score", "a 1\nb tensor(nan)\n", ["score:2: ", "not finite"]),
        ("1best_recog/score", "a 1\nb tensor([1.])\n", ["score:2: '[1.]' is not a number"]),
        ("1best_recog/score", "a 1\nb\n", ["score:2: '' is not a number"]),
        ("1best_recog/text", "a x\na y\n", ["text:2: utterance 'a' is there twice"]),
        ("1best_recog/text", "b x\n", ["score:1: 'a' has no text"]),
        ("3best_recog/text", "b x\n", ["text:1: 'b' has no hypothesis 2"]),
        ("output.1/x", "", []),
    ],
)
def test_what_does_not_fit_is_told(
    tmp_path: Path, name: str, content: str, parts: list[str]
) -> None:
    _folder(tmp_path, {**FILES, name: content})
    if parts:
        refusal(lambda: read_nbest(tmp_path), *parts)
    else:
        assert len(read_nbest(tmp_path).lists) == 2


def test_without_the_best_hypotheses_nothing_is_read(tmp_path: Path) -> None:
    _folder(tmp_path, {"output.1/2best_recog/text": "a x\n"})
    refusal(lambda: read_nbest(tmp_path), "output.1: there is no 1best_recog")
    (tmp_path / "in").write_text('{"a": {"hyp_1": {"text": "x", "score": 1}}}')
    refusal(lambda: read_nbest(tmp_path / "in", "espnet"), "--format mlm-scoring")


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    lists = [NBest("a", (Hypothesis("1", ("x",), {FIRST_PASS: -1.0}),))]
    for _ in range(2):
        write_nbest(tmp_path / "out", lists, "espnet")
    assert (tmp_path / "out/1best_recog/score").read_text() == "a tensor(-1.0)\n"
    (tmp_path / "out/1best_recog/token").touch()
    refusal(lambda: write_nbest(tmp_path / "out", lists, "espnet"), "holds '1best_recog'")
