"""lightrnn.pt files. A file rebuilds a LightRNN; all its parts are checked before that.

Shapes: V vocabulary, R rows, C columns, D hidden units, K columns with residual embeddings, E their
width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from rescorer.errors import InputError
from rescorer.models.lightrnn.old_keys import renamed
from rescorer.models.lightrnn.settings import LightRNNSettings
from rescorer.models.spelling import Spelling
from rescorer.models.torch_file import Content, read_torch
from rescorer.models.trainable import Provenance
from rescorer.models.vocabulary import Vocabulary
from rescorer.models.word_table import WordTable
from rescorer.torch_zip import Damaged, HoldsCode

Model = TypeVar("Model")

_KIND, _VERSION, _OLD_VERSION = "lightrnn", 2, 1
_EXPECTED, _REMEDY = "a lightrnn.pt", "train one with `lightrnn train`"
_MAX_PARAMETER = 1e6  # absolute value; much larger parameters may give infinite scores
# A table of more than _MANY_CELLS cells has at most _MAX_CELLS_PER_WORD cells a word. This limits
# the memory that a damaged file can request.
_MANY_CELLS, _MAX_CELLS_PER_WORD = 1 << 24, 100
_PARTS: Mapping[str, type] = {
    "words": str,
    "case": str,
    "rows": int,
    "columns": int,
    "settings": dict,
    "parameters": dict,
    "provenance": dict,
    "counts": Tensor,
    "cells": Tensor,
}
_OPTIONAL_PARTS: Mapping[str, type] = {"spelling": dict, "added_words": str}
_VALUE_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "int | None": (int, type(None)),
}


@dataclass(frozen=True)
class Parts:
    """The parts of a model."""

    settings: LightRNNSettings
    vocabulary: Vocabulary
    table: WordTable
    parameters: Mapping[str, Tensor]
    provenance: Provenance
    spelling: Spelling | None
    added_words: frozenset[str]


def content_of(
    settings: LightRNNSettings,
    vocabulary: Vocabulary,
    table: WordTable,
    parameters: Mapping[str, Tensor],
    provenance: Provenance,
    spelling: Spelling | None,
    added_words: frozenset[str],
) -> dict[str, object]:
    """The content of a file: plain data and tensors."""
    content: dict[str, object] = {
        "kind": _KIND,
        "version": _VERSION,
        "settings": asdict(settings),
        "words": "\n".join(vocabulary.words),
        "counts": _narrow(vocabulary.counts),
        "case": vocabulary.case,
        "rows": table.rows,
        "columns": table.columns,
        "cells": torch.as_tensor(table.cells, dtype=torch.int32),
        "parameters": {name: value.detach().cpu() for name, value in parameters.items()},
        "provenance": provenance,
    }
    if spelling:
        content["spelling"] = spelling.as_dict()
    if added_words:
        content["added_words"] = "\n".join(sorted(added_words))
    return content


def parts_of(content: Content) -> Parts:
    """The parts in the content of a file, with checked types and sizes.

    Raises:
        LookupError, TypeError, ValueError, RuntimeError, OverflowError, AttributeError: a part is
            missing or wrong.
    """
    if content["version"] == _OLD_VERSION:
        content = renamed(content)
    _check_types(content)
    settings, parameters = _settings_of(content["settings"]), content["parameters"]
    counts = content["counts"].numpy().astype(np.int64)
    vocabulary = Vocabulary(tuple(content["words"].split("\n")), counts, content["case"])
    cells = content["cells"].numpy().astype(np.int64)
    table = WordTable(content["rows"], content["columns"], cells)
    _check_sizes(parameters, settings, table)
    _check_values(parameters, settings)
    added = content["added_words"].split("\n") if "added_words" in content else ()
    spelling = Spelling.from_dict(content["spelling"]) if "spelling" in content else None
    provenance = dict(content["provenance"])
    return Parts(settings, vocabulary, table, parameters, provenance, spelling, frozenset(added))


def load(path: str | Path, build: Callable[[Content], Model]) -> Model:
    """The model that `build` makes from the content of a file. Reading runs no code of the file.

    Raises:
        InputError: a file of another kind, a damaged one, or one of an unknown version.
    """
    try:
        content = read_torch(path)
    except OSError as error:
        found = f"cannot be read: {error.strerror}"
        raise InputError(found, remedy="check the path", file=path) from None
    except HoldsCode as code:
        remedy = f"do not open it with torch.load; {_REMEDY}"
        raise InputError(
            f"holds code: {code}", expected=_EXPECTED, remedy=remedy, file=path
        ) from None
    except Damaged as error:
        found = f"not a model file, or cut short: {error}"
        raise InputError(found, expected=_EXPECTED, remedy=_REMEDY, file=path) from None
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        found = "a torch file, but no LightRNN"
        raise InputError(found, expected=_EXPECTED, remedy=_REMEDY, file=path)
    version = content.get("version")
    if type(version) is not int or version not in (_VERSION, _OLD_VERSION):
        raise InputError(
            f"version {version!r:.40} of the file",
            expected=f"version {_VERSION} or {_OLD_VERSION}",
            remedy="use the release that wrote it, or train again",
            file=path,
        )
    try:
        return build(content)
    except (
        LookupError,
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        OverflowError,
    ) as error:
        found = f"its parts do not fit: {error}"
        raise InputError(found, expected=_EXPECTED, remedy=_REMEDY, file=path) from None


def _check_types(content: Content) -> None:
    """Raises ValueError for a part of a wrong type, before it fails in a less clear way."""
    optional = {name: kind for name, kind in _OPTIONAL_PARTS.items() if name in content}
    for name, kind in {**_PARTS, **optional}.items():
        if type(content[name]) is not kind:
            raise ValueError(f"{name} is {type(content[name]).__name__}, not {kind.__name__}")
    for name in ("additions", "reallocations", "removals"):
        if type(content["provenance"].get(name, [])) is not list:
            raise ValueError(f"{name} of its provenance are not a list")
    for name in ("counts", "cells"):
        numbers = content[name]
        is_whole = numbers.dtype in (torch.int32, torch.int64)
        if numbers.ndim != 1 or not is_whole or (numbers < 0).any():
            raise ValueError(f"{name} are not a list of whole numbers")
    for name, parameter in content["parameters"].items():
        if type(parameter) is not Tensor or not parameter.is_floating_point():
            raise ValueError(f"{name} holds no tensor of numbers")


def _settings_of(values: Content) -> LightRNNSettings:
    """Raises TypeError for an unknown name, ValueError for a wrong type or a value out of range."""
    for field in fields(LightRNNSettings):
        value = values.get(field.name, field.default)
        if type(value) not in _VALUE_TYPES[str(field.type)]:
            raise ValueError(f"{field.name} = {value!r}: expected {field.type}")
    return LightRNNSettings(**values)


def _check_sizes(
    parameters: Mapping[str, Tensor], settings: LightRNNSettings, table: WordTable
) -> None:
    """Raises ValueError for sizes other than those of a network with these settings and table."""
    if settings.num_layers > max(1, len(parameters)):
        raise ValueError(f"{settings.num_layers} layers in {len(parameters)} parameters")
    shapes = shapes_of(settings, table.rows, table.columns)
    for name in parameters.keys() - shapes.keys():
        raise ValueError(f"Unexpected key {name}")
    for name, shape in shapes.items():
        if name not in parameters:
            raise ValueError(f"Missing key {name}")
        if parameters[name].shape != shape:
            found = tuple(parameters[name].shape)
            raise ValueError(f"{name} has the shape {found}, not {shape}")
    cells = table.rows * table.columns
    if cells > max(_MANY_CELLS, _MAX_CELLS_PER_WORD * len(table.cells)):
        raise ValueError(f"a table of {cells:,} cells for {len(table.cells):,} words")


def _check_values(parameters: Mapping[str, Tensor], settings: LightRNNSettings) -> None:
    """Raises ValueError if numbers are not finite or too large, or if tied parameters differ."""
    for name, parameter in parameters.items():
        least, most = torch.aminmax(parameter)
        if not (least >= -_MAX_PARAMETER and most <= _MAX_PARAMETER):  # NaN, too
            raise ValueError(
                f"{name} holds numbers that are not finite, or beyond ±{_MAX_PARAMETER:g}"
            )
    if not settings.tied:
        return
    tied = ["row_{}.weight", "column_{}.weight"] + ["residual_{}"] * (settings.residual_dim > 0)
    for name in tied:
        if not torch.equal(parameters[name.format("in")], parameters[name.format("out")]):
            raise ValueError(
                f"{name.format('in')} and {name.format('out')} differ in a tied network"
            )


def shapes_of(settings: LightRNNSettings, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    """The shape of each parameter of a network, keyed by its name in a file."""
    width, dim = settings.hidden_dim, settings.residual_dim
    residuals = min(settings.residual_columns, columns) * dim
    shapes: dict[str, tuple[int, ...]] = {}
    for name, size in (("row", rows), ("column", columns)):
        shapes[f"{name}_in.weight"] = shapes[f"{name}_out.weight"] = (size, width)
        shapes[f"{name}_out.bias"] = (size,)
    for layer in range(settings.num_layers):
        for part in ("ih", "hh"):
            shapes[f"lstm.weight_{part}_l{layer}"] = (4 * width, width)
            shapes[f"lstm.bias_{part}_l{layer}"] = (4 * width,)
    if dim:
        shapes["residual_in"] = shapes["residual_out"] = (rows, residuals)
        shapes["residual_in_proj.weight"] = (width, dim)
        shapes["residual_out_proj.weight"] = (dim, width)
    if settings.has_residual_row_score:
        shapes["residual_row_proj.weight"] = (dim, width)
        shapes["head_word_log_odds"] = (rows,)
    if settings.cell_bias:
        shapes["cell_bias"] = (rows, columns)
    if not settings.two_step:
        shapes["row_mixed.weight"], shapes["row_mixed.bias"] = (width, width), (width,)
    return shapes


def _narrow(counts: np.ndarray) -> Tensor:
    """The counts as int32 if all fit, which halves their size."""
    fits = not len(counts) or counts.max() <= np.iinfo(np.int32).max
    return torch.as_tensor(counts.astype(np.int32) if fits else counts)
