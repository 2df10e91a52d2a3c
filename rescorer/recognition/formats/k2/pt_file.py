"""The `.pt` files of k2's lattices, read without k2 and torch: see torch_zip.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rescorer.errors import InputError
from rescorer.files import open_binary
from rescorer.recognition.formats.k2.attributes import REMAKE_FILE
from rescorer.recognition.formats.k2.columns import Ragged
from rescorer.recognition.formats.parsing import Place, show
from rescorer.torch_zip import Damaged, HoldsCode, Pickled, read_torch_zip


def load(path: Path) -> dict[str, object]:
    """The dictionary of a file, tensors as NumPy arrays.

    Raises:
        InputError: it cannot be read, or holds anything but tensors and plain values.
    """
    place = Place(path)
    content = _read_zip(path, place)
    if not (isinstance(content, dict) and all(isinstance(name, str) for name in content)):
        raise place.error(
            "no dictionary of attributes",
            "what Fsa.as_dict() gives",
            "save fsa.as_dict() with torch.save",
        )
    attributes = {name: _attribute(name, value, place) for name, value in content.items()}
    check_plain(attributes, place)
    return attributes


def _read_zip(path: Path, place: Place) -> object:
    with open_binary(path) as file:
        try:
            return read_torch_zip(file, ["_k2.ragged.RaggedTensor"])
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
                REMAKE_FILE,
            ) from None


def check_plain(content: Mapping[str, object], place: Place) -> None:
    """Raises InputError for an attribute that is neither a tensor nor a plain value."""
    for name, value in content.items():
        if not isinstance(value, (np.ndarray, Ragged)):
            _check_plain_value(name, value, place)


def _check_plain_value(name: str, value: object, place: Place) -> None:
    """Raises InputError unless a value is made of texts, numbers, lists and dictionaries."""
    waiting = [value]
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
    """The error for a ragged tensor of more than two axes."""
    return place.error(
        f"attribute {show(name)} is ragged on several levels",
        "one list for each arc",
        "delete the attribute before as_dict()",
    )


def _attribute(name: str, value: object, place: Place) -> object:
    """`value`, or the Ragged that it stands for."""
    if not isinstance(value, Pickled):
        return value
    state = value.state
    if isinstance(state, tuple) and len(state) > 3:
        raise too_deep(name, place)
    if isinstance(state, tuple) and len(state) == 3:
        splits, _, values = state
        if _are_splits(splits, values):
            return Ragged(splits.astype(np.int64), values)
    raise place.error(
        f"attribute {show(name)} is no ragged tensor", "row splits and values", REMAKE_FILE
    )


def _are_splits(splits: object, values: object) -> bool:
    """Whether `splits` divides all of `values`, in order."""
    if not (isinstance(splits, np.ndarray) and isinstance(values, np.ndarray)):
        return False
    if splits.ndim != 1 or values.ndim != 1 or splits.dtype.kind != "i" or not len(splits):
        return False
    reaches_from_first_to_last = splits[0] == 0 and splits[-1] == len(values)
    return bool(reaches_from_first_to_last and (splits[1:] >= splits[:-1]).all())
