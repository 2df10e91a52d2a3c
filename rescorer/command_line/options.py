"""Options made from settings dataclasses, and the dataclasses built from what they got."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rescorer.command import InputPath
from rescorer.command_line.config_file import PRINT_CONFIG, config_lines, read_config
from rescorer.settings import Field, build, option_fields, plain_value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Function = Callable[..., object]

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
    with_given = given_options(*kinds.values())

    def decorate(function: Function) -> Function:
        @with_given
        @functools.wraps(function)
        def command(*args: object, given: Mapping[str, object], **values: object) -> object:
            built = {keyword: build(kind, given) for keyword, kind in kinds.items()}
            return function(*args, **values, **built)

        return command

    return decorate


def given_options(
    *kinds: type[DataclassInstance], note: str = ""
) -> Callable[[Function], Function]:
    """Give a command the options of settings dataclasses; it gets as `given` the values, by name,
    that the options or the file of settings name, without defaults.

    Args:
        note: a comment above the printed settings.

    Raises:
        TypeError: two dataclasses declare a setting of one name.
    """
    fields = [field for kind in kinds for field in option_fields(kind)]
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise TypeError(f"two settings of one name among {', '.join(names)}")

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(
            *args: object, config: Path | None, print_config: bool, **values: object
        ) -> object:
            options = _given({name: values.pop(name) for name in names})
            given = {**(read_config(config, fields) if config else {}), **options}
            built = [build(kind, given) for kind in kinds]
            if print_config:
                lines = [f"# {note}"] if note else []
                lines += (line for each in built for line in config_lines(each))
                click.echo("\n".join(lines))
                return None
            return function(*args, **values, given=given)

        decorated: Function = command
        for option in reversed([*map(_option, fields), *_CONFIG_OPTIONS]):
            decorated = option(decorated)
        return decorated

    return decorate


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
    name = f"--{field.option_name}"
    if kind is bool:
        name = f"{name}/{declaration.off or f'--no-{field.option_name}'}"
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
    shown = "" if is_empty else f"  [default: {plain_value(field.default)}]"
    return f"{field.declaration.help}{shown}"
