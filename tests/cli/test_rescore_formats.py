"""The command `rescore` on what recognisers write, and on references of other tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import bad, good
from recogniser_samples import EXPECTED, SAMPLES

from rescorer.recognition.formats import FORMATS, read_nbest

LM = ("--lm", "words.arpa")
WORDS = ("he", "can", "see", "sea", "yes", "no", "He", "Yes", "HE", "CAN", "SEE", "[1]")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a model of the words of the samples, where the command runs."""
    monkeypatch.chdir(tmp_path)
    Path("words.arpa").write_text(_arpa())


def _arpa() -> str:
    unigrams = [f"-1.2\t{word}\t0" for word in ("<unk>", "<s>", *WORDS)]
    counts = ["\\data\\", f"ngram 1={len(unigrams) + 1}", "ngram 2=1", ""]
    ngrams = ["\\1-grams:", *unigrams, "-1.2\t</s>", "", "\\2-grams:", "-0.5\the can", ""]
    return "\n".join([*counts, *ngrams, "\\end\\", ""])


@pytest.mark.parametrize("name", EXPECTED)
def test_each_is_rescored_and_written_in_its_format(name: str) -> None:
    format, lists = EXPECTED[name]
    result = good(str(SAMPLES / name), *LM, "--nbest-output", "out")
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(lists)
    written = read_nbest("out")
    said = f"the format {format} is only read: out becomes JSON lines" in result.stderr
    assert (written.format, said) == (
        ("jsonl", True) if FORMATS[format].write is None else (format, False)
    )
    assert {each.utterance: len(each.hypotheses) for each in written.lists} == {
        utterance: len(hypotheses) for utterance, hypotheses in lists.items()
    }


def test_lists_of_one_hypothesis_are_kept_and_said() -> None:
    result = good(str(SAMPLES / "icefall.txt"), *LM)
    assert result.stdout == "utt2\nutt1 HE CAN SEE\n"
    assert "each list has one hypothesis: without --names it is kept as it is" in result.stderr
    Path("text").write_text("u he can\n")
    assert good("text", *LM, "--format", "one-best").stdout == "u he can\n"


@pytest.mark.parametrize(
    "content",
    ["he can see (a-1)\nyes (a-2)\n", "a-1 1 x 0.0 1.0 <o> he can see\na-2 1 x 0.0 1.0 yes\n"],
)
def test_references_of_sclite_are_read(content: str) -> None:
    Path("ref").write_text(content)
    lists = str(SAMPLES / "nemo.json")
    held = good(lists, *LM).stderr
    assert "the lists hold references: errors are counted against them" in held
    given = good(lists, *LM, "--ref", "ref").stderr
    assert given.count("word error rate") == held.count("word error rate")
    assert "0 of its" not in given


def test_the_format_of_references_is_named() -> None:
    Path("ref").write_text("a-1 he (can)\na-2 yes\n")
    lists = str(SAMPLES / "nemo.json")
    assert "--ref-format trn or --ref-format text" in bad(lists, *LM, "--ref", "ref")
    good(lists, *LM, "--ref", "ref", "--ref-format", "text")


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({"in": '{"audio_filepath": "a.wav", "text": "he"}\n'}, ['in:1: no "beams"']),
        (
            {"in": "he\t-1\nshe\t-2\nx\t-3\n", "m.json": '{"audio_filepath": "a"}\n' * 2},
            ["in: 3 lines for the 2 utterances"],
        ),
        (
            {"in": '{"id": "u", "nbest": [{"text": "he", "avg_logprob": -0.1}]}\n'},
            ["in:1: hypothesis 1: 'avg_logprob' is a mean"],
        ),
        (
            {"in/1best_recog/text": "a he\nb she\n", "in/1best_recog/score": "a tensor(-1.)\n"},
            ["in/1best_recog/text:2: 'b' has no score"],
        ),
    ],
)
def test_bad_input_is_one_line(files: dict[str, str], parts: list[str]) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    message = bad("in", *LM)
    assert all(part in message for part in parts), message


def test_the_help_names_all_formats() -> None:
    text = " ".join(good("--help").stdout.split()).replace("- ", "-")
    assert all(name in text for name in FORMATS), text
