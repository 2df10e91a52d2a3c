"""The command `rescore` on several inputs, and on references of more than these."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import LISTS, REFERENCES, bad, good
from conftest import make_model
from tiny import nbest, write_arpa
from tiny_lattices import HTK, draw_lattices

from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.formats.parsing import ErrorCollector

pytestmark = pytest.mark.usefixtures("quick_tuning")
LM = ("--lm", "lightrnn.pt")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, lists and lattices as a whole and in parts, and references, where the
    command runs.
    """
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa")
    write_nbest("lists.jsonl", LISTS, "jsonl")
    write_nbest("part.2.jsonl", LISTS[:1], "jsonl")
    write_nbest("part.1.jsonl", LISTS[1:], "jsonl")
    Path("ref").write_text(
        "".join(f"{utterance} {words}\n" for utterance, words in REFERENCES.items())
    )
    HTK.write(Path("lats"), draw_lattices())
    for name, lattices in (("x", draw_lattices()[:2]), ("y", draw_lattices()[2:])):
        HTK.write(Path(name), lattices)
    Path("lattice-ref").write_text("".join(f"u{number} the cat sat\n" for number in range(9)))
    return tmp_path


@pytest.mark.parametrize("tuned", [False, True])
def test_parts_are_as_the_whole(here: Path, tuned: bool) -> None:
    tune = ("--tune", "ref", "--weights", "w.json") if tuned else ()
    for out, inputs in (("whole", ["lists.jsonl"]), ("parts", ["part.2.jsonl", "part.1.jsonl"])):
        if tuned:
            Path("w.json").unlink(missing_ok=True)
        good(*inputs, *LM, *tune, "--nbest-output", f"{out}.jsonl", "--output", out)
    assert Path("parts").read_text() == Path("whole").read_text()
    assert Path("parts.jsonl").read_text() == Path("whole.jsonl").read_text()
    good("part.1.jsonl", "part.2.jsonl", *LM, "--output", "turned")
    assert [line.split()[0] for line in Path("turned").read_text().splitlines()] == [
        "a-2",
        "b-1",
        "a-1",
    ]


@pytest.mark.parametrize("tuned", [False, True])
def test_lattices_in_parts_are_as_the_whole(here: Path, tuned: bool) -> None:
    for out, inputs in (("whole", ["lats"]), ("parts", ["x", "y"])):
        weights = ("--tune", "lattice-ref", "--weights", f"{out}.json") if tuned else ()
        result = good(*inputs, *LM, *weights, "--lattice-output", f"{out}.lats", "--output", out)
        assert ("3 of its 9 references have no hypotheses here" in result.stderr) == tuned
    assert Path("parts").read_text() == Path("whole").read_text()
    names = [each.utterance for each in HTK.read(Path("parts.lats"), None, ErrorCollector())]
    assert names == [f"u{number}" for number in range(6)]


def test_the_files_of_a_shells_pattern(here: Path) -> None:
    files = sorted(Path("lats").iterdir())
    assert len(files) == 6
    assert good(*files, *LM).stdout == good("lats", *LM).stdout


def test_an_utterance_in_two_files_names_both(here: Path) -> None:
    line = bad("lists.jsonl", "part.1.jsonl", *LM)
    assert line.startswith("error: part.1.jsonl: utterance 'a-2' is in lists.jsonl, too"), line
    line = bad("x", "lats", *LM, "--output", "best")
    assert line.startswith("error: lats: utterance 'u0' is in x, too"), line
    result = good("x", "lats", *LM, "--skip-bad", "--output", "best")
    assert "2 utterances cannot be used" in result.stderr
    assert len(Path("best").read_text().splitlines()) == 6


def test_inputs_of_two_kinds_name_both(here: Path) -> None:
    write_nbest("other.txt", [nbest("z", ("cat", -1.0))], "text")
    line = bad("lists.jsonl", "other.txt", *LM)
    assert line.startswith("error: other.txt: is text; expected jsonl, as lists.jsonl is"), line
    line = bad("lists.jsonl", "lats", *LM)
    assert line.startswith("error: lats: is htk; expected n-best lists, as lists.jsonl is"), line
    line = bad("lats", "lists.jsonl", *LM)
    assert line.startswith("error: lists.jsonl: is no lattices; expected htk, as lats is"), line
    write_nbest("named.jsonl", [nbest("z", ("cat", {"am": -1.0}))], "jsonl")
    line = bad("lists.jsonl", "named.jsonl", *LM)
    assert line.startswith(
        "error: named.jsonl: scores 'am'; expected 'first_pass' as in lists.jsonl"
    ), line


@pytest.mark.parametrize("option", ["--ref", "--tune"])
def test_references_of_more_utterances_are_counted_and_skipped(here: Path, option: str) -> None:
    weights = ("--weights", "w.json") if option == "--tune" else ()
    plain = good("lists.jsonl", *LM, option, "ref", *weights, "--wer-output", "plain.json")
    Path("w.json").unlink(missing_ok=True)
    with Path("ref").open("a") as file:
        file.write("c-1 other words\nd-1 more\n")
    result = good("lists.jsonl", *LM, option, "ref", *weights, "--wer-output", "more.json")
    assert (
        "ref: 2 of its 5 references have no hypotheses here, the first is c-1: skipped\n"
        in result.stderr
    )
    assert (
        result.stdout == plain.stdout
        and Path("more.json").read_text() == Path("plain.json").read_text()
    )
    write_nbest("other.jsonl", [nbest("z-9", ("cat", -1.0))], "jsonl")
    Path("w.json").unlink(missing_ok=True)
    assert "1 utterance without a reference" in bad(
        "lists.jsonl", "other.jsonl", *LM, option, "ref", *weights
    )


def test_kaldis_folders_in_parts(here: Path) -> None:
    write_nbest("archives.1", LISTS[:1], "kaldi")
    write_nbest("archives.2", LISTS[1:], "kaldi")
    good("archives.2", "archives.1", *LM, "--nbest-output", "out", "--output", "best")
    keys = [line.split()[0] for line in Path("out/words_text").read_text().splitlines()]
    assert keys == ["a-2-1", "a-2-2", "b-1-1", "a-1-1", "a-1-2", "a-1-3"]
    assert [each.utterance for each in read_nbest("out").lists] == ["a-2", "b-1", "a-1"]
