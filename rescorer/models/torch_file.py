"""Plain data and tensors in one torch file, which opening cannot make run code.

The safe reader of torch 1.13 knows texts and tensors, but not even floats: what is plain goes as JSON, tensors apart.
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

_TENSOR = "tensor"


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


def read_torch(path: str | Path, device: str | torch.device = "cpu") -> Any:
    """Read what `write_torch` wrote, tensors onto the device; what another program saved comes as it is.

    Raises:
        Exception: almost any, for a file of another kind.
    """
    content = torch.load(path, map_location=device, weights_only=True)
    if not isinstance(content, dict) or content.keys() != {"plain", "tensors"}:
        return content
    tensors = content["tensors"]
    return json.loads(content["plain"], object_hook=lambda item: tensors[item[_TENSOR]] if _TENSOR in item else item)


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
