"""The command `lexicon add-words` with --recogniser-output: what it writes, Kaldi's and KenLM's
readers understand.
"""

from __future__ import annotations

from pathlib import Path

import kenlm
import pytest
from click.testing import Result
from conftest import make_model
from lexicon_commands import fails, run
from tiny import write_arpa

from rescorer.models.lightrnn import LightRNN
from rescorer.models.word_table import WordTable
from rescorer.pronunciation.lexicon_formats import read_lexicon
from rescorer.recognition.formats import words_txt

_LEXICON = """!SIL SIL
<UNK> SPN
CAT K AE1 T
KENYA K EH1 N Y AH0
SMITH S M IH1 TH
DANE D EY1 N
FOG F AO1 G
ZULU Z UW1 L UW0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, new words, and the files of a recogniser with words in upper case."""
    monkeypatch.chdir(tmp_path)
    make_model(11, WordTable.shaped(11, 5, 4).shuffled(1)).save(tmp_path / "lightrnn.pt")
    for name, text in {
        "new.txt": "kenya\nzuleda\t3\nr2d2\nсмит\n",
        "lexicon.txt": _LEXICON,
        "words.txt": "<eps> 0\n<UNK> 1\nCAT 2\nKENYA 3\n#0 4\n<s> 5\n</s> 6\n",
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    write_arpa(Path("lm.arpa"), ["CAT", "THE", "KENYA"])
    return tmp_path


def add(*options: str, output: str = "out") -> Result:
    arguments = ("lightrnn.pt", "new.txt", "--output", "larger.pt", "--recogniser-output", output)
    return run("add-words", *arguments, *options)


def test_all_files(folder: Path) -> None:
    result = add("--lexicon", "lexicon.txt", "--words-txt", "words.txt", "--arpa", "lm.arpa")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[:7] == [
        "words for the recogniser are in upper case",
        "1 words are in lexicon.txt already, and get no new pronunciation",
        "2 words have no pronunciation and are left out for the recogniser (unpronounced.txt): "
        "R2D2, СМИТ",
        "lexicon.txt, lexiconp.txt: 1 words in ARPAbet with stress",
        "words.txt: 1 words added to words.txt",
        "lm.arpa: 1 words added to lm.arpa; together they have 0.5 of the probability of <unk>, on "
        "average 0.0016",
        "every other word of lm.arpa has at least 0.019: the recogniser will seldom choose the new "
        "words; a model of a text whose rare words are <unk> gives more",
    ]
    assert set(LightRNN.load("larger.pt").vocabulary.words) >= {"kenya", "zuleda", "r2d2", "смит"}
    assert list(read_lexicon("out/lexicon.txt")) == ["ZULEDA"]
    assert words_txt.read(Path("out/words.txt")).labels[-4:] == ("#0", "<s>", "</s>", "ZULEDA")
    old, new = kenlm.Model("lm.arpa"), kenlm.Model("out/lm.arpa")
    assert "ZULEDA" in new and "ZULEDA" not in old
    for word in ("<unk>", "ZULEDA"):
        assert 10 ** new.score(word, bos=False, eos=False) == pytest.approx(10**-2.5 / 2, rel=1e-5)
    assert Path("out/hotwords.txt").read_text() == "KENYA\nZULEDA\n"
    assert Path("out/extra.txt").read_text() == "KENYA\nZULEDA\n"
    assert Path("out/unpronounced.txt").read_text() == "R2D2\nСМИТ\n"


def test_the_joined_lexicon_can_be_read(folder: Path) -> None:
    """Appended to the recogniser's, the entries bring no new phone."""
    assert add("--lexicon", "lexicon.txt").exit_code == 0
    Path("joined.txt").write_text(_LEXICON + Path("out/lexicon.txt").read_text())
    joined, old = read_lexicon("joined.txt"), read_lexicon("lexicon.txt")
    assert joined.phones == old.phones and len(joined) == len(old) + 1
    [said] = joined["ZULEDA"]
    assert sum(phone.endswith("1") for phone in said.phones) == 1


def test_no_file_of_the_recogniser(folder: Path) -> None:
    result = add("--hotword-score", "1.5", "--pronunciations", "3")
    assert result.exit_code == 0, result.output
    assert "no words.txt: it needs --words-txt" in result.stderr
    assert "no lm.arpa: it needs --arpa" in result.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == [
        *("extra.txt", "hotwords.txt", "lexicon.txt", "lexiconp.txt", "unpronounced.txt")
    ]
    assert Path("out/hotwords.txt").read_text() == "kenya :1.5\nzuleda :1.5\n"
    lexicon = read_lexicon("out/lexiconp.txt")
    assert list(lexicon) == ["kenya", "zuleda"] and len(lexicon["zuleda"]) == 3
    first = [line.split()[1] for line in Path("out/lexiconp.txt").read_text().splitlines()]
    assert float(first[0]) == 1


def test_chosen_case_and_k2(folder: Path) -> None:
    options = ("--words-txt", "words.txt", "--words-txt-kind", "k2")
    assert add(*options, "--word-case", "lower").exit_code == 0
    labels = words_txt.read(Path("out/words.txt")).labels
    assert labels[3:] == ("KENYA", "kenya", "zuleda", "#0", "<s>", "</s>")
    assert add(*options).exit_code == 0  # once more, in the case of words.txt
    assert words_txt.read(Path("out/words.txt")).labels[3:5] == ("KENYA", "ZULEDA")


def test_words_that_the_model_knows(folder: Path) -> None:
    """The recogniser may lack them all the same."""
    Path("new.txt").write_text("cat\ndog\n")
    assert add("--lexicon", "lexicon.txt").exit_code == 0
    assert list(read_lexicon("out/lexicon.txt")) == ["DOG"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--lexicon", "xsampa"), "xsampa: lacks the phone "),
        (("--lexicon", "words.txt"), "words.txt: is a table of symbols"),
        (("--lexicon", "none"), "none: cannot be read"),
        (("--words-txt", "lexicon.txt"), "lexicon.txt:1: "),
        (("--arpa", "lexicon.txt"), "lexicon.txt: no ARPA file"),
        (("--unk-share", "1"), "--unk-share 1"),
    ],
)
def test_bad_files(folder: Path, options: tuple[str, ...], expected: str) -> None:
    Path("xsampa").write_text("bob b A b\nten t E n\nkit k I t\n")
    before = sorted(folder.iterdir())
    result = add(*options)
    assert result.exit_code == 2 and expected in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: ") and "remedy: " in result.stderr
    assert sorted(folder.iterdir()) == before


def test_a_model_that_cannot_be_made(folder: Path) -> None:
    result = add("--finetune", "3")
    assert result.exit_code == 2 and not Path("out").exists() and not Path("larger.pt").exists()


def test_folders_with_other_files(folder: Path) -> None:
    Path("dict").mkdir()
    Path("dict/nonsilence_phones.txt").write_text("AA\n")
    assert fails(add(output="dict"), "dict: the folder holds nonsilence_phones.txt")
    assert Path("dict/nonsilence_phones.txt").read_text() == "AA\n"


def test_files_without_an_output(folder: Path) -> None:
    arguments = ("lightrnn.pt", "new.txt", "--output", "larger.pt", "--lexicon", "lexicon.txt")
    assert fails(run("add-words", *arguments), "are for --recogniser-output")
