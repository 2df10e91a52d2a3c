"""What all commands share: their paths, what they say, and how they end.

Errors are one line on stderr and status 2. No output takes the place of an input. `-` is stdin.
"""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import click
from typing_extensions import ParamSpec

from rescorer.errors import InputError, lacks_memory, one_line
from rescorer.inputs import command_inputs, is_seekable
from rescorer.parallel import signals_interrupt

P = ParamSpec("P")
R = TypeVar("R")

_INPUTS, _OUTPUTS = "rescorer inputs", "rescorer outputs"  # in click's context
_STDIN = "/dev/stdin"


class NamedPath(NamedTuple):
    """A path, and what the user calls it: an option or an argument."""

    name: str
    path: Path


class InputPath(click.Path):
    """A path that is read; `-` is stdin."""

    def __init__(self, *, pipe: bool = True) -> None:
        """
        Args:
            pipe: a pipe can be read; else it is refused, such as for a model that is mapped into
                memory.
        """
        super().__init__(path_type=Path)
        self._pipe = pipe

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        given = os.fsdecode(super().convert(value, param, ctx))
        path = Path(_STDIN if given == "-" else given)
        _remember(_INPUTS, path, param, ctx, self._pipe)
        return path


class OutputPath(click.Path):
    """A path that is written, or read and written."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        _remember(_OUTPUTS, path, param, ctx)
        return path


def _remember(
    kind: str,
    path: Path,
    param: click.Parameter | None,
    ctx: click.Context | None,
    pipe: bool = True,
) -> None:
    if ctx is not None and param is not None:
        name = param.opts[-1] if isinstance(param, click.Option) else param.human_readable_name
        ctx.meta.setdefault(kind, []).append((NamedPath(name.strip("[]."), path), pipe))


def refuse_replacing(inputs: Sequence[NamedPath], outputs: Sequence[NamedPath]) -> None:
    """Raises InputError where an output would take the place of an input or of another output,
    links and all.
    """
    for number, output in enumerate(outputs):
        if not is_seekable(output.path):
            continue  # a pipe or a device is written to, and stays
        for other in (*inputs, *outputs[:number]):
            if _same(output.path, other.path) or _holds(output.path, other.path):
                raise InputError(
                    f"{output.name} would replace what {other.name} names",
                    expected="an output of its own",
                    remedy=f"give another {output.name}",
                    file=output.path,
                )


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there yet
        return os.path.realpath(one) == os.path.realpath(other)


def _holds(folder: Path, path: Path) -> bool:
    """Whether the path lies in a folder, which would be replaced whole."""
    return (
        os.path.isdir(folder)
        and Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents
    )


def _check_paths(given: Mapping[str, Sequence[tuple[NamedPath, bool]]]) -> None:
    inputs, outputs = given.get(_INPUTS, []), given.get(_OUTPUTS, [])
    for named, pipe in inputs:
        if not (pipe or is_seekable(named.path)):
            raise InputError(
                f"{named.name} is a pipe or a device",
                expected="a file",
                file=named.path,
                remedy="write it to a file first",
            )
    refuse_replacing([named for named, _ in inputs], [named for named, _ in outputs])


def user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """One line on stderr and status 2 for what a user can cause, Ctrl-C and the signals that end a
    process too.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        with one_line_errors(), signals_interrupt(), command_inputs():
            _check_paths(click.get_current_context().meta)
            return command(*args, **kwargs)

    return guarded


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print what a user can cause in one line on stderr, Ctrl-C too, and leave with status 2."""
    try:
        yield
    except InputError as error:
        say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("error: interrupted, every output file is whole or as it was; remedy: run it again")
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        cause = f"{error}".partition("\n")[0][:120]
        say(
            f"error: not enough memory{cause and f': {cause}'}; remedy: give less --memory, "
            "a smaller input or model, or take a machine with more"
        )
        sys.exit(2)


def say(line: str) -> None:
    """One line on stderr, whatever the text of a file holds. A terminal that is gone is no
    fault.
    """
    with suppress(OSError):
        click.echo(one_line(line), err=True)


def print_lines(lines: Iterable[str]) -> None:
    """Write UTF-8 lines to stdout; click handles a pipe that was closed.

    Raises:
        InputError: they cannot be written.
    """
    try:
        if sys.stdout is None:
            raise OSError("it is closed")
        click.echo("".join(f"{line}\n" for line in lines).encode(), nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = io.StringIO()  # else what is left in its buffer fails once more at the exit
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            remedy="free some space or give --output",
            file="stdout",
        ) from None


scheduler_option = click.option(
    "--scheduler",
    metavar="tcp://HOST:PORT",
    help="Dask cluster whose workers do the work; the result is the same.",
)
