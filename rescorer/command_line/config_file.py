"""Files of settings: the TOML that `--config` reads and `--print-config` writes."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rescorer.errors import InputError
from rescorer.settings import Field, is_settings, settings_fields

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PRINT_CONFIG = "--print-config"
_NAMES: dict[type[object], str] = {
    int: "whole number",
    float: "number",
    bool: "truth value",
    str: "text",
    Path: "path",
}


def read_config(path: Path, fields: Sequence[Field]) -> dict[str, object]:
    """The settings of a TOML file, by name.

    Raises:
        InputError: no TOML, a name that no setting has, or a value of another type.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", remedy="check the path", file=path
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"no TOML: {error}",
            expected="lines such as lr = 0.004",
            remedy=f"begin with what {PRINT_CONFIG} prints",
            file=path,
        ) from None
    known = {field.name: field for field in fields}
    return {
        name: _value(_field(name.replace("-", "_"), known, path), value, path)
        for name, value in content.items()
    }


def _field(name: str, known: Mapping[str, Field], path: Path) -> Field:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise InputError(
            f"a setting {name!r}",
            expected=f"{near[0]!r}, perhaps" if near else "a name of a setting",
            remedy=f"see the names that {PRINT_CONFIG} prints",
            file=path,
        )
    return known[name]


def _value(field: Field, value: object, path: Path) -> object:
    kind, many = field.value_type
    values = value if many and isinstance(value, list) else [value]
    if isinstance(value, list) != many or not all(_fits(each, kind) for each in values):
        raise _wrong(
            field, value, f"a list of {_NAMES[kind]}s" if many else f"a {_NAMES[kind]}", path
        )
    if fault := field.declaration.fault(tuple(values) if many else value):
        raise _wrong(field, value, fault.removeprefix("expected "), path)
    convert: Callable[[object], object] = kind  # 1 is a number, too, and a text is a path
    made = tuple(map(convert, values))
    return made if many else made[0]


def _wrong(field: Field, value: object, expected: str, path: Path) -> InputError:
    return InputError(
        f"{field.name} = {json.dumps(value, default=str)}",
        expected=expected,
        remedy="correct the value",
        file=path,
    )


def _fits(value: object, kind: type[object]) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, (int, float))
    return isinstance(value, int) if kind is int else isinstance(value, str)


def config_lines(settings: DataclassInstance) -> Iterator[str]:
    """The lines of a TOML file that holds these settings; those without a value as comments."""
    for field in settings_fields(type(settings)):
        value = getattr(settings, field.name)
        if not field.declaration.option:
            continue
        if is_settings(field.annotation):
            yield from config_lines(value)
        else:
            yield f"# {field.name} =" if value is None else f"{field.name} = {_toml(value)}"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float) and value == float("inf"):
        return "inf"
    return json.dumps(str(value) if isinstance(value, Path) else value)
