"""Settings: frozen dataclasses whose fields carry their help, their bounds and their choices.

A field is declared with `setting`. The command line, `--config` files and the reference pages of
the documentation are made from these declarations; `check` holds every value to them.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    TypedDict,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from typing_extensions import Unpack

from rescorer.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
Settings = TypeVar("Settings", bound="DataclassInstance")


@dataclass(frozen=True)
class Declaration:
    """What a field of a settings dataclass says about itself.

    Attributes:
        help: one line: what the setting does, then its unit.
        minimum, maximum: bounds that a number may take.
        above, below: bounds that a number must not reach.
        choices: the texts that are allowed; empty: any.
        group: heading under which `--help` shows the option; empty: only `--help-all` shows it.
        option: whether the command line has it; if not, only Python does.
        flags: other names of the option, such as `-o`.
        off: name of the flag that turns a true or false setting off; `no-NAME` if it is empty.
        metavar: what stands for the value in the help; the type if it is empty.
    """

    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Sequence[str] = ()
    group: str = ""
    option: bool = True
    flags: Sequence[str] = ()
    off: str = ""
    metavar: str = ""

    def fault(self, value: object) -> str:
        """What is wrong with a value that is not None, as `expected …`; empty if nothing is."""
        values = value if isinstance(value, tuple) else (value,)
        if self.choices and any(each not in self.choices for each in values):
            return f"expected one of {', '.join(self.choices)}"
        if any(isinstance(each, float) and math.isnan(each) for each in values):
            return "expected a number"
        bounded = [each for each in values if isinstance(each, (int, float))]
        return "" if all(map(self._within, bounded)) else f"expected {self.bounds}"

    def _within(self, number: float) -> bool:
        return (
            (self.minimum is None or number >= self.minimum)
            and (self.maximum is None or number <= self.maximum)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    @property
    def bounds(self) -> str:
        """The bounds in words, such as `at least 0 and below 1`."""
        named = (
            ("at least", self.minimum),
            ("more than", self.above),
            ("at most", self.maximum),
            ("less than", self.below),
        )
        return " and ".join(f"{words} {bound:g}" for words, bound in named if bound is not None)


class DeclarationOptions(TypedDict, total=False):
    """What `setting` takes beside the default and the help: attributes of `Declaration`."""

    minimum: float
    maximum: float
    above: float
    below: float
    choices: Sequence[str]
    group: str
    option: bool
    flags: Sequence[str]
    off: str
    metavar: str


@dataclass(frozen=True)
class Field:
    """A setting of a dataclass: its name, its resolved type, its default and its declaration."""

    name: str
    annotation: object
    default: object
    declaration: Declaration

    @property
    def option_name(self) -> str:
        """The name as the command line has it, without the leading dashes."""
        return self.name.replace("_", "-")

    @property
    def value_type(self) -> tuple[type[object], bool]:
        """The type of one value, and whether the setting is a tuple of such values."""
        annotation = self.annotation
        if get_origin(annotation) in (Union, types.UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        many = get_origin(annotation) is tuple
        kind = get_args(annotation)[0] if many else annotation
        assert isinstance(kind, type), f"{self.name} has no type that an option can have"
        return kind, many


def setting(default: T, help: str, **declaration: Unpack[DeclarationOptions]) -> T:
    """A field of a settings dataclass, with the attributes of `Declaration`."""
    metadata = {"declaration": Declaration(help=help, **declaration)}
    return dataclasses.field(default=default, metadata=metadata)


def settings_fields(kind: type[DataclassInstance]) -> Iterator[Field]:
    """The fields of a settings dataclass that were declared with `setting`, in order."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if "declaration" in field.metadata:
            yield Field(field.name, hints[field.name], field.default, field.metadata["declaration"])


def option_fields(kind: type[DataclassInstance]) -> list[Field]:
    """The fields of a settings dataclass that are options, those of settings within it included."""
    found: list[Field] = []
    for field in settings_fields(kind):
        if field.declaration.option:
            found += option_fields(field.annotation) if is_settings(field.annotation) else [field]
    return found


def is_settings(annotation: object) -> TypeGuard[type[DataclassInstance]]:
    """Whether a type is a settings dataclass."""
    return (
        isinstance(annotation, type)
        and dataclasses.is_dataclass(annotation)
        and any(True for _ in settings_fields(annotation))
    )


def check(settings: DataclassInstance) -> None:
    """Hold every value of a settings dataclass to its declaration; for `__post_init__`.

    Raises:
        ValueError: naming the field, its value and what was expected.
    """
    for field in settings_fields(type(settings)):
        value = getattr(settings, field.name)
        if value is not None and (fault := field.declaration.fault(value)):
            raise ValueError(f"{field.name} = {value!r}: {fault}")


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
            f"--{field.option_name} {plain_value(value)}",
            expected=fault.removeprefix("expected "),
            remedy="correct the option",
        )
    return value


def plain_value(value: object) -> str:
    """A value as a user writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
