"""mkdocs hooks: parts of the reference that are made from the code.

The line `::: settings` of a page becomes the tables of all settings dataclasses, `::: api` the
functions of `import rescorer`, and `::: commands` the commands that pyproject.toml installs.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import rescorer
from rescorer.settings import Field, settings_fields

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PACKAGES = ("rescorer", "lexicon_tools")
_NO_DEFAULT = "<code>Sentinel.UNSET</code>"  # how mkdocs-click shows click's mark of no default
_DECLARED = re.compile(r"^    \w+: .* = setting\(", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the lines that stand for parts made from the code."""
    lines: list[str] = []
    for line in markdown.splitlines():
        make = _MADE.get(line)
        lines += make() if make else [line]
    return "\n".join(lines)


def _settings() -> Iterator[str]:
    for kind in settings_classes():
        yield from _section(kind)


def _api() -> Iterator[str]:
    for name in public_functions():
        yield from (f"::: rescorer.{name}", "")


def public_functions() -> list[str]:
    """The names that `import rescorer` offers, without those such as `__version__`."""
    return sorted(name for name in rescorer.__all__ if not name.startswith("_"))


def _commands() -> Iterator[str]:
    """Directives of mkdocs-click."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, target in project["scripts"].items():
        module, command = target.split(":")
        options = {"module": module, "command": command, "prog_name": name}
        options |= {"depth": "1", "style": "table"}
        yield from ("::: mkdocs-click", *(f"    :{key}: {options[key]}" for key in options), "")


_MADE: dict[str, Callable[[], Iterable[str]]] = {
    "::: settings": _settings,
    "::: api": _api,
    "::: commands": _commands,
}


def on_page_content(html: str, **_: object) -> str:
    """Leave the default of an option empty if it has none."""
    return html.replace(_NO_DEFAULT, "")


def settings_classes() -> Iterator[type]:
    """Every dataclass of the packages with a field that `setting` declares."""
    for module in _modules_with_settings():
        for value in vars(importlib.import_module(module)).values():
            if _is_settings_class(value) and value.__module__ == module:
                yield value


def _modules_with_settings() -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if _DECLARED.search(path.read_text(encoding="utf-8")):
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts).removesuffix(".__init__")


def _is_settings_class(value: object) -> bool:
    return (
        isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and any(True for _ in settings_fields(value))
    )


def _section(kind: type) -> Iterator[str]:
    summary = (kind.__doc__ or "").strip().split("\n\n")[0]
    yield from (f"## {kind.__name__}", "", f"{summary} In `{kind.__module__}`.", "")
    yield from ("| setting | default | what it does |", "| --- | --- | --- |")
    yield from (_row(field) for field in settings_fields(kind) if not _is_nested(field))
    yield ""


def _is_nested(field: Field) -> bool:
    """Whether the field holds other settings, which have a section themselves."""
    return dataclasses.is_dataclass(field.default)


def _row(field: Field) -> str:
    declaration = field.declaration
    allowed = ", ".join(declaration.choices) or declaration.bounds
    note = f" Allowed: {allowed}." if allowed else ""
    return f"| `{field.name}` | {_default(field)} | {_cell(declaration.help + note)} |"


def _default(field: Field) -> str:
    return "" if field.default is None or field.default == () else f"`{field.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
