"""`lightrnn export` from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import make_model

from rescorer.cli.lightrnn import lightrnn

ROOT = Path(__file__).parents[2]

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    make_model().save(tmp_path / "lightrnn.pt")
    return tmp_path / "lightrnn.pt"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(lightrnn, ["export", *map(str, arguments)])


def test_int8_with_a_text(model: Path, sentences: Path, tmp_path: Path) -> None:
    result = run(model, "--output", tmp_path / "int8.onnx", "--int8", "--text", sentences)
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.output.splitlines()] == [
        "float32",
        "int8",
        "perplexity",
    ]
    assert (tmp_path / "int8.onnx").exists()


def test_bad_input_leaves_nothing(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    output = tmp_path / "model.onnx"
    cases = [
        ((tmp_path / "none.pt", "--output", output), "none.pt: cannot be read"),
        ((tmp_path / "empty.txt", "--output", output), "not a model file"),
        ((model, "--output", output, "--text", tmp_path / "empty.txt"), "no word in the text"),
        ((model, "--output", model / "model.onnx"), "cannot be written"),
    ]
    for arguments, found in cases:
        result = run(*arguments)
        assert (
            result.exit_code == 2
            and found in result.output
            and len(result.output.splitlines()) == 1
        )
    assert {path.name for path in tmp_path.iterdir()} == {"empty.txt", "lightrnn.pt"}


@pytest.mark.skipif(
    not (ROOT / "build/kenlm/bin/lmplz").exists(), reason="recipes/mini needs lmplz: make kenlm"
)
def test_the_demo_exports_its_model(tmp_path: Path, sentences: Path, commands: Path) -> None:
    """It is trained with dropout."""
    make_model(dropout=0.3).save(tmp_path / "lightrnn.pt")
    (tmp_path / "test.txt").write_text(
        "".join(sentences.read_text().splitlines(keepends=True)[:20])
    )
    (tmp_path / "names.txt").write_text("cat\n", encoding="utf-8")
    path = f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        [
            "bash",
            ROOT / "recipes/mini/run.sh",
            "--stage",
            "8",
            "--stop-stage",
            "8",
            "--output",
            tmp_path,
        ],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "nats a word off torch" in result.stdout
    assert (tmp_path / "lightrnn.onnx").exists() and (tmp_path / "table.html").exists()
