"""Commands made from settings: options, `--help` in groups, `--config`, and errors in one line.

    @click.command(cls=Command)
    @settings_options(training=TrainingSettings)
    def train(training: TrainingSettings) -> None: ...

Every field of the dataclass that was declared with `rescorer.settings.setting` becomes an option.
The default stands in the dataclass alone: the command gets the dataclass, built from the command
line, the file of `--config` and its own defaults, in this order of precedence.
"""

from __future__ import annotations

import copy
import difflib
import functools
import json
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import click

from rescorer.command import InputPath
from rescorer.errors import InputError
from rescorer.settings import Declaration, Field, settings_fields
from rescorer.version import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Function = TypeVar("Function", bound=Callable[..., Any])

EVERYDAY = "Options"  # heading of options that stand under no other
_HELP_ALL, _PRINT_CONFIG = "--help-all", "--print-config"


class Option(click.Option):
    """An option with the heading under which `--help` shows it; without one only `--help-all`
    does.
    """

    def __init__(self, *args: Any, group: str = EVERYDAY, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class Command(click.Command):
    """A command whose help is in groups, and whose usage errors take one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(
                [_HELP_ALL],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_print_all,
                help="Show all options and exit.",
            ),
            _version_option(),
        ]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        return [_optional(param) for param in params] if ctx.meta.get(_PRINT_CONFIG) else params

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_PRINT_CONFIG] = _PRINT_CONFIG in args
        with one_line_usage(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_errors():
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        everything = ctx.meta.get(_HELP_ALL, False)
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            group = getattr(param, "group", EVERYDAY) or ("More options" if everything else "")
            # Some versions of click list arguments, too: the usage line and the text name those.
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None and group:
                groups.setdefault(group, []).append(record)
        last = groups.pop(EVERYDAY, [])
        for name, records in [*groups.items(), (EVERYDAY, last)]:
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class Group(click.Group):
    """A command of several commands; a command that does not exist is an error of one line, too."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_version_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with one_line_usage(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        with one_line_usage(ctx):
            return super().resolve_command(ctx, args)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print what a user can cause in one line, Ctrl-C too, and leave with status 2."""
    try:
        yield
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo(
            "error: interrupted, every output file is whole or as it was; remedy: run it again",
            err=True,
        )
        sys.exit(2)


@contextmanager
def one_line_usage(ctx: click.Context) -> Iterator[None]:
    """Print what click finds wrong with the arguments in one line, and leave with status 2."""
    try:
        yield
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # no error: click shows the help
            raise
        line = InputError(
            error.format_message().rstrip("."), remedy=f"see {ctx.command_path} --help"
        )
        click.echo(f"error: {line}", err=True)
        ctx.exit(2)


def _version_option() -> click.Option:
    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version and exit.",
    )


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"{ctx.info_name}, version {__version__}")
        ctx.exit()


def _print_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_HELP_ALL] = True
        click.echo(ctx.get_help())
        ctx.exit()


def _optional(param: click.Parameter) -> click.Parameter:
    optional = copy.copy(param)
    optional.required = False
    return optional


# ---- options of settings ----


def settings_options(**kinds: type[Any]) -> Callable[[Function], Function]:
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
        def command(*args: Any, **values: Any) -> Any:
            config, print_config = values.pop("config"), values.pop("print_config")
            given = {name: values.pop(name) for name in names}
            chosen = {**(read_config(config, fields) if config else {}), **_given(given)}
            built = {keyword: build(kind, chosen) for keyword, kind in kinds.items()}
            if print_config:
                click.echo("\n".join(config_lines(built.values())))
                return None
            return function(*args, **values, **built)

        for option in reversed([*map(_option, fields), *_config_options()]):
            command = option(command)
        return command  # type: ignore[return-value]

    return decorate


def _config_options() -> list[Callable[[Function], Function]]:
    return [
        click.option(
            "--config",
            type=InputPath(pipe=False),
            metavar="FILE.toml",
            help="Settings by name; options of the command line win over them.",
        ),
        click.option(
            _PRINT_CONFIG, is_flag=True, help="Print the settings as such a file and exit."
        ),
    ]


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != ()}


def option_fields(kind: type[Any]) -> list[Field]:
    """The fields of a settings dataclass that are options, those of settings within it included."""
    found = []
    for field in settings_fields(kind):
        if not field.declaration.option:
            continue
        found += option_fields(field.type) if _is_settings(field.type) else [field]
    return found


def build(kind: type[Any], chosen: Mapping[str, Any]) -> Any:
    """The dataclass with the chosen values of its options, and its own defaults for all others.

    Raises:
        InputError: a value is out of its range.
    """
    values = {}
    for field in settings_fields(kind):
        if _is_settings(field.type) and field.declaration.option:
            values[field.name] = build(field.type, chosen)
        elif field.declaration.option and field.name in chosen:
            value = chosen[field.name]
            if fault := field.declaration.fault(value):
                raise InputError(
                    f"--{_dashed(field.name)} {_plain(value)}",
                    expected=fault.removeprefix("expected "),
                    remedy="correct the option",
                )
            values[field.name] = value
    try:
        return kind(**values)
    except ValueError as error:
        raise InputError(str(error), remedy="correct that option") from None


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and any(True for _ in _declared(annotation))


def _declared(annotation: type[Any]) -> Iterator[Field]:
    return settings_fields(annotation) if hasattr(annotation, "__dataclass_fields__") else iter(())


def _option(field: Field) -> Callable[[Function], Function]:
    declaration, (kind, many) = field.declaration, _value_type(field.type)
    name = f"--{_dashed(field.name)}"
    more: dict[str, Any] = {"metavar": declaration.metavar} if declaration.metavar else {}
    if kind is bool:
        name = f"{name}/{declaration.off or f'--no-{_dashed(field.name)}'}"
    else:
        more["type"] = click.Choice(list(declaration.choices)) if declaration.choices else kind
    return click.option(
        *declaration.flags,
        name,
        field.name,
        cls=Option,
        group=declaration.group,
        default=None,
        multiple=many,
        help=_help(field, declaration),
        **more,
    )


def _help(field: Field, declaration: Declaration) -> str:
    shown = (
        ""
        if field.default is None or field.default == ()
        else f"  [default: {_plain(field.default)}]"
    )
    return f"{declaration.help}{shown}"


def _value_type(annotation: Any) -> tuple[type[Any], bool]:
    """The type of one value, and whether the option may be repeated."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0], True
    return annotation, False


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---- files of settings ----


def read_config(path: Path, fields: Sequence[Field]) -> dict[str, Any]:
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
            remedy=f"begin with what {_PRINT_CONFIG} prints",
            file=path,
        ) from None
    known = {field.name: field for field in fields}
    return {
        name: _config_value(name.replace("-", "_"), value, known, path)
        for name, value in content.items()
    }


def _config_value(name: str, value: Any, known: Mapping[str, Field], path: Path) -> Any:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise InputError(
            f"a setting {name!r}",
            expected=f"{near[0]!r}, perhaps" if near else "a name of a setting",
            remedy=f"see the names that {_PRINT_CONFIG} prints",
            file=path,
        )
    field = known[name]
    kind, many = _value_type(field.type)
    values = value if many and isinstance(value, list) else [value]
    if isinstance(value, list) != many or not all(_fits(each, kind) for each in values):
        wanted = f"a list of {_NAMES[kind]}s" if many else f"a {_NAMES[kind]}"
        raise InputError(
            f"{name} = {json.dumps(value, default=str)}",
            expected=wanted,
            remedy="correct the value",
            file=path,
        )
    fault = field.declaration.fault(tuple(values) if many else value)
    if fault:
        raise InputError(
            f"{name} = {json.dumps(value)}",
            expected=fault.removeprefix("expected "),
            remedy="correct the value",
            file=path,
        )
    made = tuple(kind(each) for each in values)
    return made if many else made[0]


_NAMES = {int: "whole number", float: "number", bool: "truth value", str: "text", Path: "path"}


def _fits(value: Any, kind: type[Any]) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, (int, float))
    return isinstance(value, int) if kind is int else isinstance(value, str)


def config_lines(settings: Any) -> Iterator[str]:
    """The lines of a TOML file that holds these settings; those without a value as comments."""
    for each in settings:
        for field in settings_fields(type(each)):
            value = getattr(each, field.name)
            if _is_settings(field.type) and field.declaration.option:
                yield from config_lines([value])
            elif field.declaration.option:
                named = field.name
                yield f"# {named} =" if value is None else f"{named} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float) and value == float("inf"):
        return "inf"
    return json.dumps(str(value) if isinstance(value, Path) else value)
