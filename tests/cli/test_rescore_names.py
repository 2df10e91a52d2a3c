"""The command `rescore` with expected names, from lists and lattices to all outputs."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import bad, good
from conftest import make_model
from tiny import nbest, write_arpa
from tiny_lattices import HTK, all_paths, make_lattice, words_of

from rescorer.pronunciation.confusions import uniform_confusions
from rescorer.pronunciation.confusions_file import save_confusions
from rescorer.pronunciation.phones import PhoneSet
from rescorer.recognition.formats import LATTICE_FORMATS, read_nbest, write_nbest
from rescorer.recognition.formats.parsing import ErrorCollector
from rescorer.recognition.nbest import ACOUSTIC, BIAS, FIRST_LM, REPLACED, SOUND, SPELLING
from rescorer.rescoring.weights import TunedWeights

LM = ("--lm", "lightrnn.pt")
OF_NAMES = {SOUND, SPELLING, REPLACED, BIAS}
# As written; said: "the kat ran", "a dawg sat", "the cat sat".
LISTS = [
    nbest("one", ("the cat ran", -1.0), ("the mat ran", -1.5)),
    nbest("two", ("a dog sat", -1.0), ("a dog ran", -2.0)),
    nbest("three", ("the cat sat", -1.0), ("a cat sat", -4.0)),
]
REFERENCES = "one the kat ran\ntwo a dawg sat\nthree the cat sat\n"

pytestmark = pytest.mark.usefixtures("quick_tuning")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, lists, lattices, references and names, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_nbest("lists.jsonl", LISTS, "jsonl")
    Path("ref").write_text(REFERENCES)
    Path("names").write_text("kat\tclass=pet\tweight=3\ndawg\nbudapest\n")
    Path("by").write_text("one\tkat\ntwo\tdawg\tbudapest\nthree\n")
    HTK.write(Path("lats"), [_lattice("one", "cat", "mat"), _lattice("two", "dog", "log")])
    Path("words.txt").write_text("<eps> 0\nthe 1\ncat 2\nran 3\n")
    Path("lat.1.txt").write_text("one \n0 1 1 1,10,1_1\n1 2 2 1,9,3\n2 3 3 1,4,2\n3 0,0,4\n\n")
    return tmp_path


def _lattice(utterance, *animals):
    arcs = [(0, 1, "the"), *((1, 2, animal) for animal in animals), (2, 3, "ran")]
    made = make_lattice(arcs, [3])
    acoustic = np.where(made.ends, 0.0, -20.0 - np.arange(made.arcs))
    return replace(
        made, utterance=utterance, scores={ACOUSTIC: acoustic, FIRST_LM: np.zeros(made.arcs)}
    )


def lines(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def table(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_names_that_no_list_holds_are_brought_in(here: Path) -> None:
    result = good(
        "lists.jsonl", *LM, "--names-by-utterance", "by", "--changes", "changes", "--ref", "ref"
    )
    assert lines(result.stdout) == lines(REFERENCES)
    assert "names replaced what was written in 2 places of 2 utterances\n" in result.stderr
    assert "count by rule of thumb" in result.stderr
    first, second = table("changes")
    assert (first["utterance"], first["written"], first["became"]) == ("one", "cat", "kat")
    assert (second["written"], second["became"], second["class"]) == ("dog", "dawg", "")
    for row in (first, second):
        parts = [float(value) for name, value in list(row.items())[5:]]
        assert sum(parts) == pytest.approx(float(row["total"]), abs=0.01) and sum(parts) > 0


def test_names_of_all_utterances(here: Path) -> None:
    result = good("lists.jsonl", *LM, "--names", "names", "--changes", "changes")
    found = lines(result.stdout)
    assert found["one"] == ["the", "kat", "ran"] and found["two"][:2] == ["a", "dawg"]
    assert {row["class"] for row in table("changes") if row["became"] == "kat"} == {"pet"}


def test_without_names_nothing_changes(here: Path) -> None:
    plain = good("lists.jsonl", *LM)
    assert "kat" not in plain.stdout and "names" not in plain.stderr


@pytest.mark.parametrize("format", ["jsonl", "kaldi", "mlm-scoring", "hyporadise", "text"])
def test_lists_are_written_in_their_own_format(here: Path, format: str) -> None:
    write_nbest("given", LISTS, format)
    utterances = [each.utterance for each in read_nbest("given", format).lists]
    Path("names").write_text("kat\t\ndawg\n")
    result = good(
        "given",
        "--format",
        format,
        *LM,
        "--names",
        "names",
        "--nbest-output",
        "out",
        "--output",
        "b",
    )
    assert result.stdout == ""
    again = read_nbest("out", format)
    assert sorted(each.utterance for each in again.lists) == sorted(utterances)
    assert any("kat" in each.words for found in again.lists for each in found.hypotheses)
    best = lines(Path("b").read_text())
    for each in read_nbest("out", format).lists:
        words = {hypothesis.words for hypothesis in each.hypotheses}
        assert tuple(best[each.utterance]) in words
        assert len(words) == len(each.hypotheses)


def test_lists_with_all_scores(here: Path) -> None:
    good("lists.jsonl", *LM, "--names", "names", "--nbest-output", "out.jsonl", "--output", "best")
    for each in read_nbest("out.jsonl").lists:
        for hypothesis in each.hypotheses:
            assert {"first_pass", "lightrnn", "lm", "total", *OF_NAMES} == set(hypothesis.scores)
            assert hypothesis.scores[REPLACED] >= 0 >= hypothesis.scores[SOUND]
            bias = 3 * hypothesis.words.count("kat") + hypothesis.words.count("dawg")
            assert hypothesis.scores[BIAS] == bias
        totals = [hypothesis.scores["total"] for hypothesis in each.hypotheses]
        assert totals == sorted(totals, reverse=True)


def test_one_best_without_scores(here: Path) -> None:
    Path("best").mkdir()
    Path("best/words_text").write_text("one-1 the cat ran\ntwo-1 a dog sat\n")
    result = good("best", *LM, "--names-by-utterance", "by")
    assert lines(result.stdout) == {"one": ["the", "kat", "ran"], "two": ["a", "dawg", "sat"]}
    assert "these lists have no scores" in result.stderr


def test_weights_are_tuned_and_used_on_others(here: Path) -> None:
    options = (*LM, "--names-by-utterance", "by")
    tuned = good("lists.jsonl", *options, "--tune", "ref", "--weights", "w.json", "--output", "dev")
    assert lines(Path("dev").read_text()) == lines(REFERENCES), tuned.stderr
    weights = TunedWeights.load("w.json").weights
    assert set(weights.scales) == {"first_pass", *OF_NAMES}
    write_nbest("test.jsonl", [nbest("x", ("the cat sat", -1.0), ("a cat sat", -2.0))], "jsonl")
    Path("by").write_text("x\tkat\n")
    assert good("test.jsonl", *options, "--weights", "w.json").stdout == "x the kat sat\n"
    forgotten = bad("test.jsonl", *LM, "--weights", "w.json")
    assert "the scores here are first_pass, the weights are for first_pass, " in forgotten
    plain = good("lists.jsonl", *LM, "--tune", "ref", "--weights", "plain.json")
    assert plain.exit_code == 0
    assert "the weights are for first_pass;" in bad(
        "test.jsonl", *options, "--weights", "plain.json"
    )


def test_tuning_on_lattices(here: Path) -> None:
    Path("two").write_text("one the kat ran\ntwo the dawg ran\n")
    options = ("lats", *LM, "--names", "names")
    good(*options, "--tune", "two", "--weights", "w.json", "--output", "dev")
    assert set(TunedWeights.load("w.json").weights.scales) == {ACOUSTIC, FIRST_LM, *OF_NAMES}
    assert good(*options, "--weights", "w.json").stdout == Path("dev").read_text()


def test_htk_lattices_with_names(here: Path) -> None:
    good(
        "lats",
        *LM,
        "--names",
        "names",
        "--lattice-output",
        "out",
        "--nbest-output",
        "n.jsonl",
        "--confidence-output",
        "confidences",
        "--output",
        "best",
        "--oov-report",
        "oov",
    )
    written = {each.utterance: each for each in HTK.read(Path("out"), None, ErrorCollector())}
    assert set(written) == {"one", "two"}
    for lattice in written.values():
        assert "candidate" not in lattice.arc_fields
    paths = {words_of(written["one"], path) for path in all_paths(written["one"])}
    assert {("the", "cat", "ran"), ("the", "kat", "ran")} <= paths
    assert lines(Path("best").read_text())["one"] == ["the", "kat", "ran"]
    lists = {each.utterance: each for each in read_nbest("n.jsonl").lists}
    assert lists["one"].hypotheses[0].words == ("the", "kat", "ran")
    confidences = [json.loads(line) for line in Path("confidences").read_text().splitlines()]
    assert [each["id"] for each in confidences] == ["one", "two"]
    # What is written is a first pass whose best path is the one with the name.
    good("out", *LM, "--output", "again")
    assert lines(Path("again").read_text())["one"] == ["the", "kat", "ran"]


KALDI = ("lat.1.txt", "--format", "kaldi-lattice", *LM)


def test_kaldi_lattices_with_names(here: Path) -> None:
    Path("words.txt").write_text("<eps> 0\nthe 1\ncat 2\nran 3\nkat 4\n")
    good(
        *KALDI,
        "--names",
        "names",
        "--lattice-output",
        "out.txt",
        "--nbest-output",
        "lists",
        "--output",
        "best",
        "--utterances",
        "ref",
        "--sound-bound",
        "3",
        "--sound-bound-per-phone",
        "0",
    )
    assert Path("best").read_text() == "one the kat ran\n"
    (lattice,) = LATTICE_FORMATS["kaldi-lattice"].read(
        Path("out.txt"), Path("words.txt"), ErrorCollector()
    )
    paths = {words_of(lattice, path) for path in all_paths(lattice)}
    assert paths == {("the", "cat", "ran"), ("the", "kat", "ran")}
    assert Path("lists/ali.gz").is_file()


def test_a_name_without_a_number_cannot_be_written(here: Path) -> None:
    names = ("--names", "names", "--sound-bound", "3", "--sound-bound-per-phone", "0")
    message = bad(*KALDI, *names, "--lattice-output", "out.txt")
    assert "utterance 'one': 'kat' is not in the words.txt of the lattices" in message
    assert "leave --lattice-output out" in message
    assert good(*KALDI, *names).stdout == "one the kat ran\n"


def test_the_models_rarer_words(here: Path) -> None:
    make_model(5010).save("great.pt")
    write_nbest("w.jsonl", [nbest("one", ("the cat ran", 0.0))], "jsonl")
    assert "one " in good("w.jsonl", "--lm", "great.pt", "--names", "vocabulary").stdout
    write_arpa(here / "ngram.arpa")
    message = bad("w.jsonl", "--lm", "ngram.arpa", "--names", "vocabulary")
    assert "--names vocabulary: no model lists its words with their counts" in message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--lexicon", "lexicon"], "--lexicon without names"),
        (["--confusions", "lexicon"], "--confusions without names"),
        (["--changes", "out"], "--changes without names"),
        (["--sound-bound", "3"], "--sound-bound without names"),
        (["--names", "nothing"], "nothing"),
        (["--names", "bad"], "bad:2: unknown phone 'X'"),
        (["--names", "names", "--lexicon", "lexicon"], "lexicon:2: "),
        (["--names", "names", "--confusions", "other"], "other"),
        (["--names", "empty"], "no name in the list"),
        (["--names-by-utterance", "twice"], "twice:2: utterance 'one' again"),
        (["--names", "names", "--sound-bound", "-1"], "--sound-bound -1; expected at least 0"),
        (["--names", "names", "--old-lm", "drop"], "--old-lm is for lattices"),
    ],
)
def test_bad_options(here: Path, arguments: list[str], expected: str) -> None:
    Path("lexicon").write_text("kat K AE T\ndawg D QQ G\n")
    Path("bad").write_text("kat\ndawg\tphones=D X G\n")
    Path("empty").write_text("\n")
    Path("twice").write_text("one\tkat\none\tdawg\n")
    save_confusions(uniform_confusions(PhoneSet("AB")), "other")
    assert expected in bad("lists.jsonl", *LM, *arguments)


def test_scores_of_that_name_are_not_overwritten(here: Path) -> None:
    options = (*LM, "--names", "names")
    good("lists.jsonl", *options, "--nbest-output", "out.jsonl")
    rescored = read_nbest("out.jsonl").lists
    with_scores = [
        replace(
            each,
            hypotheses=tuple(
                replace(h, scores={"first_pass": 0.0, BIAS: h.scores[BIAS]})
                for h in each.hypotheses
            ),
        )
        for each in rescored
    ]
    write_nbest("biased.jsonl", with_scores, "jsonl")
    message = bad("biased.jsonl", *options)
    assert "utterance 'one' has a score 'bias' already" in message


def test_remarks(here: Path) -> None:
    Path("by").write_text("one\tdây7\t7\nnobody\tkat\tmoi\nnone\n")
    result = good("lists.jsonl", *LM, "--names-by-utterance", "by")
    assert "2 of 4 words of names have no pronunciation (7, dây7)" in result.stderr
    assert (
        "2 of the 3 utterances of by are not in the input, the first is nobody: skipped"
        in result.stderr
    )
    assert "no name replaced anything: with these names and weights nothing is gained" in (
        result.stderr
    )


def test_lexicons_come_before_the_packages(here: Path) -> None:
    """A name that is said as the user says it, by a lexicon or in the list."""
    write_nbest("given.jsonl", [nbest("one", ("the cat ran", 0.0))], "jsonl")
    Path("names").write_text("c4t\n")
    options = ("given.jsonl", *LM, "--names", "names")
    assert good(*options).stdout == "one the cat ran\n"
    Path("lexicon").write_text("c4t K AE1 T\n")
    assert good(*options, "--lexicon", "lexicon").stdout == "one the c4t ran\n"
    Path("names").write_text("c4t\tphones=K AE1 T\n")
    assert good(*options).stdout == "one the c4t ran\n"


def test_a_file_called_vocabulary_is_given_with_its_folder(here: Path) -> None:
    Path("names").rename("vocabulary")
    with_file = good("lists.jsonl", *LM, "--names", "./vocabulary", "--changes", "changes")
    assert lines(with_file.stdout)["one"] == ["the", "kat", "ran"]
    assert {row["class"] for row in table("changes")} >= {"pet"}
