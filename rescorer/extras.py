"""Packages of other projects that only some users have."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, TypeAlias

from rescorer.errors import InputError

Foreign: TypeAlias = Any  # an object of a library that ships no types


def import_extra(module: str, extra: str) -> ModuleType:
    """A module of a package that comes with an extra of this one.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise InputError(
            f"{missing.partition('.')[0]} is not installed",
            remedy=f"pip install 'lightrnn-rescorer[{extra}]'",
        ) from None
