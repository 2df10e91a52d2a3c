"""`lexicon confusions`, with a lexicon in phones of its own: no pronunciation is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexicon_tools.cli import lexicon
from lexicon_tools.confusion_settings import ConfusionSettings
from lexicon_tools.confusions import learn_from_lists, observations, read_pronunciations
from rescorer.errors import InputError
from rescorer.pronunciation.confusions_file import load_confusions
from rescorer.pronunciation.lexicon import Pronunciation
from rescorer.pronunciation.phones import ARPABET
from rescorer.recognition.nbest import Hypothesis, NBest

LEXICON = "tip t i p\ndip d i p\ntin t i n\nsea s e\nsees s e z\nseize s e z\ntippy t i p e\n"
LISTS = [
    ("tip tin", ["dip tin", "tip tin"]),
    ("tip sees", ["dip sees", "dip sea"]),
    ("tin sea", ["tin sea"]),
]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "lexicon.txt").write_text(LEXICON)
    return tmp_path / "lexicon.txt"


@pytest.fixture
def lists() -> list[NBest]:
    return [
        NBest(
            f"u{number}",
            tuple(
                Hypothesis(str(place), tuple(text.split()), {"first_pass": -float(place)})
                for place, text in enumerate(texts, start=1)
            ),
            tuple(reference.split()),
        )
        for number, (reference, texts) in enumerate(LISTS, start=1)
    ]


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    lines = [
        json.dumps(
            {
                "id": f"u{number}",
                "ref": reference,
                "nbest": [{"text": text, "score": -rank} for rank, text in enumerate(texts)],
            }
        )
        for number, (reference, texts) in enumerate(LISTS, start=1)
    ]
    (tmp_path / "dev.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path / "dev.jsonl"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lexicon, ["confusions", *map(str, arguments)])


def seen(lists: list[NBest], words: Path, hypotheses: int = 0) -> dict[tuple[str, str], float]:
    _, pronounce = read_pronunciations(words)
    references = {nbest.utterance: nbest.reference or () for nbest in lists}
    return {
        ("".join(each.spoken[0].phones), "".join(each.written[0].phones)): each.weight
        for each in observations(lists, references, pronounce, hypotheses)
    }


def test_wrong_runs_count_once_an_utterance(lists: list[NBest], words: Path) -> None:
    found = seen(lists, words)
    # u2: `tip` in both hypotheses, `tip sees` in the second alone
    assert found["tip", "dip"] == 2
    assert found["tipsez", "dipse"] == 1
    # Wrong runs have 12 phones, those of the best hypotheses 6: right words count twice.
    assert found["tin", "tin"] == 4 and found["se", "se"] == found["sez", "sez"] == 2


def test_the_best_hypotheses_alone(lists: list[NBest], words: Path) -> None:
    assert seen(lists, words, hypotheses=1) == {
        ("tip", "dip"): 2,
        ("tin", "tin"): 2,
        ("sez", "sez"): 1,
        ("se", "se"): 1,
    }


@pytest.mark.parametrize(
    "text", ["tip dip dip", "tip unheard", "tip", "tippy dip tin tip sees dip"]
)
def test_runs_that_say_little_are_left_out(words: Path, text: str) -> None:
    """Words that were dropped or added, and words that no lexicon has."""
    lists = [NBest("u", (Hypothesis("1", tuple(text.split())),), ("tip", "tin"))]
    wrong = {pair for pair in seen(lists, words) if pair[0] != pair[1]}
    assert wrong <= {("tin", "dipdip")}


def test_pronunciations_of_runs_are_the_products(tmp_path: Path) -> None:
    (tmp_path / "lexiconp.txt").write_text("a 0.75 x\na 0.25 x y\nb 1.0 z\nc 1.0 z z\n")
    _, pronounce = read_pronunciations(tmp_path / "lexiconp.txt")
    lists = [NBest("u", (Hypothesis("1", ("c",)),), ("a", "b"))]
    (found,) = observations(lists, {"u": ("a", "b")}, pronounce, 0)
    assert found.spoken == [
        Pronunciation(("x", "z"), 0.75),
        Pronunciation(("x", "y", "z"), 0.25),
    ]


def test_what_was_confused_becomes_probable(lists: list[NBest], words: Path) -> None:
    phones, pronounce = read_pronunciations(words)
    references = {nbest.utterance: nbest.reference or () for nbest in lists}
    settings = ConfusionSettings(strength=10)
    learnt = learn_from_lists(lists, references, phones, pronounce, settings)
    t, d, p = phones.ids(["t", "d", "p"])
    substitution = learnt.probabilities.substitution
    assert substitution[t, d] > 10 * substitution[t, p]
    assert learnt.learnt["words"] == 6 and learnt.learnt["utterances"] == 3


def test_the_command(tmp_path: Path, dev: Path, words: Path) -> None:
    output = tmp_path / "confusions.json"
    result = run(dev, "--lexicon", words, "-o", output, "--strength", 10)
    assert result.exit_code == 0 and result.stdout == ""
    assert "nats a spoken phone" in result.stderr
    learnt = load_confusions(output)
    t, d = learnt.phones.ids(["t", "d"])
    assert learnt.probabilities.substitution[t, d] > 0.05
    assert learnt.learnt["strength"] == 10


def test_references_of_their_own(tmp_path: Path, dev: Path, words: Path) -> None:
    (tmp_path / "ref").write_text("u1 tip tin\nu2 tip sees\n")
    result = run(dev, "--lexicon", words, "--ref", tmp_path / "ref", "-o", tmp_path / "out.json")
    assert result.exit_code == 2 and "without a reference, the first is u3" in result.stderr
    assert result.stderr.count("\n") == 1 and not (tmp_path / "out.json").exists()


def test_a_lexicon_without_these_words(tmp_path: Path, dev: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("other x y z\n")
    result = run(dev, "--lexicon", tmp_path / "lexicon.txt", "-o", tmp_path / "out.json")
    assert result.exit_code == 2 and "error: no run of words" in result.stderr
    assert not (tmp_path / "out.json").exists()


def test_settings_out_of_range(tmp_path: Path, dev: Path) -> None:
    result = run(dev, "-o", tmp_path / "out.json", "--strength", 0)
    assert result.exit_code == 2 and "strength" in result.stderr


def test_without_a_lexicon_english_is_pronounced() -> None:
    phones, pronounce = read_pronunciations(None)
    assert phones == ARPABET
    read = {said.phones for said in pronounce(["read"])[0]}
    assert read == {("R", "EH", "D"), ("R", "IY", "D")}


def test_a_lexicon_in_arpabet_is_asked_first(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("read R_B AA1_I D_E\n")
    phones, pronounce = read_pronunciations(tmp_path / "lexicon.txt")
    assert phones == ARPABET
    assert pronounce(["read"])[0] == (Pronunciation(("R", "AA", "D"), 1.0),)
    assert pronounce(["cat"])[0][0].phones == ("K", "AE", "T")


def test_a_damaged_lexicon(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("word\n")
    with pytest.raises(InputError, match=r"lexicon\.txt"):
        read_pronunciations(tmp_path / "lexicon.txt")
