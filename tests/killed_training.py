"""Training processes that are killed, and the results that a resumed run must share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tiny_training import rows_of

from rescorer.models.torch_file import read_torch


def result_of(folder: Path) -> dict[str, Any]:
    """All that two runs must agree in."""
    checkpoint = read_torch(folder / "work" / "checkpoint.pt")
    kept = read_torch(folder / "lightrnn.pt")
    return {
        "parameters": checkpoint["model"]["parameters"],
        "cells": checkpoint["model"]["cells"],
        "optimiser": checkpoint["optimiser"]["state"],
        "random": checkpoint["random"],
        "best": checkpoint["best"],
        "kept": {name: kept[name] for name in ("parameters", "cells", "provenance")},
        "log": [{**row, "seconds": None} for row in rows_of(folder)],
    }


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif torch.is_tensor(one):
        assert torch.equal(one, other)
    else:
        assert one == other


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(times: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose caller is killed right after the call of that number."""
    calls = iter(range(1, times + 1))

    def wrapped(*args: Any, **keywords: Any) -> Any:
        result = function(*args, **keywords)
        if next(calls, times) == times:
            die()
        return result

    return wrapped
