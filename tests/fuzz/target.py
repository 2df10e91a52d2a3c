"""What a fuzz target is, and the whole inputs that are damaged for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutations import Case


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: what findings call it by.
        cases: whole inputs.
        read: reads what lies at a path, and uses it; may write beside it.
        share: how many of all inputs it gets, relative to the others'.
        file: the name that the input has.
        remark: what a library may write to the terminal by itself, a line.
    """

    name: str
    cases: Sequence[Case]
    read: Callable[[Path], object]
    share: float = 1.0
    file: str = "in"
    remark: str = ""


def file_case(content: bytes | str) -> Case:
    return {"": content.encode() if isinstance(content, str) else content}


def take_case(path: Path) -> Case:
    """What lies there, which goes."""
    if path.is_dir():
        case = folder_case(path)
        shutil.rmtree(path)
        return case
    case = {"": path.read_bytes()}
    path.unlink()
    return case


def output_place(path: Path, name: str) -> Path:
    """A place for outputs, empty."""
    place = path.parent / name
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    return place


def folder_case(path: Path) -> Case:
    """The files of a folder, and of those below."""
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return {each.relative_to(path).as_posix(): each.read_bytes() for each in files}


class CommandError(Exception):
    """What a command said where it ended with status 2."""
