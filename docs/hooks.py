"""mkdocs hooks: the tables of docs/reference/settings.md, made from the settings dataclasses, and
the defaults of the commands.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from rescorer.settings import Field, settings_fields

ROOT = Path(__file__).parent.parent
PACKAGES = ("rescorer", "lexicon_tools")
_MARK = "::: settings"
_NO_DEFAULT = "<code>Sentinel.UNSET</code>"  # how mkdocs-click shows click's mark of no default
_DECLARED = re.compile(r"^    \w+: .* = setting\(", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the line `::: settings` by a section for each settings dataclass."""
    if _MARK not in markdown.splitlines():
        return markdown
    sections = [_section(kind) for kind in settings_classes()]
    return markdown.replace(_MARK, "\n\n".join(sections))


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


def _section(kind: type) -> str:
    summary = (kind.__doc__ or "").strip().split("\n\n")[0]
    rows = [_row(field) for field in settings_fields(kind) if not _is_nested(field)]
    return "\n".join(
        [
            f"## {kind.__name__}",
            "",
            f"{summary} In `{kind.__module__}`.",
            "",
            "| setting | default | what it does |",
            "| --- | --- | --- |",
            *rows,
        ]
    )


def _is_nested(field: Field) -> bool:
    """Whether the field holds other settings, which have a section themselves."""
    return dataclasses.is_dataclass(field.default)


def _row(field: Field) -> str:
    declaration = field.declaration
    allowed = ", ".join(declaration.choices) or declaration.bounds
    note = f" Allowed: {allowed}." if allowed else ""
    return f"| `{field.name}` | {_default(field)} | {_cell(declaration.help + note)} |"


def _default(field: Field) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    return "" if field.default is None or field.default == () else f"`{field.default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
