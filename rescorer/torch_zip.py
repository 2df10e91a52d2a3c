"""The files of torch.save, read without torch.

torch.save writes a zip archive: a pickle, and the numbers of each tensor. The reader here knows
tensors and plain values only: no file can run code, and none can claim more memory than it has
bytes.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import IO, ClassVar

import numpy as np

_DTYPES = {
    f"{name}Storage": np.dtype(dtype)
    for name, dtype in (
        ("Float", "<f4"),
        ("Double", "<f8"),
        ("Half", "<f2"),
        ("Long", "<i8"),
        ("Int", "<i4"),
        ("Short", "<i2"),
        ("Char", "i1"),
        ("Byte", "u1"),
        ("Bool", "?"),
    )
}
_BLOCK = 1 << 24  # bytes that are read at a time
# Those of torch.save: marks, plain values, lists, tuples, the memo, names. The others are below.
_OPCODES = (
    pickle.PROTO
    + pickle.FRAME
    + pickle.STOP
    + pickle.MARK
    + pickle.NONE
    + pickle.NEWTRUE
    + pickle.NEWFALSE
    + pickle.BININT
    + pickle.BININT1
    + pickle.BININT2
    + pickle.LONG1
    + pickle.BINFLOAT
    + pickle.BINUNICODE
    + pickle.SHORT_BINUNICODE
    + pickle.EMPTY_LIST
    + pickle.APPEND
    + pickle.APPENDS
    + pickle.EMPTY_DICT
    + pickle.EMPTY_TUPLE
    + pickle.TUPLE
    + pickle.TUPLE1
    + pickle.TUPLE2
    + pickle.TUPLE3
    + pickle.BINPUT
    + pickle.LONG_BINPUT
    + pickle.BINGET
    + pickle.LONG_BINGET
    + pickle.MEMOIZE
    + pickle.GLOBAL
    + pickle.STACK_GLOBAL
    + pickle.BINPERSID
)

MakeTensor = Callable[[np.ndarray], object]


class Damaged(ValueError):
    """No file of torch.save, or one that is damaged or cut short."""


class HoldsCode(ValueError):
    """A file that names code; the message is the name."""


@dataclass(eq=False)
class Pickled:
    """Stands for an object of a class that the caller named: its state as it was pickled."""

    state: object = None


@dataclass(frozen=True)
class _Name:
    """A class or a function that the pickle names: nothing of it but the name is here."""

    name: str


@dataclass(frozen=True, eq=False)
class _Storage:
    """The numbers of one or more tensors."""

    data: bytearray
    dtype: np.dtype


_REBUILD, _ORDERED, _OBJECT = _Name("_rebuild_tensor_v2"), _Name("OrderedDict"), _Name("object")


def read_torch_zip(
    file: IO[bytes], classes: Collection[str] = (), tensor: MakeTensor = lambda array: array
) -> object:
    """What torch.save was given.

    Args:
        classes: "module.name" of those whose objects come as `Pickled`.
        tensor: makes a tensor of a NumPy array, which it may keep.

    Raises:
        HoldsCode: it holds something other than tensors, plain values and those objects.
        Damaged: any other file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _Unpickler(_Members(file, archive), frozenset(classes), tensor).load()
    except (HoldsCode, MemoryError):
        raise
    except Exception as error:  # a damaged pickle can raise almost any
        said = "a part that is missing or unknown" if isinstance(error, KeyError) else f"{error}"
        raise Damaged(said.partition("\n")[0][:80] or type(error).__name__) from None


class _Members:
    """Reads members of the archive, each once, and all together no more bytes than the file has."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile) -> None:
        self._archive, self._left = archive, file.seek(0, io.SEEK_END)
        names = archive.namelist()
        (pickled,) = (name for name in names if name.endswith("/data.pkl"))
        self._root = pickled.removesuffix("data.pkl")
        self._read: dict[str, bytearray] = {}
        if f"{self._root}byteorder" in names and self.read("byteorder") != b"little":
            raise ValueError("numbers of a big-endian machine")

    def read(self, name: str) -> bytearray:
        if name not in self._read:
            self._read[name] = self._bytes(self._archive.getinfo(self._root + name))
        return self._read[name]

    def _bytes(self, info: zipfile.ZipInfo) -> bytearray:
        if info.compress_type != zipfile.ZIP_STORED:  # torch never packs: this may be a bomb
            raise ValueError("a compressed archive")
        self._left -= info.file_size
        if info.file_size != info.compress_size or self._left < 0:
            raise ValueError("members that overlap")
        data, place = bytearray(info.file_size), 0
        with self._archive.open(info) as member:
            while block := member.read(_BLOCK):
                data[place : place + len(block)] = block
                place += len(block)
        if place != info.file_size:
            raise ValueError("a member that is cut short")
        return data


class _Unpickler(pickle._Unpickler):  # in Python: from C's, a damaged file can claim gigabytes
    """Unpickles tensors and plain values, and nothing else.

    Keys are texts and numbers: the hash of tuples within tuples can take time without end, or all
    of the stack.
    """

    stack: list[object]  # of the base class, as is `pop_mark`
    pop_mark: Callable[[], list[object]]
    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        code: pickle._Unpickler.dispatch[code] for code in _OPCODES
    }

    def __init__(self, members: _Members, classes: frozenset[str], tensor: MakeTensor) -> None:
        self._members, self._classes, self._tensor = members, classes, tensor
        super().__init__(io.BytesIO(members.read("data.pkl")))

    def find_class(self, module: str, name: str) -> _Name | np.dtype:
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _REBUILD
        if (module, name) == ("collections", "OrderedDict"):
            return _ORDERED
        if f"{module}.{name}" in self._classes:
            return _OBJECT
        raise HoldsCode(f"{module}.{name}"[:80])

    def persistent_load(self, pid: object) -> _Storage:
        if not isinstance(pid, (tuple, list)):
            raise ValueError("unknown storage")
        kind, dtype, key, _, numbers = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(key) is not str:
            raise ValueError("unknown storage")
        data = self._members.read(f"data/{key}")
        if type(numbers) is not int or numbers < 0 or numbers * dtype.itemsize > len(data):
            raise ValueError("a storage greater than its data")
        return _Storage(data, dtype)

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if function is _REBUILD and isinstance(arguments, (tuple, list)):
            self.stack[-1] = self._tensor(_array(*arguments[:4]))
        elif function is _ORDERED and arguments == ():
            self.stack[-1] = OrderedDict()
        else:
            raise ValueError("an unknown function")

    def load_newobj(self) -> None:
        if self.stack.pop() != () or self.stack[-1] is not _OBJECT:
            raise ValueError("an unknown object")
        self.stack[-1] = Pickled()

    def load_build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if isinstance(made, Pickled):
            made.state = state
        elif not isinstance(made, OrderedDict):  # nothing is kept of a state_dict's attributes
            raise ValueError("an unknown object")

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key], [value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._set(items[::2], items[1::2])

    def _set(self, keys: Sequence[object], values: Sequence[object]) -> None:
        made = self.stack[-1]
        plain = all(type(key) in (str, int, float, bool) for key in keys)
        if not isinstance(made, dict) or not plain:
            raise ValueError("a key that is neither text nor number")
        made.update(zip(keys, values, strict=True))

    dispatch.update(
        {
            pickle.REDUCE[0]: load_reduce,
            pickle.NEWOBJ[0]: load_newobj,
            pickle.BUILD[0]: load_build,
            pickle.SETITEM[0]: load_setitem,
            pickle.SETITEMS[0]: load_setitems,
        }
    )


def _array(
    storage: _Storage, offset: int, size: Sequence[int], stride: Sequence[int]
) -> np.ndarray:
    if not isinstance(storage, _Storage) or len(size) != len(stride):
        raise ValueError("a tensor without storage")
    item = storage.dtype.itemsize
    if min((offset, *size, *stride), default=0) < 0 or math.prod(size) > len(storage.data) // item:
        raise ValueError("a tensor greater than its storage")
    # NumPy checks that all of it lies within the data.
    strides = tuple(item * each for each in stride)
    return np.ndarray(tuple(size), storage.dtype, storage.data, offset * item, strides)
