"""The command `rescore`: its reports as a page and as a table, the style of words, pictures."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
from commands import bad, good
from conftest import make_model
from page_data import block
from tiny import nbest, write_arpa
from tiny_lattices import HTK, draw_lattices

from rescorer.recognition.formats import write_nbest

LM = ("--lm", "lightrnn.pt")
PAGE = ("--report", "page.html", "--output", "best")
LISTS = [
    nbest("one", ("The cat ran.", -1.0), ("the mat ran", -1.5)),
    nbest("two", ("a dog sat", -1.0), ("a dog ran", -2.0)),
    nbest("three", ("20 cats", -1.0), ("a cat sat", -4.0)),
]
REFERENCES = "one the cat ran\ntwo a dog ran\nthree twenty cats\n"

pytestmark = pytest.mark.usefixtures("quick_tuning")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, lists, lattices and references, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_nbest("lists.jsonl", LISTS, "jsonl")
    Path("ref").write_text(REFERENCES)
    HTK.write(Path("lats"), draw_lattices())
    Path("lats.ref").write_text("".join(f"u{number} the cat sat\n" for number in range(6)))
    return tmp_path


def rows(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def report_lines(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("WER")]


def test_page_and_table_of_lists(here: Path) -> None:
    given = ("--ref", "ref", "--words", "words", "--utterance-output", "table.tsv")
    Path("words").write_text("cat\n")
    result = good("lists.jsonl", *LM, *given, *PAGE, "--wer-output", "wer.json")
    data, lists = block(Path("page.html"), "data"), block(Path("page.html"), "lists-0")
    rates = json.loads(Path("wer.json").read_text())["rows"]
    assert {rate["name"]: rate["errors"] for rate in data["rates"]} == {
        name: rate["errors"] for name, rate in rates.items()
    }
    assert data["title"] == "lists.jsonl" and data["utterances"] == ["one", "two", "three"]
    assert data["verdict"] in result.stderr and data["curves"] == [] and data["replaced"] == {}
    assert [len(hypotheses) for hypotheses in lists] == [2, 2, 2]
    assert {"first_pass", "lightrnn", "total"} <= set(lists[0][0][5])
    table = rows("table.tsv")
    for row, side in (("first pass", "before"), ("rescored", "after")):
        assert sum(int(each[f"errors_{side}"]) for each in table) == rates[row]["errors"]
    assert [each["listed_words"] for each in table] == ["1", "0", "0"]


def test_the_page_of_tuning_has_curves(here: Path) -> None:
    write_arpa(here / "ngram.arpa")
    given = ("--ngram", "ngram.arpa", "--tune", "ref", "--weights", "w.json")
    good("lists.jsonl", *LM, *given, *PAGE)
    chosen = json.loads(Path("w.json").read_text())["weights"]
    curves = {curve["name"]: curve for curve in block(Path("page.html"), "data")["curves"]}
    assert curves["lm_scale"]["chosen"] == chosen["lm_scale"]
    assert all(curve["chosen"] in curve["values"] for curve in curves.values())
    assert len({round(curve["percent"], 6) for curve in curves.values()}) == 1
    (rescored,) = (
        rate for rate in block(Path("page.html"), "data")["rates"] if rate["name"] == "rescored"
    )
    assert curves["lm_scale"]["percent"] == pytest.approx(rescored["percent"])


@pytest.mark.parametrize("tuned", [False, True])
def test_page_of_lattices(here: Path, tuned: bool) -> None:
    given = ("--tune", "lats.ref", "--weights", "w.json") if tuned else ("--ref", "lats.ref")
    good("lats", *LM, *given, *PAGE, "--utterance-output", "t.tsv")
    data, lists = block(Path("page.html"), "data"), block(Path("page.html"), "lists-0")
    assert len(data["utterances"]) == len(lists) == len(rows("t.tsv")) == 6
    best = dict(line.split(maxsplit=1) for line in Path("best").read_text().splitlines())
    for utterance, hypotheses in zip(data["utterances"], lists, strict=True):
        assert hypotheses[0][4] == best[utterance].strip()
    assert bool(data["curves"]) == tuned


def test_names_are_marked(here: Path) -> None:
    Path("names").write_text("kat\tweight=3\n")
    Path("ref").write_text("one the kat ran\ntwo a dog ran\nthree twenty cats\n")
    good("lists.jsonl", *LM, "--names", "names", "--ref", "ref", "--changes", "c.tsv", *PAGE)
    (change,) = (row for row in rows("c.tsv") if row["utterance"] == "one")
    (begin, length, written), *_ = block(Path("page.html"), "data")["replaced"]["0"]
    assert Path("best").read_text().split("\n")[0].split()[1:][begin] == "kat" == change["became"]
    assert (length, written) == (1, change["written"])


def test_words_that_differ_by_case_or_punctuation_alone(here: Path) -> None:
    plain = good("lists.jsonl", *LM, "--ref", "ref", "--utterance-output", "t.tsv")
    assert "2 of the " in plain.stderr and "case or punctuation alone" in plain.stderr
    spoken = good("lists.jsonl", *LM, "--ref", "ref", "--normalise", "spoken", *PAGE)
    assert "case or punctuation" not in spoken.stderr
    assert "errors are counted with --normalise spoken" in spoken.stderr
    assert report_lines(plain.stderr)[0].split() != report_lines(spoken.stderr)[0].split()
    assert "(1 of 8 words)" in report_lines(spoken.stderr)[0], "the first pass: sat for ran"
    assert Path("best").read_text() == plain.stdout, "the output is as it was"
    assert [rate["errors"] for rate in block(Path("page.html"), "data")["rates"]][:2] == [1, 0]


def test_weights_are_tuned_in_one_style(here: Path) -> None:
    """As written, the shorter hypothesis has fewer errors: a word penalty finds it."""
    pairs = [("The Cat Ran!", "the cat"), ("A Dog Ran!", "a dog"), ("The Mat Sat!", "the mat")]
    lists = [nbest(one.split()[1], (one, -1.0), (other, -1.5)) for one, other in pairs]
    write_nbest("lists.jsonl", lists, "jsonl")
    Path("ref").write_text("Cat the cat ran\nDog a dog ran\nMat the mat sat\n")
    tune = ("lists.jsonl", *LM, "--tune", "ref", "--weights", "w.json")
    for style, place in (("none", 1), ("spoken", 0)):
        best = good(*tune, "--normalise", style).stdout.splitlines()
        assert [line.split(maxsplit=1)[1] for line in best] == [pair[place] for pair in pairs]


def test_whisper_without_its_package(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", None)
    line = bad("lists.jsonl", *LM, "--ref", "ref", "--normalise", "whisper")
    assert "whisper_normalizer is not installed" in line and "pip install" in line


@pytest.mark.parametrize("option", ["--report", "--utterance-output"])
def test_reports_need_references(here: Path, option: str) -> None:
    assert f"{option} without --ref" in bad("lists.jsonl", *LM, option, "out")


@pytest.mark.skipif(
    shutil.which("dot") is None, reason="no Graphviz here: apt-get install graphviz"
)
def test_a_lattice_is_drawn_before_and_after(here: Path) -> None:
    pytest.importorskip("graphviz", reason="not installed: pip install graphviz")
    good("lats", *LM, "--draw", "u2.svg", "--output", "best")
    best = Path("best").read_text().splitlines()[2].removeprefix("u2 ")
    picture = Path("u2.svg").read_text()
    assert ">before: " in picture and f">after: {best}" in picture
    line = bad("lats", *LM, "--draw", "absent.svg", "--output", "other")
    assert "no lattice of an utterance 'absent'" in line


def test_lists_are_not_drawn(here: Path) -> None:
    assert "--draw is for lattices" in bad("lists.jsonl", *LM, "--draw", "one.svg")
