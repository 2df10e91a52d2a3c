"""The `.pt` files of k2's lattices, read without k2 and torch.

torch.save writes a zip archive: a pickle, and the numbers of each tensor. The reader here knows tensors and plain
values only: no file can run code, and none can claim more memory than it has bytes.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.lattice import spans

AGAIN = "make the file again"
_DTYPES = {f"{name}Storage": np.dtype(dtype) for name, dtype in (
    ("Float", "<f4"), ("Double", "<f8"), ("Half", "<f2"), ("Long", "<i8"), ("Int", "<i4"), ("Short", "<i2"),
    ("Char", "i1"), ("Byte", "u1"), ("Bool", "?"))}


@dataclass(frozen=True, eq=False)
class Ragged:
    """Any number of values for each arc: those of arc a are values[splits[a] : splits[a + 1]].

    Attributes:
        splits: [A + 1] from 0, ascending.
        values: [N] integers or floats.
    """

    splits: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.splits) - 1

    def take(self, indices: np.ndarray) -> Ragged:
        """The column of these arcs; -1 is an arc without values."""
        begins, ends = (np.append(splits, 0)[indices] for splits in (self.splits[:-1], self.splits[1:]))
        return Ragged(np.concatenate([[0], np.cumsum(ends - begins)]), self.values[spans(begins, ends)])


def load(path: Path) -> dict[str, Any]:
    """The dictionary of a file, tensors as NumPy arrays.

    Raises:
        InputError: it cannot be read, or holds anything but tensors and plain values.
    """
    place = Place(path)
    with open_binary(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                content = _Unpickler(archive, place).load()
        except InputError:
            raise
        except Exception as error:  # a damaged pickle can raise almost any
            _damaged(place, error)
    if not (isinstance(content, dict) and all(isinstance(name, str) for name in content)):
        raise place.error("no dictionary of attributes", "what Fsa.as_dict() gives",
                          "save fsa.as_dict() with torch.save")
    content = {name: _ragged(name, value, place) for name, value in content.items()}
    check_plain(content, place)
    return content


def check_plain(content: Mapping[str, Any], place: Place) -> None:
    """Raises InputError for an attribute that is neither a tensor nor a plain value."""
    for name, value in content.items():
        waiting = [] if isinstance(value, (np.ndarray, Ragged)) else [value]
        seen: set[int] = set()  # a list may hold itself
        while waiting:
            item = waiting.pop()
            if id(item) in seen:
                continue
            if isinstance(item, (list, tuple, dict)):
                seen.add(id(item))
                waiting.extend([*item, *item.values()] if isinstance(item, dict) else item)
            elif not (item is None or type(item) in (bool, int, float, str)):
                raise place.error(f"attribute {show(name)} holds a {type(item).__name__}",
                                  "tensors with a row for each arc, and texts, numbers and lists",
                                  "delete the attribute before as_dict()")


def too_deep(name: str, place: Place) -> InputError:
    return place.error(f"attribute {show(name)} is ragged on several levels", "one list for each arc",
                       "delete the attribute before as_dict()")


def _damaged(place: Place, error: Exception) -> NoReturn:
    cause = f"{error}".partition("\n")[0][:80] or type(error).__name__
    raise place.error(f"damaged, cut short, or no file of torch.save: {cause}", "a .pt file of Fsa.as_dict()", AGAIN)


@dataclass(frozen=True)
class _Storage:
    """The numbers of one or more tensors."""

    __slots__ = ("data", "dtype")
    data: bytes
    dtype: np.dtype[Any]


class _Unpickler(pickle._Unpickler):  # in Python: to the one in C, a damaged file can claim gigabytes
    """Unpickles tensors and plain values, and nothing else.

    What is given for the names in the file is made for it and cannot be changed by it, and does nothing but keep data.
    """

    def __init__(self, archive: zipfile.ZipFile, place: Place) -> None:
        self._archive, self._place = archive, place
        self._members: dict[str, bytes] = {}
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        self._root = pickled.removesuffix("data.pkl")
        super().__init__(io.BytesIO(self._member("data.pkl")))

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("_k2.ragged", "RaggedTensor"):
            return type("RaggedTensor", (_Pickled,), {})
        raise self._place.error(
            f"holds code: {module}.{name}", "tensors, texts and numbers only",
            "delete this attribute before as_dict(); never open a file from a stranger with torch.load",
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, _ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise ValueError("unknown storage")
        return _Storage(self._member(f"data/{key}"), dtype)

    def _member(self, name: str) -> bytes:
        if name not in self._members:
            info = self._archive.getinfo(self._root + name)
            if info.compress_type != zipfile.ZIP_STORED:  # torch never packs: this may be a bomb
                raise ValueError("a compressed archive")
            self._members[name] = self._archive.read(info)
        return self._members[name]


class _Rebuild:
    """Stands for the function that makes a tensor of a storage."""

    __slots__ = ()

    def __call__(self, storage: _Storage, offset: int, size: Sequence[int], stride: Sequence[int],
                 *_: Any) -> np.ndarray:
        if not isinstance(storage, _Storage) or len(size) != len(stride):
            raise ValueError("a tensor without storage")
        item = storage.dtype.itemsize
        if min((offset, *size, *stride), default=0) < 0 or math.prod(size) > len(storage.data) // item:
            raise ValueError("a tensor greater than its storage")
        # NumPy checks that all of it lies within the data.
        strides = tuple(item * each for each in stride)
        tensor: np.ndarray = np.ndarray(tuple(size), storage.dtype, storage.data, offset * item, strides)
        return tensor


class _Pickled:
    """Stands for a RaggedTensor: keeps its state, (row splits, "row_ids1", values)."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _ragged(name: str, value: Any, place: Place) -> Any:
    """`value`, or the Ragged that it stands for."""
    if not isinstance(value, _Pickled):
        return value
    state = value.state
    if isinstance(state, tuple) and len(state) > 3:
        raise too_deep(name, place)
    if isinstance(state, tuple) and len(state) == 3:
        splits, _, values = state
        if (all(isinstance(each, np.ndarray) and each.ndim == 1 for each in (splits, values))
                and splits.dtype.kind == "i" and len(splits) and splits[0] == 0 and splits[-1] == len(values)
                and (splits[1:] >= splits[:-1]).all()):
            return Ragged(splits.astype(np.int64), values)
    raise place.error(f"attribute {show(name)} is no ragged tensor", "row splits and values", AGAIN)
