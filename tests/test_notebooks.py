"""The notebooks run, and print what is stored in them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def notebooks() -> ModuleType:
    """The script that runs notebooks; it belongs to no package."""
    spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(*sources: str) -> dict[str, Any]:
    cells = [{"cell_type": "code", "source": [source], "outputs": []} for source in sources]
    return {"cells": [{"cell_type": "markdown", "source": ["text"]}, *cells]}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_prints_what_is_stored(path: Path, notebooks: ModuleType) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    expected = [notebooks.stored(cell) for cell in notebooks.code_cells(content)]
    assert notebooks.execute(content, FOLDER) == expected
    assert any(expected)


def test_there_are_two_small_ones() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["rescoring", "table"]
    assert all(path.stat().st_size < 20_000 for path in NOTEBOOKS)


def test_cells_share_names_and_output_is_stored(notebooks: ModuleType, tmp_path: Path) -> None:
    content = notebook("a = 2", "print(a)\nprint('b')", "import os; print(os.listdir())")
    printed = notebooks.execute(content, tmp_path)
    assert printed == ["", "2\nb\n", "[]\n"]
    notebooks.store(content, printed)
    assert [notebooks.stored(cell) for cell in notebooks.code_cells(content)] == printed


def test_an_error_in_a_cell_ends_the_run(notebooks: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        notebooks.execute(notebook("1 / 0"), tmp_path)
