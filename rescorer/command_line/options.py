"""Options made from settings dataclasses, and the dataclasses built from what they got."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rescorer.command import InputPath
from rescorer.command_line.config_file import PRINT_CONFIG, config_lines, read_config
from rescorer.errors import InputError
from rescorer.settings import Field, is_settings, option_fields, settings_fields

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[..., object]
Settings = TypeVar("Settings", bound="DataclassInstance")

DEFAULT_GROUP = "Options"  # heading of options that stand under no other


class Option(click.Option):
    """An option with the heading under which `--help` shows it; without one only `--help-all`
    does.
    """

    def __init__(self, *args: Any, group: str = DEFAULT_GROUP, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


def settings_options(**kinds: type[DataclassInstance]) -> Callable[[Function], Function]:
    """Give a command the options of settings dataclasses; it gets each of them under its keyword.

    Raises:
        TypeError: two dataclasses declare a setting of one name.
    """
    fields = [field for kind in kinds.values() for field in option_fields(kind)]
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise TypeError(f"two settings of one name among {', '.join(names)}")

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(
            *args: object, config: Path | None, print_config: bool, **values: object
        ) -> object:
            given = {name: values.pop(name) for name in names}
            chosen = {**(read_config(config, fields) if config else {}), **_given(given)}
            built = {keyword: build(kind, chosen) for keyword, kind in kinds.items()}
            if print_config:
                lines = (line for each in built.values() for line in config_lines(each))
                click.echo("\n".join(lines))
                return None
            return function(*args, **values, **built)

        decorated: Function = command
        for option in reversed([*map(_option, fields), *_CONFIG_OPTIONS]):
            decorated = option(decorated)
        return decorated

    return decorate


def build(kind: type[Settings], chosen: Mapping[str, object]) -> Settings:
    """The dataclass with the chosen values of its options, and its own defaults for all others.

    Raises:
        InputError: a value is out of its range.
    """
    values: dict[str, object] = {}
    for field in settings_fields(kind):
        if not field.declaration.option:
            continue
        if is_settings(field.annotation):
            values[field.name] = build(field.annotation, chosen)
        elif field.name in chosen:
            values[field.name] = _checked(field, chosen[field.name])
    make: Callable[..., Settings] = kind
    try:
        return make(**values)
    except ValueError as error:
        raise InputError(str(error), remedy="correct that option") from None


def _checked(field: Field, value: object) -> object:
    if fault := field.declaration.fault(value):
        raise InputError(
            f"--{_dashed(field.name)} {_plain(value)}",
            expected=fault.removeprefix("expected "),
            remedy="correct the option",
        )
    return value


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None and value != ()}


_CONFIG_OPTIONS: tuple[Callable[[Function], Function], ...] = (
    click.option(
        "--config",
        type=InputPath(pipe=False),
        metavar="FILE.toml",
        help="Settings by name; options of the command line win over them.",
    ),
    click.option(PRINT_CONFIG, is_flag=True, help="Print the settings as such a file and exit."),
)


def _option(field: Field) -> Callable[[Function], Function]:
    declaration, (kind, many) = field.declaration, field.value_type
    name = f"--{_dashed(field.name)}"
    if kind is bool:
        name = f"{name}/{declaration.off or f'--no-{_dashed(field.name)}'}"
    choices = click.Choice(list(declaration.choices)) if declaration.choices else None
    return click.option(
        *declaration.flags,
        name,
        field.name,
        cls=Option,
        type=None if kind is bool else choices or kind,
        metavar=declaration.metavar or None,
        group=declaration.group,
        default=None,
        multiple=many,
        help=_help(field),
    )


def _help(field: Field) -> str:
    is_empty = field.default is None or field.default == ()
    shown = "" if is_empty else f"  [default: {_plain(field.default)}]"
    return f"{field.declaration.help}{shown}"


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
