"""Files of plain data and tensors."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from rescorer.errors import InputError
from rescorer.models.torch_file import read_torch, write_torch


def test_round_trip(tmp_path: Path) -> None:
    content = {
        "floats": [0.1, -1e-300, 1e300, 3.0],
        "nested": {"a": [{"b": None}, True, 7, "ünï\ncode"]},
        "empty": [{}, [], ""],
        "tensors": [torch.arange(3), {"deep": torch.tensor([0.1], dtype=torch.float64)}],
    }
    write_torch(content, tmp_path / "file.pt")
    again = read_torch(tmp_path / "file.pt")
    assert {name: again[name] for name in ("floats", "nested", "empty")} == {
        name: content[name] for name in ("floats", "nested", "empty")
    }
    assert torch.equal(again["tensors"][0], torch.arange(3))
    assert again["tensors"][1]["deep"].dtype == torch.float64
    assert again["tensors"][1]["deep"].item() == 0.1


def test_keys_become_texts_and_tuples_lists(tmp_path: Path) -> None:
    write_torch({1: (2, 3), "nan": math.nan}, tmp_path / "file.pt")
    again = read_torch(tmp_path / "file.pt")
    assert again["1"] == [2, 3] and math.isnan(again["nan"])


def test_only_texts_and_tensors_are_pickled(tmp_path: Path) -> None:
    write_torch({"number": 0.5, "tensor": torch.zeros(2)}, tmp_path / "file.pt")
    raw = torch.load(tmp_path / "file.pt", weights_only=True)
    assert set(raw) == {"plain", "tensors"} and isinstance(raw["plain"], str)


def test_full_disk() -> None:
    with pytest.raises(InputError, match="/dev/full: cannot be written"):
        write_torch({"tensor": torch.zeros(9)}, "/dev/full")
