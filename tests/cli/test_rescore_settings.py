"""The settings of `rescore`: help in groups, files of settings, and options out of range."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from cli.test_rescore import LISTS, bad, good, run
from conftest import make_model

from rescorer.recognition.formats import write_nbest
from rescorer.rescoring.settings import ExpansionSettings, LatticeSettings, RescoreSettings
from rescorer.settings import option_fields

LM = ("--lm", "lightrnn.pt")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and lists, where the command runs."""
    monkeypatch.chdir(tmp_path)
    make_model().save("lightrnn.pt")
    write_nbest("lists.jsonl", LISTS, "jsonl")
    return tmp_path


def test_help_is_in_groups_and_help_all_has_every_option() -> None:
    short, everything = run("--help").stdout, run("--help-all").stdout
    for group in ("Models", "Weights", "Report", "Input", "Output", "Lattices"):
        assert f"\n{group}:\n" in short
    assert "--max-histories" not in short and "More options" not in short
    fields = [*option_fields(RescoreSettings), *option_fields(LatticeSettings)]
    assert all(f"--{field.name.replace('_', '-')}" in everything for field in fields)
    assert "[default: 16]" in everything and "--old-lm-model" in everything
    assert run("--version").stdout.startswith("rescore, version ")


def test_printed_settings_give_the_same_result(here: Path) -> None:
    """A file of all settings serves lists too, although it holds those of lattices."""
    printed = good("--print-config", "lists.jsonl").stdout
    assert "beam = 16.0" in printed and "memory = 1024" in printed
    Path("settings.toml").write_text(printed)
    plain = good("lists.jsonl", *LM)
    assert good("lists.jsonl", *LM, "--config", "settings.toml").stdout == plain.stdout
    assert good("--print-config").stdout == printed, "no input is needed"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("beem = 3", "expected 'beam', perhaps"),
        ("beam = 'wide'", "expected a number"),
        ("memory = 0", "expected at least 1"),
    ],
)
def test_bad_files_of_settings(here: Path, line: str, expected: str) -> None:
    Path("settings.toml").write_text(f"{line}\n")
    message = bad("lists.jsonl", *LM, "--config", "settings.toml")
    assert message.startswith("error: settings.toml: ") and expected in message


def test_lists_with_names_have_the_search_of_lattices(here: Path) -> None:
    Path("names.txt").write_text("cat\n")
    narrow = ("--order", "2", "--beam", "8", "--max-histories", "4", "--mbr")
    good("lists.jsonl", *LM, "--names", "names.txt", *narrow, "--output", "best")
    message = bad("lists.jsonl", *LM, "--names", "names.txt", "--old-lm", "drop")
    assert "--old-lm is for lattices" in message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--memory", 0], "--memory 0; expected at least 1"),
        (["--nbest", 0], "--nbest 0; expected at least 1"),
        (["--beam", "nan"], "--beam nan; expected a number"),
        (["--beem", 3], "No such option '--beem'"),
        (["--mixture", "cubic"], "'cubic' is not one of"),
        (["--lattice-output", "out"], "--lattice-output is for lattices"),
        (["--symbols", "words.txt"], "--symbols is for lattices"),
        (["--no-mbr"], "--mbr is for lattices"),
    ],
)
def test_bad_options(here: Path, options: list[str], expected: str) -> None:
    assert expected in bad("lists.jsonl", *LM, *options)


def test_settings_hold_their_bounds() -> None:
    assert ExpansionSettings(order=0, beam=math.inf, max_histories=0).apart == math.inf
    assert ExpansionSettings(compact=True).apart == ExpansionSettings().apart / 2
    for change in ({"order": -1}, {"beam": 0.0}, {"beam": math.nan}, {"max_histories": -1}):
        with pytest.raises(ValueError, match=f"^{next(iter(change))} = "):
            dataclasses.replace(ExpansionSettings(), **change)  # type: ignore[arg-type]
    assert RescoreSettings(memory=2).memory_bytes == 2 << 20
