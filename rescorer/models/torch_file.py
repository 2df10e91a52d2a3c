"""Plain data and tensors in one torch file, which opening cannot make run code.

What is plain goes as JSON, tensors apart. The reader is the project's own, whatever the release of
torch: its `weights_only` has had holes (CVE-2025-32434, CVE-2026-24747).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rescorer.files import whole_path
from rescorer.torch_zip import Damaged, read_torch_zip

_TENSOR = "tensor"
_DEEPEST = 100  # dictionaries and lists within each other


def write_torch(content: Mapping[str, Any], path: str | Path) -> None:
    """Write dictionaries, lists, texts, numbers and tensors, whole or not at all.

    Keys come back as texts, tuples as lists.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    tensors: list[Tensor] = []
    plain = json.dumps(_without_tensors(content, tensors), ensure_ascii=False)
    buffer = io.BytesIO()  # written by Python: on a full disk torch's own writer hides the cause
    torch.save({"plain": plain, "tensors": tensors}, buffer)
    with whole_path(path) as work:
        work.write_bytes(buffer.getbuffer())


def read_torch(path: str | Path) -> Any:
    """Read what `write_torch` wrote.

    Raises:
        OSError: the file cannot be opened.
        HoldsCode, Damaged: it is of another kind, or damaged.
    """
    with open(path, "rb") as file:
        content = read_torch_zip(file, tensor=torch.from_numpy)
    if not isinstance(content, dict) or content.keys() != {"plain", "tensors"}:
        raise Damaged("a file of another program")
    tensors = content["tensors"]
    try:
        return _with_tensors(json.loads(content["plain"]), tensors, _DEEPEST)
    except (TypeError, ValueError, LookupError, RecursionError) as error:
        raise Damaged(f"{error}") from None


def _with_tensors(value: Any, tensors: Any, levels: int) -> Any:
    """The value with each tensor in its place, as `_without_tensors` took it."""
    if not isinstance(value, (dict, list)):
        return value
    if not levels:
        raise ValueError("more lists within each other than any model has")
    if isinstance(value, list):
        return [_with_tensors(item, tensors, levels - 1) for item in value]
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    return {key: _with_tensors(item, tensors, levels - 1) for key, item in value.items()}


def _without_tensors(value: Any, tensors: list[Tensor]) -> Any:
    """The value with each tensor moved to the list, and its place there instead."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return {_TENSOR: len(tensors) - 1}
    if isinstance(value, Mapping):
        return {str(key): _without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_tensors(item, tensors) for item in value]
    return value
