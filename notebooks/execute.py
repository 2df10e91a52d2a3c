"""Run the notebooks of this folder and store what their cells print.

    python notebooks/execute.py

A cell's output is what it prints, so a test can compare it without Jupyter.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def execute(notebook: dict[str, Any], folder: Path) -> list[str]:
    """Run the code cells in order, in one namespace and in `folder`; the text that each prints."""
    namespace: dict[str, object] = {}
    printed = []
    before = Path.cwd()
    os.chdir(folder)
    try:
        for cell in code_cells(notebook):
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile("".join(cell["source"]), "cell", "exec"), namespace)
            printed.append(output.getvalue())
    finally:
        os.chdir(before)
    return printed


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def stored(cell: dict[str, Any]) -> str:
    """The text that a cell has as its output."""
    return "".join("".join(output["text"]) for output in cell["outputs"])


def store(notebook: dict[str, Any], printed: list[str]) -> None:
    """Put the printed texts into the notebook as outputs."""
    for number, (cell, text) in enumerate(zip(code_cells(notebook), printed, strict=True), start=1):
        lines = text.splitlines(keepends=True)
        output = {"name": "stdout", "output_type": "stream", "text": lines}
        cell["execution_count"] = number
        cell["outputs"] = [output] if lines else []


def main() -> None:
    for path in sorted(FOLDER.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        store(notebook, execute(notebook, FOLDER))
        text = json.dumps(notebook, ensure_ascii=False, indent=1)
        path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
