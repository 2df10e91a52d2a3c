"""`lightrnn reallocate` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from conftest import make_model

from rescorer.cli.lightrnn import lightrnn
from rescorer.models.lightrnn import LightRNN
from rescorer.training.reallocation import reallocate as reallocation


@pytest.fixture
def here(sentences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_model().save("old.pt")
    return tmp_path


def run(*options: str) -> Result:
    return CliRunner().invoke(lightrnn, ["reallocate", "old.pt", "sentences.txt", *options])


def test_words_move_and_nothing_else(here: Path) -> None:
    before = Path("old.pt").read_bytes()
    result = run("--output", "new.pt", "--threads", "1")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert "lower bound" in result.stderr and "of 11 words moved" in result.stderr
    assert Path("old.pt").read_bytes() == before
    old, new = LightRNN.load("old.pt"), LightRNN.load("new.pt")
    assert new.vocabulary.words == old.vocabulary.words
    moved = int((old.table.cells != new.table.cells).sum())
    assert (
        new.provenance["reallocations"]
        == [{"texts": ["sentences.txt"], "words": 2800, "moved": moved}]
        and moved
    )
    # these follow the words
    of_words = "cell_bias", "row_out.bias", "residual_in", "residual_out", "head_word_log_odds"
    for name, value in old.state_dict().items():
        assert torch.equal(value, new.state_dict()[name]) is (name not in of_words)
    assert not list(Path("new.pt.work").glob("*.npz")), (
        "what a cut call goes on from is no longer needed"
    )


def test_lists_place_words_that_the_text_lacks(here: Path) -> None:
    Path("lists.tsv").write_text("cat\t1\tanimals\ndog\t1\tanimals\n", encoding="utf-8")
    assert run("--output", "new.pt", "--lists", "lists.tsv").exit_code == 0
    Path("lists.tsv").write_text("cat\n", encoding="utf-8")
    result = run("--output", "other.pt", "--lists", "lists.tsv")
    assert (
        result.exit_code == 2 and "lists.tsv:1: " in result.stderr and not Path("other.pt").exists()
    )


@pytest.mark.parametrize(
    "options, message",
    [
        (("--output", "old.pt"), "remedy: give another --output"),
        (("--output", "new.pt", "--block-size", "0"), "--block-size 0"),
        (("--output", "new.pt", "--lists", "missing.tsv"), "missing.tsv: cannot be read"),
    ],
)
def test_what_cannot_be(here: Path, options: tuple[str, ...], message: str) -> None:
    before = Path("old.pt").read_bytes()
    result = run(*options)
    assert (
        result.exit_code == 2 and message in result.stderr and len(result.stderr.splitlines()) == 1
    )
    assert Path("old.pt").read_bytes() == before and not Path("new.pt").exists()


def test_an_interrupted_call_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--output", "whole.pt").exit_code == 0
    assign, passes = reallocation.assign, []
    monkeypatch.setattr(
        reallocation,
        "cell_costs",
        lambda *a, _measure=reallocation.cell_costs, **k: (passes.append(1), _measure(*a, **k))[1],
    )

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reallocation, "assign", interrupted)
    result = run("--output", "new.pt")
    assert result.exit_code == 2 and "interrupted" in result.stderr and not Path("new.pt").exists()
    monkeypatch.setattr(reallocation, "assign", assign)
    assert run("--output", "new.pt").exit_code == 0
    assert passes == [1], "the costs were measured once"
    assert np.array_equal(
        LightRNN.load("new.pt").table.cells, LightRNN.load("whole.pt").table.cells
    )
