"""Plain data and tensors in one torch file. Reading a file runs no code of it.

Plain data is stored as JSON, and tensors separately. The project has its own reader, because
torch's `weights_only` has had vulnerabilities (CVE-2025-32434, CVE-2026-24747).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rescorer.files import whole_path
from rescorer.torch_zip import Damaged, read_torch_zip

Content = Mapping[str, Any]  # of a file: whoever makes objects of it checks the types

_TENSOR = "tensor"
_MAX_DEPTH = 100  # of nested dictionaries and lists


def write_torch(content: Mapping[str, object], path: str | Path) -> None:
    """Write dictionaries, lists, strings, numbers and tensors, whole or not at all.

    `read_torch` returns keys as strings and tuples as lists.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    tensors: list[Tensor] = []
    plain = json.dumps(_without_tensors(content, tensors), ensure_ascii=False)
    # Python writes the file, because on a full disk torch's writer hides the cause.
    buffer = io.BytesIO()
    torch.save({"plain": plain, "tensors": tensors}, buffer)
    with whole_path(path) as work:
        work.write_bytes(buffer.getbuffer())


def read_torch(path: str | Path) -> Any:
    """Read a file of `write_torch`.

    Raises:
        OSError: the file cannot be opened.
        HoldsCode, Damaged: a file of another kind, or a damaged one.
    """
    with open(path, "rb") as file:
        content = read_torch_zip(file, tensor=torch.from_numpy)
    if not isinstance(content, dict) or content.keys() != {"plain", "tensors"}:
        raise Damaged("a file of another program")
    tensors = content["tensors"]
    try:
        return _with_tensors(json.loads(content["plain"]), tensors, _MAX_DEPTH)
    except (TypeError, ValueError, LookupError, RecursionError) as error:
        raise Damaged(f"{error}") from None


def _with_tensors(value: object, tensors: Sequence[Tensor], levels: int) -> object:
    """The value with tensors instead of the positions that `_without_tensors` put there."""
    if not isinstance(value, (dict, list)):
        return value
    if not levels:
        raise ValueError("lists are nested more deeply than in any model")
    if isinstance(value, list):
        return [_with_tensors(item, tensors, levels - 1) for item in value]
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    return {key: _with_tensors(item, tensors, levels - 1) for key, item in value.items()}


def _without_tensors(value: object, tensors: list[Tensor]) -> object:
    """The value with each tensor moved to the list and replaced by its position there."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return {_TENSOR: len(tensors) - 1}
    if isinstance(value, Mapping):
        return {str(key): _without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_tensors(item, tensors) for item in value]
    return value
