"""Renames the keys of `lightrnn.pt` files and checkpoints of version 1 to those of version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from rescorer.models.torch_file import Content

Value = TypeVar("Value")

_CONTENT = {"given": "added_words"}
_SETTINGS = {
    "width": "hidden_dim",
    "layers": "num_layers",
    "own_width": "residual_dim",
    "own_columns": "residual_columns",
    "own_rows": "residual_row_score",
    "half_steps": "two_step",
    "row_samples": "sampled_softmax_size",
}
_PARAMETERS = {
    "own_in": "residual_in",
    "own_out": "residual_out",
    "own_up.weight": "residual_in_proj.weight",
    "own_key.weight": "residual_out_proj.weight",
    "own_row_key.weight": "residual_row_proj.weight",
    "first_odds": "head_word_log_odds",
}
# Settings that the first files of version 1 lack: all their networks had these values.
_FIRST_SETTINGS = {"two_step": True, "residual_dim": 0, "residual_row_score": False}


def renamed(content: Content) -> Content:
    """The content of a model file of version 1 with the keys of version 2.

    Raises:
        ValueError: the network has gated columns, which version 2 does not have.
        KeyError, TypeError, AttributeError: something is missing or of another type.
    """
    settings = {**_FIRST_SETTINGS, **_rename(content["settings"], _SETTINGS)}
    if settings.pop("gated", False):
        raise ValueError("columns gated by rows")
    return {
        **_rename(content, _CONTENT),
        "version": 2,
        "settings": settings,
        "parameters": _rename(content["parameters"], _PARAMETERS),
    }


def _rename(values: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    return {names.get(key, key): value for key, value in values.items()}


_TRAINING = {"streams": "batch_size", "unroll": "bptt", "learning_rate": "lr"}


def renamed_checkpoint(content: Content) -> Content:
    """The content of a training checkpoint whose settings and log have keys of version 1.

    Others come back as they are. The model within has a version of its own.
    """
    settings = content["settings"]
    if "learning_rate" not in settings:
        return content
    renamed_settings = _rename(settings, _TRAINING)
    if "reallocation" in settings:
        renamed_settings["reallocation"] = _rename(settings["reallocation"], _TRAINING)
    log = [_rename(row, _TRAINING) for row in content["log"]]
    return {**content, "settings": renamed_settings, "log": log}
