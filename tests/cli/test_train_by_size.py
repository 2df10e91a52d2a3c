"""`lightrnn train` with a text and a validation text alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import rescorer
from rescorer.cli.lightrnn import lightrnn
from rescorer.models.lightrnn import LightRNN
from rescorer.training.auto_training import Chooser
from rescorer.training.loop import Trainer

QUICK = ["--hidden-dim", "8", "--epochs", "2"]


@pytest.fixture
def here(sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.set_num_threads(1)
    monkeypatch.setattr("rescorer.training.train.bfloat16_gain", lambda device: 0.5)
    monkeypatch.chdir(tmp_path)
    lines = sentences.read_text().splitlines(keepends=True)
    Path("valid.txt").write_text("".join(f"{line.strip()} twice\n" for line in lines[:40]))
    Path("train.txt").write_text("".join([*lines[40:], "once\n"]))
    return tmp_path


def train(*options: str, text: str = "train.txt", valid: str = "valid.txt") -> Result:
    command = ["train", text, "--valid", valid, "--output", "lightrnn.pt", *options]
    return CliRunner().invoke(lightrnn, command)


def trained(*options: str) -> tuple[LightRNN, str]:
    result = train(*options)
    assert result.exit_code == 0, (result.stderr, result.exception)
    model = rescorer.load("lightrnn.pt")
    assert isinstance(model, LightRNN)
    return model, result.stderr


def bad(result: Result) -> str:
    assert isinstance(result.exception, SystemExit), result.exception
    line = result.stderr.splitlines()[-1]
    assert result.exit_code == 2 and line.startswith("error: ") and "remedy: " in line
    assert not Path("lightrnn.pt").exists()
    return line


def test_all_is_chosen_said_and_told(here: Path) -> None:
    model, said = trained(*QUICK)
    assert "once" not in model.vocabulary and "cat" in model.vocabulary
    assert (model.settings.hidden_dim, model.settings.residual_columns) == (8, 6)
    assert model.provenance["training"]["epochs"] == 2  # type: ignore[index, call-overload]
    for wanted in (
        r"the text has 2,522 words with the ends of sentences, 11 different ones",
        r"chosen by the size of the text: rows 2, ",
        r"reads the text 2 times, about \d+ s at [\d,]+ words a second; --hours ",
        r"estimate from the curve of this run: validation perplexity at best [\d.]+ in twice the",
        rf"{model.parameter_count():,} parameters, 0.0 MB\nbest validation perplexity [\d.]+: ligh",
    ):
        assert re.search(wanted, said), wanted
    assert "hidden-dim" not in said


def test_hours_choose_how_much_is_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chooser, "speed", lambda chooser, settings: 10.0)
    # 0.85 · 720 s · 10 words are two readings of 2,522 words, not three
    model, said = trained("--hidden-dim", "8", "--hours", "0.2")
    assert model.provenance["training"]["epochs"] == 2  # type: ignore[index, call-overload]
    assert "reads the text 2 times, about 9 min at 10 words a second" in said


def test_a_vocabulary_and_hours(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chooser, "speed", lambda chooser, settings: 1000.0)
    Path("words.tsv").write_text("# case=as-is\n</s>\t9\n<unk>\t5\ncat\t3\n")
    options = ["--hours", "0.01", "--epochs", "1", "--hidden-dim", "8"]
    model, said = trained("--vocabulary", "words.tsv", *options)
    assert model.vocabulary.words == ("</s>", "<unk>", "cat") and "chosen by the size" in said


class Killed(Exception):
    pass


def test_a_resumed_run_keeps_its_choice(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast the machine is then; it ends as one that was not cut."""
    options = ("--hidden-dim", "8", "--hours", "0.1")
    speeds = iter([20.0, 20.0, 20.0, 20.0, 20.0, 20.0])
    monkeypatch.setattr(Chooser, "speed", lambda chooser, settings: next(speeds))
    whole, _ = trained(*options, "--work", "whole")
    end_interval = Trainer._end_interval

    def killed(trainer: Trainer, interval: int) -> None:
        end_interval(trainer, interval)
        trainer._save_checkpoint()
        if interval == 2:
            raise Killed

    with monkeypatch.context() as cut:
        cut.setattr(Trainer, "_end_interval", killed)
        assert isinstance(train(*options).exception, Killed)
    record = Path("lightrnn.pt.work/choice.json").read_text()
    monkeypatch.setattr(Chooser, "speed", lambda chooser, settings: pytest.fail("measured"))
    resumed, said = trained(*options)
    assert "going on from step" in said and "chosen by" not in said
    assert json.loads(record) == json.loads(Path("whole/choice.json").read_text())
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_bad_input(here: Path) -> None:
    Path("empty").touch()
    Path("ten").write_text("one two three four five six seven eight nine ten\n")
    assert "--hours 0; expected a number above 0; " in bad(train("--hours", "0"))
    assert "--hours nan; expected" in bad(train("--hours", "nan"))
    assert "has 11 words; expected at least 1,000; remedy: give more text" in bad(
        train("--work", "a", text="ten")
    )
    assert "valid.txt: the validation text is the training text" in bad(
        train("--work", "b", text="valid.txt")
    )
    assert "empty: no word" in bad(train("--work", "c", text="empty"))
    assert "empty: no word" in bad(train("--work", "d", valid="empty"))
    assert "--hours leaves" in bad(train("--work", "e", "--hours", "1e-6"))


def test_a_validation_text_within_the_training_text(here: Path) -> None:
    lines = Path("train.txt").read_text().splitlines(keepends=True)
    Path("valid.txt").write_text("".join(lines[:50]))
    _, said = trained(*QUICK)
    assert "valid.txt: 100 % of the validation text stands in the training text, too" in said
