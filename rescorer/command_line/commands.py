"""Commands and groups of commands: their help in groups, and usage errors in one line."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import click

from rescorer.command import one_line_errors
from rescorer.command_line.config_file import PRINT_CONFIG
from rescorer.command_line.options import DEFAULT_GROUP
from rescorer.errors import InputError
from rescorer.version import __version__

_HELP_ALL = "--help-all"


class Command(click.Command):
    """A command whose help is in groups, and whose errors take one line."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own, common = self.params, super().get_params(ctx)[len(self.params) :]
        if ctx.meta.get(PRINT_CONFIG):
            own = [_optional(param) for param in own]
        return [*own, _HELP_ALL_OPTION, _VERSION_OPTION, *common]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[PRINT_CONFIG] = PRINT_CONFIG in args
        with one_line_usage(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with one_line_errors():
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        everything = ctx.meta.get(_HELP_ALL, False)
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            group = getattr(param, "group", DEFAULT_GROUP)
            group = group or ("More options" if everything else "")
            # Some versions of click list arguments, too: the usage line and the text name those.
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None and group:
                groups.setdefault(group, []).append(record)
        last = groups.pop(DEFAULT_GROUP, [])
        for name, records in [*groups.items(), (DEFAULT_GROUP, last)]:
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class Group(click.Group):
    """A command of several commands; a command that does not exist is an error of one line, too."""

    command_class = Command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*self.params, _VERSION_OPTION, *super().get_params(ctx)[len(self.params) :]]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with one_line_usage(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        with one_line_usage(ctx):
            return super().resolve_command(ctx, args)


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


def _optional(param: click.Parameter) -> click.Parameter:
    optional = copy.copy(param)
    optional.required = False
    return optional


# ---- options of every command ----


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"{ctx.info_name}, version {__version__}")
        ctx.exit()


def _print_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_HELP_ALL] = True
        click.echo(ctx.get_help())
        ctx.exit()


_VERSION_OPTION = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
_HELP_ALL_OPTION = click.Option(
    [_HELP_ALL],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_all,
    help="Show all options and exit.",
)
