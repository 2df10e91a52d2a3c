"""The `.pt` files of k2's lattices, read without k2 and torch: see torch_zip.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.recognition.formats.parsing import Place, show
from rescorer.recognition.lattice import spans
from rescorer.torch_zip import Damaged, HoldsCode, Pickled, read_torch_zip

AGAIN = "make the file again"


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
        begins, ends = (
            np.append(splits, 0)[indices] for splits in (self.splits[:-1], self.splits[1:])
        )
        return Ragged(
            np.concatenate([[0], np.cumsum(ends - begins)]), self.values[spans(begins, ends)]
        )


def load(path: Path) -> dict[str, Any]:
    """The dictionary of a file, tensors as NumPy arrays.

    Raises:
        InputError: it cannot be read, or holds anything but tensors and plain values.
    """
    place = Place(path)
    with open_binary(path) as file:
        try:
            content = read_torch_zip(file, ["_k2.ragged.RaggedTensor"])
        except HoldsCode as code:
            raise place.error(
                f"holds code: {code}",
                "tensors, texts and numbers only",
                "delete this attribute before "
                "as_dict(); never open a file from a stranger with torch.load",
            ) from None
        except Damaged as error:
            raise place.error(
                f"damaged, cut short, or no file of torch.save: {error}",
                "a .pt file of Fsa.as_dict()",
                AGAIN,
            ) from None
    if not (isinstance(content, dict) and all(isinstance(name, str) for name in content)):
        raise place.error(
            "no dictionary of attributes",
            "what Fsa.as_dict() gives",
            "save fsa.as_dict() with torch.save",
        )
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
                raise place.error(
                    f"attribute {show(name)} holds a {type(item).__name__}",
                    "tensors with a row for each arc, and texts, numbers and lists",
                    "delete the attribute before as_dict()",
                )


def too_deep(name: str, place: Place) -> InputError:
    return place.error(
        f"attribute {show(name)} is ragged on several levels",
        "one list for each arc",
        "delete the attribute before as_dict()",
    )


def _ragged(name: str, value: Any, place: Place) -> Any:
    """`value`, or the Ragged that it stands for."""
    if not isinstance(value, Pickled):
        return value
    state = value.state
    if isinstance(state, tuple) and len(state) > 3:
        raise too_deep(name, place)
    if isinstance(state, tuple) and len(state) == 3:
        splits, _, values = state
        if (
            all(isinstance(each, np.ndarray) and each.ndim == 1 for each in (splits, values))
            and splits.dtype.kind == "i"
            and len(splits)
            and splits[0] == 0
            and splits[-1] == len(values)
            and (splits[1:] >= splits[:-1]).all()
        ):
            return Ragged(splits.astype(np.int64), values)
    raise place.error(f"attribute {show(name)} is no ragged tensor", "row splits and values", AGAIN)
