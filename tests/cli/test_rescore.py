"""The command `rescore` on lists: its outputs, and one line for every error of a user."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import LISTS, REFERENCES, bad, good, run
from conftest import WORDS, make_model
from tiny import KNOWN, nbest, write_arpa

import rescorer
from rescorer.command import print_lines
from rescorer.errors import InputError
from rescorer.models.lightrnn import LightRNN
from rescorer.recognition.formats import read_nbest, write_nbest
from rescorer.recognition.nbest import ACOUSTIC, FIRST_LM, GRAPH, NBest
from rescorer.rescoring.weights import TunedWeights, Weights

# Where tests run in the background, a shell has Ctrl-C ignored in all that it starts.
COMMAND = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from rescorer.cli.rescore import rescore; rescore()",
]


pytestmark = pytest.mark.usefixtures("quick_tuning")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models, lists and references, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_arpa(tmp_path / "ngram.arpa")
    write_nbest("lists.jsonl", LISTS, "jsonl")
    Path("ref").write_text(
        "".join(f"{utterance} {words}\n" for utterance, words in REFERENCES.items())
    )
    return tmp_path


def expected_best() -> str:
    result = rescorer.rescore(LISTS, rescorer.load("lightrnn.pt"))
    return "".join(" ".join((each.utterance, *each.hypotheses[0].words)) + "\n" for each in result)


def test_best_hypotheses_on_stdout_or_in_a_file(here: Path) -> None:
    result = good("lists.jsonl", "--lm", "lightrnn.pt")
    assert result.stdout == expected_best()
    assert "lightrnn: 1 of 10 distinct words unknown" in result.stderr
    assert "no --weights: " in result.stderr and "--tune REF --weights w.json" in result.stderr
    assert good("lists.jsonl", "--lm", "lightrnn.pt", "--output", "new/best").stdout == ""
    assert Path("new/best").read_text() == expected_best()
    assert good("lists.jsonl", "--lm", "lightrnn.pt", "--memory", 1).stdout == expected_best()
    assert (
        good("lists.jsonl", "--lm", "ngram.arpa").stdout
        == good("lists.jsonl", "--ngram", "ngram.arpa").stdout
    )


KALDI = [
    NBest(
        each.utterance,
        tuple(
            hypothesis.__class__(
                hypothesis.key,
                hypothesis.words,
                {ACOUSTIC: -90.0 - k, GRAPH: -2.0, FIRST_LM: -3.0 + k},
            )
            for k, hypothesis in enumerate(each.hypotheses)
        ),
    )
    for each in LISTS
]


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("kaldi", KALDI),
        ("jsonl", LISTS),
        ("mlm-scoring", LISTS),
        ("hyporadise", LISTS),
        ("text", LISTS),
    ],
)
def test_lists_leave_in_the_format_that_they_came_in(
    here: Path, name: str, lists: list[NBest]
) -> None:
    write_nbest("in", lists, name)
    good(
        "in",
        "--lm",
        "lightrnn.pt",
        "--ngram",
        "ngram.arpa",
        "--nbest-output",
        "out",
        "--output",
        "best",
    )
    came, left = read_nbest("in"), read_nbest("out")
    assert left.format == came.format == name
    for before, after in zip(came.lists, left.lists, strict=True):
        scores = {h.key: h.scores for h in after.hypotheses}
        for hypothesis in before.hypotheses:
            if name == "text":  # one score a hypothesis: the total
                continue
            assert hypothesis.scores.items() <= scores[hypothesis.key].items()
            assert {"lightrnn", "ngram", "total"} <= scores[hypothesis.key].keys()
    best = {line.split(" ")[0]: line.split()[1:] for line in Path("best").read_text().splitlines()}
    total = "first_pass" if name == "text" else "total"
    for after in left.lists:
        assert (
            list(max(after.hypotheses, key=lambda h: h.scores[total]).words)
            == best[after.utterance]
        )


def test_tune_then_apply(here: Path) -> None:
    tuned = good(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--ngram",
        "ngram.arpa",
        "--tune",
        "ref",
        "--weights",
        "w.json",
    )
    weights = TunedWeights.load("w.json")
    assert weights.weights.mixture.keys() == {"lightrnn", "ngram"}
    assert (
        "WER first pass, tuned word penalty" in tuned.stderr and "no --weights" not in tuned.stderr
    )
    applied = good(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--ngram",
        "ngram.arpa",
        "--weights",
        "w.json",
        "--ref",
        "ref",
        "--wer-output",
        "wer.json",
    )
    assert applied.stdout == tuned.stdout
    assert [x for x in applied.stderr.splitlines() if x.startswith("WER")] == [
        x for x in tuned.stderr.splitlines() if x.startswith("WER")
    ]
    assert set(json.loads(Path("wer.json").read_text())["rows"]) == {
        "first pass",
        "first pass, tuned word penalty",
        "oracle",
        "rescored",
    }
    again = good(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--ngram",
        "ngram.arpa",
        "--tune",
        "ref",
        "--weights",
        "v.json",
    )
    assert again.stdout == tuned.stdout and Path("v.json").read_text() == Path("w.json").read_text()
    TunedWeights(replace(weights.weights, lm_scale=0.5), weights.first_pass).save("w.json")
    assert "weights are for lightrnn, ngram" in bad(
        "lists.jsonl", "--lm", "lightrnn.pt", "--weights", "w.json"
    )


def test_log_linear(here: Path) -> None:
    good(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--tune",
        "ref",
        "--weights",
        "w.json",
        "--mixture",
        "log-linear",
    )
    assert TunedWeights.load("w.json").weights.mixture_kind == "log-linear"


def test_reports(here: Path) -> None:
    Path("names").write_text("cat\t17\tanimals\ndog\n")
    result = good(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--ref",
        "ref",
        "--words",
        "names",
        "--oov-report",
        "oov",
    )
    assert "WER rescored, listed words" in result.stderr and "WER oracle" in result.stderr
    assert Path("oov").read_text() == "lightrnn\tstrange\t1\n"


def test_references_inside_the_lists(here: Path) -> None:
    held = [
        NBest(each.utterance, each.hypotheses, tuple(REFERENCES[each.utterance].split()))
        for each in LISTS
    ]
    for name in ("jsonl", "mlm-scoring", "hyporadise"):
        write_nbest(name, held, name)
        assert "WER oracle" in good(name, "--lm", "lightrnn.pt", "--ref", name).stderr
        write_nbest("without", LISTS, name)
        assert "without" in bad("without", "--lm", "lightrnn.pt", "--ref", "without")


def test_references_of_the_lists_are_counted_against_by_themselves(here: Path) -> None:
    held = [
        NBest(each.utterance, each.hypotheses, tuple(REFERENCES[each.utterance].split()))
        for each in LISTS
    ]
    for name in ("jsonl", "mlm-scoring", "hyporadise"):
        write_nbest(name, held, name)
        result = good(name, "--lm", "lightrnn.pt", "--wer-output", "own.json")
        assert (
            result.stderr.count("the lists hold references: errors are counted against them") == 1
        )
        good(name, "--lm", "lightrnn.pt", "--ref", "ref", "--wer-output", "given.json")
        assert Path("own.json").read_text() == Path("given.json").read_text()
        assert "WER oracle" in result.stderr and "verdict" in json.loads(
            Path("own.json").read_text()
        )
    write_nbest("some", [held[0], *LISTS[1:]], "jsonl")
    assert "WER" not in good("some", "--lm", "lightrnn.pt").stderr, "not all have one"


@pytest.mark.parametrize("name", ["lm", "total", "lightrnn"])
def test_a_score_whose_name_is_taken_is_refused_before_scoring(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a model scored")

    monkeypatch.setattr(LightRNN, "start", fail)
    lists = [
        nbest(
            "u",
            ("the cat", {"first_pass": -1.0, name: -2.0}),
            ("cat", {"first_pass": -1.5, name: -1.0}),
        )
    ]
    write_nbest("named.jsonl", lists, "jsonl")
    assert f"already have the scores {name};" in bad("named.jsonl", "--lm", "lightrnn.pt")


def test_weights_that_are_worse_on_their_own_lists_are_not_written_in_silence(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As lattices can have them, whose paths are not all in the lists that are tuned on."""
    bad_weights = Weights({"first_pass": -1.0}, lm_scale=0.0, mixture={"lightrnn": 1.0})
    monkeypatch.setattr(
        "rescorer.rescoring.nbest.tune_lists",
        lambda *_, **__: TunedWeights(
            bad_weights, replace(bad_weights, scales={"first_pass": 1.0}), ("word penalty",)
        ),
    )
    result = good("lists.jsonl", "--lm", "lightrnn.pt", "--tune", "ref", "--weights", "w.json")
    assert "more errors on the development set than first pass, tuned word penalty" in result.stderr
    assert "at the end of the range that was searched: word penalty" in result.stderr
    assert TunedWeights.load("w.json").weights == bad_weights


def test_lists_without_scores(here: Path) -> None:
    Path("lists.json").write_text(json.dumps([{"input": ["the cat", "a dog"], "output": "a dog"}]))
    result = good(
        "lists.json", "--lm", "lightrnn.pt", "--tune", "lists.json", "--weights", "w.json"
    )
    assert "no scores" in result.stderr
    assert TunedWeights.load("w.json").weights.scales == {"rank": 1.0}


def test_two_models_of_one_kind(here: Path) -> None:
    make_model(seed=1).save("two words.pt")
    good("lists.jsonl", "--lm", "lightrnn.pt", "--lm", "two words.pt", "--nbest-output", "out")
    assert {"lightrnn-lightrnn", "lightrnn-two_words"} <= set(
        read_nbest("out").lists[0].score_names
    )
    assert "two models of one kind" in bad(
        "lists.jsonl", "--lm", "lightrnn.pt", "--lm", "lightrnn.pt"
    )


GOOD_LINE = '{"id": "u", "nbest": [{"text": "cat", "score": -1}]}\n'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ["lists: the file is empty"]),
        (b"\n \n", ["lists: the file is empty"]),
        (GOOD_LINE.encode() + b'{"id": "v", "nbest": []}\n', ["lists:2: ", "'v'", "no hypotheses"]),
        (GOOD_LINE.encode() + b'{"id": "v\xff"}\n', ["lists:2: ", "0xff is not UTF-8", "iconv"]),
        (GOOD_LINE.replace("-1", "NaN").encode(), ["lists:1: ", "not finite"]),
        (GOOD_LINE.replace("-1", "-Infinity").encode(), ["lists:1: ", "not finite"]),
        (GOOD_LINE.replace("-1", "1e999").encode(), ["lists:1: ", "not finite"]),
        (GOOD_LINE.replace("-1", '"-1"').encode(), ["lists:1: ", "a number"]),
        (GOOD_LINE.replace("-1", "-1-").encode(), ["lists:1: ", "does not parse"]),
        (b"u-1 -1 cat\nu-2 minus dog\n", ["lists:2: ", "'minus' is not a number"]),
        (b"u-1 -1 cat\nu-2 nan dog\n", ["lists:2: ", "not finite"]),
        (b"u-1 -1 cat\nu-1 -2 dog\n", ["lists:2: ", "there twice"]),
        (GOOD_LINE.encode() * 2, ["lists:2: ", "there twice"]),
        (b"what is this\n", ["lists:1: ", "format is not known"]),
        (gzip.compress(GOOD_LINE.encode())[:-12], ["lists:", "damaged or cut short"]),
    ],
)
def test_bad_lists(here: Path, content: bytes, expected: list[str]) -> None:
    Path("lists").write_bytes(content)
    line = bad("lists", "--lm", "lightrnn.pt", "--output", "best", "--nbest-output", "out")
    assert all(part in line for part in expected), line


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"words_text": "u-1 cat\nu-2 dog\n"}, ["'u-2'", "no cost"]),
        ({"acwt": "u-1 1\nu-2 2\n"}, ["acwt:2: ", "'u-2'", "no words"]),
        ({"acwt": "u-1 one\n"}, ["acwt:1: ", "not a number"]),
        ({"acwt": "u-1 inf\n"}, ["acwt:1: ", "not finite"]),
        ({"words_text": ""}, ["words_text", "empty"]),
    ],
)
def test_bad_kaldi_folders(here: Path, change: dict[str, str], expected: list[str]) -> None:
    Path("lists").mkdir()
    for name, content in {"words_text": "u-1 cat\n", "acwt": "u-1 3\n", **change}.items():
        (Path("lists") / name).write_text(content)
    line = bad("lists", "--lm", "lightrnn.pt", "--output", "best")
    assert all(part in line for part in expected), line


def test_empty_hypotheses_are_fine(here: Path) -> None:
    Path("lists").write_text("u-1 -1\nu-2 -2\nv-1 0 cat\n")
    assert good("lists", "--lm", "lightrnn.pt", "--ngram", "ngram.arpa").stdout == "u\nv cat\n"


@pytest.mark.parametrize("option", ["--ref", "--tune"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a-1 cat\na-2\n", ["ref: 1 utterance without a reference", "b-1"]),
        ("c-1 y\n", ["ref: 3 utterances without a reference", "a-1"]),
        ("a-1 cat\na-1 dog\n", ["ref:2: ", "twice"]),
        ("", ["ref: ", "empty"]),
        ('{"id": "a-1"}\n', ["ref:1: ", 'no "ref"']),
    ],
)
def test_bad_references(here: Path, option: str, content: str, expected: list[str]) -> None:
    Path("ref").write_text(content)
    weights = ["--weights", "w.json"] if option == "--tune" else []
    line = bad("lists.jsonl", "--lm", "lightrnn.pt", option, "ref", *weights, "--output", "best")
    assert all(part in line for part in expected), line


def test_bad_models(here: Path) -> None:
    content = Path("lightrnn.pt").read_bytes()
    Path("cut.pt").write_bytes(content[: len(content) // 2])
    Path("text").write_text("no model\n")
    torch.save({"kind": "something else"}, "foreign.pt")
    Path("cut.arpa").write_text(Path("ngram.arpa").read_text()[:200])
    for name, part in (
        ("cut.pt", "cut short"),
        ("foreign.pt", "a file of another program"),
        ("text", "not a KenLM model"),
        ("cut.arpa", "expected a whole ARPA file"),
        ("none.pt", "No such file"),
    ):
        line = bad("lists.jsonl", "--lm", name, "--output", "best")
        assert line.startswith(f"error: {name}: ") and part in line, line
    assert "text: not a KenLM model" in bad("lists.jsonl", "--lm", "lightrnn.pt", "--ngram", "text")


def test_another_case(here: Path) -> None:
    upper = [nbest("u", ("THE CAT", 0.0))]
    write_nbest("upper.jsonl", upper, "jsonl")
    line = bad("upper.jsonl", "--lm", "lightrnn.pt")
    assert (
        line.startswith("error: upper.jsonl: lightrnn knows none of the 2 words") and "case" in line
    )


def test_without_a_model_the_english_one_is_taken(here: Path, english_model: LightRNN) -> None:
    result = good("lists.jsonl", "--tune", "ref", "--weights", "w.json", "--nbest-output", "out")
    assert result.stderr.startswith(
        "no model is given: lightrnn-english is used, the English model of the package\n"
    )
    assert set(TunedWeights.load("w.json").weights.mixture) == {"lightrnn-english"}
    ours = [
        dict(hypothesis.scores)
        for nbest in read_nbest("out").lists
        for hypothesis in nbest.hypotheses
    ]
    Path("w.json").unlink()
    good(
        "lists.jsonl",
        "--lm",
        "english.pt",
        "--tune",
        "ref",
        "--weights",
        "w.json",
        "--nbest-output",
        "out",
    )
    theirs = [
        hypothesis.scores["lightrnn"]
        for nbest in read_nbest("out").lists
        for hypothesis in nbest.hypotheses
    ]
    assert [scores["lightrnn-english"] for scores in ours] == theirs
    tuned = TunedWeights.load("w.json")
    TunedWeights(replace(tuned.weights, lm_scale=0.5), tuned.first_pass).save("w.json")
    assert "weights are for lightrnn" in bad("lists.jsonl", "--weights", "w.json"), (
        "no other model's"
    )


def test_lists_in_capitals_under_a_model_in_lower_case(here: Path, english_model: LightRNN) -> None:
    capitals = [
        NBest(
            each.utterance,
            tuple(
                replace(hypothesis, words=tuple(word.upper() for word in hypothesis.words))
                for hypothesis in each.hypotheses
            ),
        )
        for each in LISTS
    ]
    write_nbest("capitals.jsonl", capitals, "jsonl")
    lower, upper = good("lists.jsonl"), good("capitals.jsonl")
    assert upper.stdout.lower() == lower.stdout and "THE CAT SAT" in upper.stdout
    assert "1 of 10 distinct words unknown" in upper.stderr


def test_bad_weights(here: Path) -> None:
    Path("w.json").write_text("{\n]")
    assert bad("lists.jsonl", "--lm", "lightrnn.pt", "--weights", "w.json").startswith(
        "error: w.json:2: no JSON"
    )
    assert "w2.json: cannot be read" in bad(
        "lists.jsonl", "--lm", "lightrnn.pt", "--weights", "w2.json"
    )


@pytest.mark.parametrize(
    "device",
    [
        "nonsense",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
        ),
    ],
)
def test_no_such_device(here: Path, device: str) -> None:
    for model in ("lightrnn.pt", "ngram.arpa"):
        assert f"device {device!r}" in bad("lists.jsonl", "--lm", model, "--device", device)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "no language model"),
        (["--lm", "lightrnn.pt", "--tune", "ref"], "--tune without --weights"),
        (["--lm", "lightrnn.pt", "--words", "names"], "--words without --ref"),
        (["--lm", "lightrnn.pt", "--wer-output", "wer.json"], "--wer-output without --ref"),
        (["--lm", "lightrnn.pt", "--format", "nonsense"], "unknown format 'nonsense'"),
        (["--lm", "lightrnn.pt", "--ref", "ref", "--words", "empty"], "empty: no word in the list"),
        (
            ["--lm", "lightrnn.pt", "--ref", "ref", "--words", "phrases"],
            "phrases:2: 'new york' is not one word",
        ),
    ],
)
def test_bad_options(here: Path, no_english_model: None, options: list[str], expected: str) -> None:
    Path("empty").touch()
    Path("names").write_text("cat\n")
    Path("phrases").write_text("cat\nnew york\n")
    assert expected in bad("lists.jsonl", *options)


@pytest.mark.parametrize(
    "option", ["--output", "--nbest-output", "--oov-report", "--wer-output", "--weights"]
)
def test_places_that_cannot_be_written(here: Path, option: str) -> None:
    Path("file").touch()
    base = ["lists.jsonl", "--lm", "lightrnn.pt", "--ref", "ref"] + (
        ["--tune", "ref"] if option == "--weights" else []
    )
    for place in ("/dev/full", "file/inside", "/proc/nowhere"):
        assert f"{place}: cannot be written" in bad(*base, option, place)
    assert Path("/dev/full").is_char_device()


def test_devices_are_written_to_and_not_replaced(here: Path) -> None:
    good("lists.jsonl", "--lm", "lightrnn.pt", "--output", "/dev/null")
    assert Path("/dev/null").is_char_device()
    Path("link").symlink_to(here / "target")
    Path("target").write_text("old")
    good("lists.jsonl", "--lm", "lightrnn.pt", "--output", "link")
    assert Path("link").is_symlink() and Path("target").read_text() == expected_best()


def test_a_late_failure_leaves_older_files_alone(here: Path) -> None:
    Path("best").write_text("old")
    bad(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--ref",
        "ref",
        "--output",
        "best",
        "--nbest-output",
        "/dev/full",
    )
    assert Path("best").read_text() == "old"
    # What took long to make is not lost with the rest.
    result = run(
        "lists.jsonl",
        "--lm",
        "lightrnn.pt",
        "--tune",
        "ref",
        "--weights",
        "w.json",
        "--output",
        "/dev/full",
    )
    assert result.exit_code == 2 and TunedWeights.load("w.json")


def subprocess_of(arguments: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


@pytest.mark.slow
def test_end_to_end_and_a_stdout_that_fails(here: Path, commands: Path) -> None:
    arguments = ["lists.jsonl", "--lm", "lightrnn.pt", "--ngram", "ngram.arpa"]
    with open("/dev/full", "w") as full, open("best", "w") as file:
        failing = subprocess_of(arguments, stdout=full)
        whole = subprocess.run(
            [commands / "rescore", *arguments], stdout=file, stderr=subprocess.PIPE, text=True
        )
    notes = whole.stderr.splitlines()
    assert whole.returncode == 0 and len(notes) == 6
    assert [line.split()[0] for line in Path("best").read_text().splitlines()] == [
        "a-1",
        "a-2",
        "b-1",
    ]
    lines = failing.communicate()[1].splitlines()
    assert failing.returncode == 2 and lines[:-1] == notes
    assert lines[-1].startswith(
        "error: stdout: cannot be written: No space left on device; remedy: "
    )


def test_a_closed_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        monkeypatch.context() as patch,
        pytest.raises(InputError, match=r"stdout: cannot be written: it is closed"),
    ):
        patch.setattr(sys, "stdout", None)
        print_lines(["a line"])


@pytest.mark.slow
def test_ctrl_c(here: Path) -> None:
    # Large enough to take seconds; stopped once the notes tell that the models are read.
    lists = [
        nbest(
            f"u{n}",
            *(
                (" ".join([*KNOWN[n % 5 : n % 5 + 3], WORDS[k % 9 + 2], str(k), str(n)] * 20), 0.0)
                for k in range(40)
            ),
        )
        for n in range(150)
    ]
    write_nbest("large.jsonl", lists, "jsonl")
    Path("best").write_text("old")
    process = subprocess_of(
        ["large.jsonl", "--lm", "lightrnn.pt", "--output", "best"], stdout=subprocess.PIPE
    )
    assert process.stderr is not None and "unknown" in process.stderr.readline()
    assert "suits this input badly" in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2 and stdout == ""
    assert stderr.splitlines() == [
        "error: interrupted, every output file is whole or as it was; remedy: run it again"
    ]
    assert Path("best").read_text() == "old"
    assert sorted(path.name for path in here.iterdir()) == [
        "best",
        "large.jsonl",
        "lightrnn.pt",
        "lists.jsonl",
        "ngram.arpa",
        "ref",
    ]


def test_scores_of_hyporadise_are_used_and_named(here: Path) -> None:
    records = [
        {
            "id": nbest.utterance,
            "input": [" ".join(h.words) for h in nbest.hypotheses],
            "score": [h.scores["first_pass"] for h in nbest.hypotheses],
            "lm_scores": 3.0,
        }
        for nbest in LISTS
    ]
    Path("lists.json").write_text(json.dumps(records))
    result = good("lists.json", "--lm", "lightrnn.pt")
    assert result.stdout == expected_best()
    assert "lists.json: read as scores, greater is better: score\n" in result.stderr
    assert (
        "lists.json: not read as scores: 'lm_scores' (it is no list in 3 of 3 records)\n"
        in result.stderr
    )
    assert "have no scores" not in result.stderr
