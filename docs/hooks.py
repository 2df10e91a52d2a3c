"""mkdocs hook: the tables of docs/reference/settings.md, made from the settings dataclasses."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from rescorer.settings import Field, settings_fields

_MARK = re.compile(r"^::: settings ([\w.]+)\.(\w+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each line `::: settings MODULE.CLASS` by a table of the fields."""
    return _MARK.sub(lambda match: "\n".join(_table(match[1], match[2])), markdown)


def _table(module: str, name: str) -> Iterator[str]:
    yield "| setting | default | what it does |"
    yield "| --- | --- | --- |"
    for field in settings_fields(getattr(importlib.import_module(module), name)):
        if not hasattr(field.default, "__dataclass_fields__"):
            yield f"| `{field.name}` | {_default(field)} | {_help(field)} |"


def _default(field: Field) -> str:
    return "" if field.default is None or field.default == () else f"`{field.default}`"


def _help(field: Field) -> str:
    declaration = field.declaration
    allowed = ", ".join(declaration.choices) or declaration.bounds
    return f"{declaration.help}{f' Allowed: {allowed}.' if allowed else ''}"
