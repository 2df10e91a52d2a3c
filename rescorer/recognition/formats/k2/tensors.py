"""Tensors of torch and of k2 as NumPy arrays, and back. No other file imports k2."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from rescorer.errors import InputError
from rescorer.recognition.formats.k2.attributes import MEMORY
from rescorer.recognition.formats.k2.columns import Ragged
from rescorer.recognition.formats.k2.pt_file import too_deep
from rescorer.recognition.formats.parsing import show

Fsa: TypeAlias = Any  # a k2.Fsa, which may be an FsaVec: k2 ships no types


def import_k2() -> ModuleType:
    """k2. Raises InputError where it cannot be imported."""
    try:
        import k2
    except ImportError as error:  # k2 raises it for a torch that it was not built for, too
        cause = str(error).strip().partition("\n")[0]
        raise InputError(
            f"k2 cannot be imported: {cause}",
            remedy="on Python 3.10, pip install torch==1.13.1 'numpy<2', then "
            "tools/install_k2.sh python3.10 of the repository (pip "
            "alone may take k2's build for Python 3.9)",
        ) from None
    module: ModuleType = k2
    return module


def to_numpy(name: str, value: object) -> object:
    """An attribute of an Fsa on the CPU: a tensor as a NumPy array, a ragged one as `Ragged`,
    others as they are.

    Raises:
        InputError: a tensor that NumPy has no type for, or that is ragged on several levels.
    """
    import torch

    k2 = import_k2()
    if isinstance(value, k2.RaggedTensor):
        if value.num_axes != 2:
            raise too_deep(name, MEMORY)
        splits = value.shape.row_splits(1).numpy().astype(np.int64)
        return Ragged(splits, value.values.detach().numpy())
    if isinstance(value, torch.Tensor):
        if value.dtype == torch.bfloat16:
            raise MEMORY.error(
                f"attribute {show(name)} is bfloat16", "float32", "convert it with .float()"
            )
        return value.detach().numpy()
    return value


def to_torch(content: Mapping[str, object]) -> dict[str, object]:
    """A dictionary with NumPy arrays and `Ragged` as tensors. Raises InputError where one is ragged
    and k2 cannot be imported.
    """
    return {name: _tensor(value) for name, value in content.items()}


def _tensor(value: object) -> object:
    import torch

    if isinstance(value, Ragged):
        k2 = import_k2()
        splits = torch.from_numpy(value.splits.astype(np.int32))
        shape = k2.ragged.create_ragged_shape2(splits, None, len(value.values))
        return k2.RaggedTensor(shape, torch.from_numpy(value.values.copy()))
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
