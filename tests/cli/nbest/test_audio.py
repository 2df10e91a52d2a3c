"""The commands that decode audio, without the packages that do it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_audio import write_wav

from rescorer.cli.nbest import nbest

COMMANDS = {
    "whisper": ["--model", "model"],
    "vosk": ["--model", "model"],
    "pocketsphinx": [],
}
PACKAGES = {"whisper": "ctranslate2", "vosk": "vosk", "pocketsphinx": "pocketsphinx"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_extra(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, PACKAGES[command], None)
    write_wav(tmp_path / "a.wav", np.zeros(9))
    result = CliRunner().invoke(nbest, [command, "a.wav", *COMMANDS[command], "-o", "out"])
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr == (
        f"error: {PACKAGES[command]} is not installed; remedy: pip install "
        f"'lightrnn-rescorer[{command}]'\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_would_replace_an_input(command: str, tmp_path: Path) -> None:
    path = str(write_wav(tmp_path / "a.wav", np.zeros(9)))
    result = CliRunner().invoke(nbest, [command, path, *COMMANDS[command], "-o", path])
    assert result.exit_code == 2 and "would replace" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_settings_are_printed(command: str) -> None:
    result = CliRunner().invoke(nbest, [command, "--print-config"])
    assert result.exit_code == 0 and "skip_bad = false" in result.stdout


def test_letters_that_are_no_bracket_expression() -> None:
    result = CliRunner().invoke(
        nbest, ["whisper", "a.wav", "--model", "m", "-o", "out", "--letters", "z-a"]
    )
    assert result.exit_code == 2 and "letters = 'z-a'" in result.stderr
