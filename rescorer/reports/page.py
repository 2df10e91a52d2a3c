"""Pages: single HTML files that hold their data and need no other file and no network."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rescorer.files import write_lines

_PAGES = Path(__file__).with_name("pages")
_MARK = re.compile(r"@(STYLE|BODY|DATA|SCRIPT)@\n")


def write_page(path: str | Path, view: str, data: Iterable[tuple[str, object]]) -> None:
    """Write a page, whole or not at all.

    Args:
        view: what the page shows: `pages/VIEW.html`, `.css` and `.js`, with the `page` files that
            all views share.
        data: values that JSON can hold, by the ids of the elements that hold them; "data" is what
            the page begins with.

    Raises:
        InputError: it cannot be written.
    """
    write_lines(path, _lines(view, data))


def _lines(view: str, data: Iterable[tuple[str, object]]) -> Iterator[str]:
    parts = {
        "STYLE": _read("page.css") + _read(f"{view}.css"),
        "BODY": _read(f"{view}.html"),
        "DATA": "@DATA@\n",
        "SCRIPT": _read("page.js") + "\n" + _read(f"{view}.js"),
    }
    page = _MARK.sub(lambda found: parts[found[1]], _read("page.html"))
    before, after = page.split("@DATA@\n")
    yield before.rstrip("\n")
    for name, value in data:
        yield f'<script id="{name}" type="text/plain">{_packed(value)}</script>'
    yield after.rstrip("\n")


def _read(name: str) -> str:
    return (_PAGES / name).read_text(encoding="utf-8")


def _packed(value: object) -> str:
    """JSON, compressed and in base64: it is small, and no word is taken for markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(
        gzip.compress(text.encode("utf-8", "surrogatepass"), 6, mtime=0)
    ).decode("ascii")
