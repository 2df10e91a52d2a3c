"""The command `rescore` on lattices: its outputs, and one line for every error of a user."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import bad, good
from conftest import make_model
from tiny import KNOWN, nbest, write_arpa
from tiny_lattices import HTK, all_paths, draw_lattices, random_lattice, words_of

from rescorer.models.loading import load
from rescorer.recognition.formats import LATTICE_FORMATS, read_nbest, write_nbest
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.nbest import ACOUSTIC, BIAS, FIRST_LM
from rescorer.rescoring.lattice import rescore_lattices
from rescorer.rescoring.weights import TunedWeights

LM = ("--lm", "lightrnn.pt", "--ngram", "ngram.arpa")


pytestmark = pytest.mark.usefixtures("quick_tuning")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models, a folder of lattices and references, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa")
    HTK.write(Path("lats"), draw_lattices())
    Path("ref").write_text("".join(f"u{number} the cat sat\n" for number in range(6)))
    return tmp_path


def lines(path: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in Path(path).read_text().splitlines()}


def from_python() -> dict[str, list[str]]:
    models = [load("lightrnn.pt"), load("ngram.arpa")]
    lattices = HTK.read(Path("lats"), None, ErrorCollector())
    return {
        each.lattice.utterance: list(each.best()) for each in rescore_lattices(lattices, models)
    }


def test_words_are_those_of_python(here: Path) -> None:
    assert good("lats", *LM, "--output", "best").stdout == ""
    assert lines("best") == from_python()
    assert good("lats", *LM).stdout == Path("best").read_text()


def test_expected_words_are_worth_more(here: Path) -> None:
    """Those of Python, with the weights that the command tuned; the lattices written hold what they
    are worth. `strange` sounds like nothing else here.
    """
    Path("names").write_text("strange\n")
    names = ("--names", "names", "--sound-bound", "0", "--sound-bound-per-phone", "0")
    exact = ("--order", "0", "--beam", "inf", "--max-histories", "0")
    good("lats", *LM, *names, "--tune", "ref", "--weights", "w.json", "--output", "dev")
    good("lats", *LM, *names, "--weights", "w.json", "--output", "best", "--lattice-output", "out")
    assert Path("best").read_text() == Path("dev").read_text()
    weights = TunedWeights.load("w.json")
    assert BIAS in weights.weights.scales
    great = replace(weights.weights, scales={**weights.weights.scales, BIAS: 90.0})
    replace(weights, weights=great).save("v.json")
    good("lats", *LM, *names, *exact, "--weights", "v.json", "--output", "great")
    most = {
        each.utterance: max(
            sum(word == "strange" for word in words_of(each, path)) for path in all_paths(each)
        )
        for each in HTK.read(Path("lats"), None, ErrorCollector())
    }
    assert any(most.values())
    assert {name: words.count("strange") for name, words in lines("great").items()} == most
    assert len(list(HTK.read(Path("out"), None, ErrorCollector()))) == 6


def test_everything_that_can_be_written(here: Path) -> None:
    good(
        "lats",
        *LM,
        "--output",
        "best",
        "--lattice-output",
        "out",
        "--nbest-output",
        "nbest.jsonl",
        "--nbest",
        "5",
        "--confidence-output",
        "confidences",
        "--oov-report",
        "oov",
        "--ref",
        "ref",
        "--wer-output",
        "wer.json",
    )
    rescored = {each.utterance: each for each in HTK.read(Path("out"), None, ErrorCollector())}
    assert set(rescored) == set(lines("best")) == set(lines("ref"))
    for nbest_list in read_nbest("nbest.jsonl").lists:
        best = nbest_list.hypotheses[0]
        assert (
            list(best.words) == lines("best")[nbest_list.utterance]
            and 1 <= len(nbest_list.hypotheses) <= 5
        )
        assert set(best.scores) == {ACOUSTIC, FIRST_LM, "lightrnn", "ngram", "lm", "total"}
    confidences = [json.loads(line) for line in Path("confidences").read_text().splitlines()]
    assert [each["id"] for each in confidences] == list(lines("best"))
    assert all(len(each["text"].split()) == len(each["confidences"]) for each in confidences)
    assert "\tstrange\t" in Path("oov").read_text()
    report = json.loads(Path("wer.json").read_text())
    assert set(report["rows"]) == {
        "first pass",
        "oracle",
        "rescored",
        "rescored, minimum Bayes risk",
    }
    assert report["rows"]["oracle"]["errors"] <= report["rows"]["rescored"]["errors"]


def test_compact_lattices_and_alignments_of_kaldis(here: Path) -> None:
    """Two alignments of "the cat": the better one stays, with its transition ids."""
    Path("words.txt").write_text("<eps> 0\nthe 1\ncat 2\n")
    Path("lat.1.txt").write_text(
        "one \n0 1 1 1,10,1_1\n0 2 1 1,12,1\n1 3 2 1,9,3\n2 3 2 1,9,3_3\n3 0,0,4\n\n"
    )
    options = ("lat.1.txt", "--format", "kaldi-lattice", "--lm", "lightrnn.pt")
    for flags, arcs in (((), 5), (("--compact",), 3)):
        good(
            *options,
            *flags,
            "--output",
            "best",
            "--lattice-output",
            "out.txt",
            "--nbest-output",
            "nbest",
        )
        (lattice,) = LATTICE_FORMATS["kaldi-lattice"].read(
            Path("out.txt"), Path("words.txt"), ErrorCollector()
        )
        assert lattice.arcs == arcs and lines("best") == {"one": ["the", "cat"]}
        assert gzip.decompress(Path("nbest/ali.gz").read_bytes()) == b"one-1 1 1 3 4\n"


def test_rescored_lattices_hold_the_new_totals(here: Path) -> None:
    """Read by a first pass that knows nothing of the model, the best path is the rescored one."""
    good("lats", *LM, "--output", "best", "--lattice-output", "out")
    model = make_model()
    Path("mute.json").write_text(
        json.dumps(
            {
                name: {
                    "scales": {ACOUSTIC: 0.1, FIRST_LM: 1.0},
                    "lm_scale": 0.0,
                    "mixture": {model.name: 1.0},
                }
                for name in ("weights", "first_pass")
            }
        )
    )
    good(
        "out", "--lm", "lightrnn.pt", "--weights", "mute.json", "--beam", "inf", "--output", "again"
    )
    assert lines("again") == lines("best")


def test_a_folder_of_kaldis_without_a_suffix(here: Path) -> None:
    good("lats", *LM, "--nbest-output", "archives", "--nbest", "3", "--output", "best")
    assert read_nbest("archives").format == "kaldi" and Path("archives/words_text").is_file()


def test_mbr_writes_the_minimum_bayes_risk_words(here: Path) -> None:
    good(
        "lats",
        *LM,
        "--mbr",
        "--output",
        "safe",
        "--confidence-output",
        "confidences",
        "--ref",
        "ref",
    )
    texts = [json.loads(line) for line in Path("confidences").read_text().splitlines()]
    assert lines("safe") == {each["id"]: each["text"].split() for each in texts}


def test_tune_then_apply(here: Path) -> None:
    result = good("lats", *LM, "--tune", "ref", "--weights", "w.json", "--output", "dev")
    assert "WER first pass, tuned word penalty" in result.stderr
    weights = TunedWeights.load("w.json")
    assert set(weights.weights.scales) == {ACOUSTIC, FIRST_LM}
    assert set(weights.weights.mixture) == {"lightrnn", "ngram"}
    good("lats", *LM, "--weights", "w.json", "--output", "test")
    assert lines("test") == lines("dev")


def test_the_old_model_can_be_dropped(here: Path) -> None:
    good("lats", *LM, "--old-lm", "drop", "--output", "best", "--nbest-output", "n.jsonl")
    assert set(read_nbest("n.jsonl").lists[0].score_names) == {
        ACOUSTIC,
        "lightrnn",
        "ngram",
        "lm",
        "total",
    }
    good("lats", *LM, "--old-lm", "drop", "--tune", "ref", "--weights", "w.json", "--output", "dev")
    assert set(TunedWeights.load("w.json").weights.scales) == {ACOUSTIC}
    message = bad("lats", *LM, "--weights", "w.json", "--output", "test", "--ref", "ref")
    assert (
        "utterance 'u0': the scores here are acoustic, first_lm, the weights are for acoustic"
        in message
    )


def test_only_some_utterances(here: Path) -> None:
    Path("two").write_text("u1 whatever\nu4\n")
    good("lats", *LM, "--utterances", "two", "--output", "best")
    assert list(lines("best")) == ["u1", "u4"]
    Path("none").write_text("other\n")
    assert "none of the utterances of none" in bad("lats", *LM, "--utterances", "none")
    write_nbest(
        "lists.jsonl", [nbest("u1", ("the cat", 0.0)), nbest("u2", ("a dog", 0.0))], "jsonl"
    )
    assert (
        good("lists.jsonl", "--lm", "lightrnn.pt", "--utterances", "two").stdout == "u1 the cat\n"
    )


def test_bad_lattices_end_the_command_or_are_skipped(here: Path) -> None:
    good("lats", *LM, "--output", "whole")
    Path("lats/u2.slf").write_text("VERSION=1.0\nN=2 L=1\nI=0\nI=1\nJ=0 S=0 E=7 W=cat a=1\n")
    Path("lats/u4.slf").write_text("VERSION=1.0\nN=2 L=1\nI=0\nI=1\nJ=0 S=0 E=1 W=cat a=nan\n")
    assert "u2.slf:5" in bad("lats", *LM, "--lattice-output", "out", "--output", "best")
    result = good(
        "lats", *LM, "--skip-bad", "--output", "best", "--lattice-output", "out", "--ref", "ref"
    )
    assert "2 utterances cannot be used" in result.stderr
    assert "u2.slf:5" in result.stderr and "u4.slf:5" in result.stderr
    assert {
        name: words for name, words in lines("whole").items() if name not in ("u2", "u4")
    } == lines("best")


def test_lattices_without_a_path_are_reported(here: Path) -> None:
    Path("lats/v.slf").write_text(
        "VERSION=1.0\nstart=0 end=2\nN=3 L=1\nI=0\nI=1\nI=2\nJ=0 S=0 E=1 W=cat a=1 l=2\n"
    )
    result = good("lats", *LM, "--output", "best", "--lattice-output", "out")
    assert "1 of 7 lattices have no path" in result.stderr and lines("best")["v"] == []
    assert "lead to no end or come from no start" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lats"], "no language model"),
        (["lats", *LM, "--order", "-1"], "--order -1; expected at least 0"),
        (["lats", *LM, "--beam", "0"], "--beam 0; expected more than 0"),
        (["lats", *LM, "--max-histories", "-1"], "--max-histories -1; expected at least 0"),
        (["lats", *LM, "--tune", "ref"], "--tune without --weights"),
        (["lats", *LM, "--ref", "short"], "utterances without a reference, the first is u1"),
        (["lists.jsonl", *LM, "--order", "3"], "--order is for lattices"),
        (["lists.jsonl", *LM, "--skip-bad"], "--skip-bad is for lattices"),
        (["upper", *LM], "knows none of the"),
        (["empty", *LM], "empty"),
    ],
)
def test_bad_options(
    here: Path, no_english_model: None, arguments: list[str], expected: str
) -> None:
    Path("short").write_text("u0 the cat\n")
    Path("empty").touch()
    write_nbest("lists.jsonl", [nbest("u1", ("the cat", 0.0))], "jsonl")
    Path("upper").mkdir()
    Path("upper/a.slf").write_text("VERSION=1.0\nN=2 L=1\nI=0\nI=1\nJ=0 S=0 E=1 W=CAT a=1\n")
    assert expected in bad(*arguments)


def test_too_little_memory_is_reported(here: Path) -> None:
    big = random_lattice(np.random.default_rng(0), 60, 900, KNOWN)
    HTK.write(Path("big"), [replace(big, utterance="u", scores={ACOUSTIC: big.scores["score"]})])
    message = bad(
        "big", *LM, "--memory", "1", "--beam", "inf", "--max-histories", "0", "--order", "0"
    )
    assert "'u'" in message and "1 MiB" in message and "--max-histories" in message
