"""The command `lightrnn`: training from files, and perplexity."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from conftest import make_model, needs_bfloat16
from tiny import write_arpa

import rescorer
from lexicon_tools.cli import lexicon
from rescorer.cli.lightrnn import lightrnn
from rescorer.models.lightrnn import LightRNN
from rescorer.models.torch_file import read_torch
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.training.corpus import Corpus
from rescorer.training.table_init import balanced_clustering, ppmi_svd_embeddings

TINY = ["--hidden-dim", "8", "--epochs", "2", "--batch-size", "4", "--bptt", "10"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def here(sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = sentences.read_text().splitlines(keepends=True)
    Path("valid.txt").write_text("".join(lines[:40]))
    Path("train.txt").write_text("".join(lines[40:]))
    assert (
        CliRunner().invoke(lexicon, ["vocabulary", "train.txt", "--output", "words.tsv"]).exit_code
        == 0
    )
    return tmp_path


def run(*arguments: str) -> Result:
    command = lexicon if arguments[0] in lexicon.commands else lightrnn
    return CliRunner().invoke(command, arguments)


def train(*options: str) -> Result:
    return run(
        "train",
        "train.txt",
        "--valid",
        "valid.txt",
        "--vocabulary",
        "words.tsv",
        "--output",
        "lightrnn.pt",
        *TINY,
        *options,
    )


def bad(result: Result) -> str:
    assert isinstance(result.exception, SystemExit), result.exception
    line = result.stderr.splitlines()[-1]
    assert result.exit_code == 2 and line.startswith("error: ") and "remedy: " in line
    return line


def test_train_and_perplexity(here: Path) -> None:
    result = train("--rows", "5", "--reallocate-after", "1")
    assert result.exit_code == 0, (result.stderr, result.exception)
    best = float(re.findall(r"best validation perplexity ([0-9.]+): lightrnn.pt", result.stderr)[0])
    model = rescorer.load("lightrnn.pt")
    assert (
        isinstance(model, LightRNN)
        and model.table.rows == 5
        and model.provenance["texts"] == ["train.txt"]
    )
    assert {"checkpoint.pt", "log.csv", "tensorboard"} <= {
        path.name for path in Path("lightrnn.pt.work").iterdir()
    }
    lines = run(
        "perplexity", "valid.txt", "--lm", "lightrnn.pt", "--context", "text"
    ).stdout.splitlines()
    assert lines[0] == "240 words, 40 sentences, context: text"
    assert float(lines[1].split()[2]) == pytest.approx(best, abs=0.006)
    again = train("--rows", "5", "--reallocate-after", "1")
    assert again.exit_code == 0 and "going on from step" in again.stderr, (
        "a finished run is not done again"
    )
    assert "other settings" in bad(train("--rows", "5"))


def test_a_finished_training_gives_its_best_model_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file is gone, and under another name; the best model is not the last one."""
    figures = iter([5.0, 7.0])
    monkeypatch.setattr(
        "rescorer.training.loop.Trainer._valid_perplexity", lambda trainer: next(figures)
    )
    assert train().exit_code == 0
    best = Path("lightrnn.pt").read_bytes()
    assert rescorer.load("lightrnn.pt").provenance["interval"] == 1  # type: ignore[attr-defined]
    Path("lightrnn.pt").unlink()
    for output in ("lightrnn.pt", "other.pt"):
        result = train("--output", output, "--work", "lightrnn.pt.work")
        assert result.exit_code == 0 and result.stderr.endswith(
            f"best validation perplexity 5.00: {output}\n"
        )
        assert Path(output).read_bytes() == best
    Path("lightrnn.pt.work/best.pt").unlink()  # as an earlier program left the folder
    assert train().exit_code == 0 and Path("lightrnn.pt").read_bytes() == best
    Path("lightrnn.pt").unlink()
    assert "lightrnn.pt.work/best.pt: the best model of this run is gone" in bad(train())


def test_a_run_goes_on_with_its_own_text_alone(here: Path) -> None:
    assert train().exit_code == 0
    lines = Path("train.txt").read_text().splitlines(keepends=True)
    Path("train.txt").write_text("".join(reversed(lines)))
    assert "checkpoint.pt: the checkpoint is of a run with another training text; " in bad(train())


_HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
    "print(1, flush=True); input()"
)


def test_a_work_folder_is_for_one_process_at_a_time(here: Path) -> None:
    """Nor does a lock outlive a process that is killed."""
    assert train("--epochs", "1").exit_code == 0
    work, before = Path("lightrnn.pt.work"), Path("lightrnn.pt").read_bytes()
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(work / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout and other.stdout.readline()
        message = "another process is at work in this folder; "
        assert message in bad(train("--epochs", "1"))
        assert message in bad(
            run("reallocate", "lightrnn.pt", "train.txt", "-o", "new.pt", "--work", str(work))
        )
        other.kill()
    assert Path("lightrnn.pt").read_bytes() == before and not Path("new.pt").exists()
    assert train("--epochs", "1").exit_code == 0


@pytest.mark.parametrize(
    ("gain", "asked", "used", "told"),
    [
        pytest.param(0.3, "bfloat16", "bfloat16", True, marks=needs_bfloat16),
        pytest.param(1.9, "bfloat16", "bfloat16", False, marks=needs_bfloat16),
        (0.3, "float32", "float32", False),
        (0.3, "auto", "float32", False),
        pytest.param(1.9, "auto", "bfloat16", False, marks=needs_bfloat16),
    ],
)
def test_the_quicker_precision_is_taken_or_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, gain: float, asked: str, used: str, told: bool
) -> None:
    monkeypatch.setattr("rescorer.training.train.bfloat16_gain", lambda device: gain)
    result = train("--epochs", "1", "--precision", asked)
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert (
        "products take 3.3 times as long in bfloat16 as in float32 here" in result.stderr
    ) == told
    assert read_torch("lightrnn.pt.work/checkpoint.pt")["settings"]["precision"] == used


def test_bfloat16_is_refused_where_it_does_not_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescorer.training.train.bfloat16_gain", lambda device: 0.0)
    message = bad(train("--epochs", "1", "--precision", "bfloat16"))
    assert "torch has no LSTM in bfloat16" in message and "--precision auto" in message
    assert not Path("lightrnn.pt").exists()


def test_the_first_table_is_by_likeness_or_by_frequency(here: Path) -> None:
    def table(*options: str) -> list[int]:
        result = train("--rows", "5", *options, "--work", f"work{len(options)}")
        assert result.exit_code == 0, (result.stderr, result.exception)
        model = LightRNN.load("lightrnn.pt")
        assert model.provenance["table"] == (options or ("", "ppmi"))[1]
        return list(model.table.cells)

    words = Vocabulary.load("words.tsv")
    shape = WordTable.shaped(len(words), 5)
    vectors = ppmi_svd_embeddings(Corpus.encode([Path("train.txt")], words, "ids").ids, words, ())
    alike = balanced_clustering(vectors, words.counts, 5, shape.columns)
    assert table() == list(alike.cells)
    assert table("--table-init", "frequency") == list(shape.cells) != list(alike.cells)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--hidden-dim", "0"], "--hidden-dim 0; expected at least 1"),
        (["--dropout", "1.5"], "--dropout 1.5; expected at least 0 and less than 1"),
        (["--weight-dropout", "1"], "--weight-dropout 1; expected at least 0 and less than 1"),
        (["--epochs", "0"], "--epochs 0; expected more than 0"),
        (["--batch-size", "100000"], "streams"),
        (["--rows", "2", "--columns", "2"], "do not fit"),
        (["--reallocate-after", "2"], "reallocate_after"),
        (["--device", "nonsense"], "device 'nonsense'"),
    ],
)
def test_bad_settings(here: Path, options: list[str], expected: str) -> None:
    assert expected in bad(train(*options))
    assert not Path("lightrnn.pt").exists()


def test_bad_files(here: Path) -> None:
    Path("empty").touch()
    Path("latin").write_bytes(b"caf\xe9\n")
    base = ["--output", "lightrnn.pt", *TINY]
    for text, valid, words, expected in (
        ("empty", "valid.txt", "words.tsv", "empty: no word"),
        ("latin", "valid.txt", "words.tsv", "latin:1: "),
        ("none", "valid.txt", "words.tsv", "none: cannot be read"),
        ("train.txt", "empty", "words.tsv", "empty: no word"),
        ("train.txt", "valid.txt", "train.txt", "train.txt:1: "),
    ):
        assert expected in bad(run("train", text, "--valid", valid, "--vocabulary", words, *base))
    assert not Path("lightrnn.pt").exists()


def test_perplexity_of_a_mixture(here: Path) -> None:
    make_model().save("lightrnn.pt")
    write_arpa(here / "ngram.arpa")
    Path("text").write_text("the cat sat\n\nstrange dog\n")
    result = run(
        "perplexity", "text", "--lm", "lightrnn.pt", "--ngram", "ngram.arpa", "--fit", "valid.txt"
    )
    assert result.exit_code == 0, (result.stderr, result.exception)
    head, *rows = result.stdout.splitlines()
    assert head == "5 words, 2 sentences, context: sentence"
    assert [row.split()[0] for row in rows] == ["lightrnn", "ngram", "mixture"]
    assert [row.split()[-1] for row in rows[:2]] == ["1", "1"] and "unknown words" in rows[0]
    shares = [float(share) for share in re.findall(r"(?:lightrnn|ngram) ([0-9.]+)", rows[2])]
    assert sum(shares) == pytest.approx(1, abs=0.002) and rows[2].endswith("fitted on valid.txt")


def test_perplexity_of_bad_input(here: Path, no_english_model: None) -> None:
    make_model().save("lightrnn.pt")
    Path("empty").write_text("\n \n")
    assert "empty: no word in the text" in bad(run("perplexity", "empty", "--lm", "lightrnn.pt"))
    assert "empty: no word in the text" in bad(
        run("perplexity", "valid.txt", "--lm", "lightrnn.pt", "--fit", "empty")
    )
    assert "no language model" in bad(run("perplexity", "valid.txt"))
    assert "none.pt: cannot be read" in bad(run("perplexity", "valid.txt", "--lm", "none.pt"))


def test_table(here: Path) -> None:
    make_model().save("lightrnn.pt")
    Path("animals.txt").write_text("cat\t3\ndog\nhorse\n")
    result = run("table", "lightrnn.pt", "--list", "animals=animals.txt", "--html", "page.html")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert (
        "animals: 2 of 3 words in the vocabulary" in result.stdout
        and Path("page.html").stat().st_size < 30_000
    )
    assert result.stderr == "the table as a page: page.html\n"
    asked = run("table", "lightrnn.pt", "--word", "cat", "--word", "</s>", "--row", "0")
    assert [line.split()[0] for line in asked.stdout.splitlines()] == [
        "cat:",
        "row",
        "column",
        "</s>:",
        "row",
        "column",
        "0",
    ]


def test_table_of_bad_input(here: Path) -> None:
    make_model().save("lightrnn.pt")
    Path("rivers.txt").write_text("rhine\n")
    write_arpa(here / "ngram.arpa")
    for options, expected in (
        (["none.pt"], "none.pt: cannot be read"),
        (["ngram.arpa"], "ngram.arpa: not a model file"),
        (["lightrnn.pt", "--word", "horse"], "does not hold the word 'horse'"),
        (["lightrnn.pt", "--row", "4"], "there is no row 4"),
        (["lightrnn.pt", "--row", "-1"], "there is no row -1"),
        (["lightrnn.pt", "--list", "rivers.txt"], "expected NAME=FILE"),
        (["lightrnn.pt", "--list", "rivers=none"], "none: cannot be read"),
        (
            ["lightrnn.pt", "--list", "rivers=rivers.txt", "--html", "page.html"],
            "list rivers: no word of it",
        ),
    ):
        assert expected in bad(run("table", *options))
    assert not Path("page.html").exists()


def test_predict(here: Path) -> None:
    make_model().save("lightrnn.pt")
    best = rescorer.load("lightrnn.pt").next_words(["a", "dog"], 2, prefix="")
    expected = [f"{word}\t{share:.6g}" for word, share in best]
    for words in (["a", "dog"], ["a dog"]):
        result = run("predict", "--lm", "lightrnn.pt", "--top", "2", *words)
        assert result.exit_code == 0, (result.stderr, result.exception)
        assert result.stdout.splitlines() == expected
    result = run("predict", "--lm", "lightrnn.pt", "--prefix", "c", "a")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["cat"]
    assert run("predict", "--lm", "lightrnn.pt", "--prefix", "z").stdout == ""
    keys = CliRunner().invoke(
        lightrnn,
        ["predict", "--lm", "lightrnn.pt", "--top", "2", "--keys"],
        input="a dog\t\na dog\tz\na\tc\n",
    )
    assert [line.split("\t")[::2] for line in keys.stdout.splitlines()][1:] == [[""], ["cat"]]
    assert keys.stdout.splitlines()[0] == "\t".join(expected)


def test_predict_of_bad_input(here: Path, no_english_model: None) -> None:
    make_model().save("lightrnn.pt")
    write_arpa(here / "ngram.arpa")
    for options, expected in (
        (["the"], "no language model"),
        (["--lm", "none.pt"], "none.pt: cannot be read"),
        (["--lm", "ngram.arpa"], "cannot list its words"),
        (["--lm", "lightrnn.pt", "--keys", "the"], "--keys with"),
        (["--lm", "lightrnn.pt", "--keys", "--prefix", ""], "--keys with"),
        (["--prefix", "a b"], "--prefix 'a b'; expected the letters of one word; remedy: "),
        (["--prefix", " ", "the"], "--prefix ' '"),
    ):
        assert expected in bad(run("predict", *options))
    for lines, expected in (
        (b"the cat\n", "stdin:1: 'the cat'"),
        (b"the\t\ncaf\xe9\t\n", "stdin:2: "),
    ):
        result = CliRunner().invoke(
            lightrnn, ["predict", "--lm", "lightrnn.pt", "--keys"], input=lines
        )
        assert expected in bad(result)


def test_without_a_model_the_english_one_is_taken(here: Path, english_model: LightRNN) -> None:
    said = "no model is given: lightrnn-english is used, the English model of the package\n"
    for arguments, given in (
        (["perplexity", "valid.txt"], ["--lm", "english.pt"]),
        (["predict", "THE"], ["--lm", "english.pt"]),
        (["table"], ["english.pt"]),
    ):
        result = run(*arguments)
        assert result.exit_code == 0, (result.stderr, result.exception)
        assert result.stderr == said
        assert (
            result.stdout.replace("lightrnn-english", "lightrnn        ")
            == run(*arguments, *given).stdout
        )
    write_arpa(here / "ngram.arpa")
    assert run("perplexity", "valid.txt", "--ngram", "ngram.arpa").stderr == ""


def test_words_come_and_go(here: Path) -> None:
    make_model(cell_bias=True).save("lightrnn.pt")
    before = Path("lightrnn.pt").read_bytes()
    Path("new.txt").write_text("horse\ncat\n")
    Path("examples.txt").write_text("the horse sat on a mat\n")
    result = run("add-words", "lightrnn.pt", "new.txt", "--text", "examples.txt", "-o", "new.pt")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert "2 words in new.txt, 1 of them known already" in result.stderr
    model = LightRNN.load("new.pt")
    assert model.knows(["horse", "cat", "cow"]).tolist() == [True, True, False]
    assert sum(
        probability for _, probability in model.next_words(["the"], k=1000)
    ) == pytest.approx(1, abs=1e-5)
    Path("old.txt").write_text("horse\n")
    assert run("remove-words", "new.pt", "old.txt", "--output", "again.pt").exit_code == 0
    assert not LightRNN.load("again.pt").knows(["horse"]).any()
    assert Path("lightrnn.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "options", "expected"),
    [
        ("two words\n", [], "new.txt:1"),
        ("</s>\n", [], "new.txt:1"),
        ("horse\tmany\n", [], "new.txt:1"),
        ("horse\n", ["--prior", "0"], "prior"),
        ("".join(f"n{number}\n" for number in range(99)), ["--grow", "no"], "cells"),
        ("horse\n", ["--finetune", "3"], "--finetune without sentences"),
        ("horse\n", ["--config", "finetune.toml"], "--finetune without sentences"),
        ("horse\n", ["--finetune", "3", "--text", "others.txt"], "no example sentence holds"),
        ("horse\n", ["--move"], "--move without text"),
        ("horse\n", ["--replay", "others.txt"], "--replay is for --finetune and --move"),
        ("horse\n", ["--move", "--replay", "none.txt"], "none.txt: cannot be read"),
    ],
)
def test_words_that_cannot_come(here: Path, words: str, options: list[str], expected: str) -> None:
    make_model().save("lightrnn.pt")
    Path("new.txt").write_text(words)
    Path("others.txt").write_text("the cat sat\n")
    Path("finetune.toml").write_text("finetune = 3\n")
    assert expected in bad(
        run("add-words", "lightrnn.pt", "new.txt", "--output", "new.pt", *options)
    )
    assert not Path("new.pt").exists()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.parametrize("option", [None, "--text", "--like", "--replay"])
def test_words_in_other_encodings(here: Path, encoding: str, option: str | None) -> None:
    make_model().save("lightrnn.pt")
    Path("good.txt").write_text("horse\n")
    Path("bad.txt").write_bytes("héron\n".encode(encoding))
    options = [option, "bad.txt", *(["--move"] if option == "--replay" else [])] if option else []
    result = run(
        "add-words",
        "lightrnn.pt",
        "good.txt" if option else "bad.txt",
        "--output",
        "new.pt",
        *options,
    )
    message = bad(result)
    assert "bad.txt:1: byte 0x" in message and "iconv" in message
    assert not Path("new.pt").exists()


def test_words_trained_and_moved(here: Path) -> None:
    make_model().save("lightrnn.pt")
    before = Path("lightrnn.pt").read_bytes()
    Path("new.txt").write_text("horse\nmule\n")
    Path("examples.txt").write_text("the horse sat on a mat\n")
    Path("old.txt").write_text("the cat sat on a mat\na dog ran\n" * 20)
    result = run(
        "add-words",
        "lightrnn.pt",
        "new.txt",
        "--text",
        "examples.txt",
        "--output",
        "new.pt",
        "--finetune",
        "3",
        "--replay",
        "old.txt",
        "--move",
        "--grow",
        "columns",
    )
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert (
        "1 of the 2 new words are in no sentence" in result.stderr
        and "old words move" in result.stderr
    )
    model = LightRNN.load("new.pt")
    assert sum(
        probability for _, probability in model.next_words(["the"], k=1000)
    ) == pytest.approx(1, abs=1e-5)
    [note] = model.provenance["additions"]
    assert (note["finetune"], note["move"], note["replay"], note["columns"]) == (
        3,
        True,
        ["old.txt"],
        1,
    )
    assert Path("lightrnn.pt").read_bytes() == before


def test_adding_words_is_interrupted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before is there still, and no half of a file beside it."""

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    make_model().save("lightrnn.pt")
    Path("new.txt").write_text("horse\n")
    Path("new.pt").write_text("of before")
    files = sorted(here.rglob("*"))
    for place in (
        "rescorer.training.new_words.add_words.calibrate",
        "rescorer.models.torch_file.torch.save",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, interrupted)
            assert "interrupted" in bad(
                run("add-words", "lightrnn.pt", "new.txt", "--output", "new.pt")
            )
        assert Path("new.pt").read_text() == "of before"
        assert sorted(here.rglob("*")) == files
