"""The links and images of a built site, checked without a browser and without the network."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_TARGETS = {"a": "href", "link": "href", "img": "src", "script": "src", "object": "data"}
_LOADING = ("script", "img", "object")  # tags whose target is loaded while the page is shown


class Page(HTMLParser):
    """The targets that a page names, those that it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.update(value for name in ("id", "name") if (value := values.get(name)))
        target = values.get(_TARGETS.get(tag, ""))
        if not target:
            return
        self.targets.append(target)
        if tag in _LOADING or values.get("rel") == "stylesheet":
            self.loaded.append(target)


def read_site(site: Path) -> dict[Path, Page]:
    """The pages by their files; without 404.html, whose links begin at the server's root."""
    files = (path.resolve() for path in sorted(site.rglob("*.html")))
    return {path: Page(path) for path in files if path.name != "404.html"}


def broken_links(pages: dict[Path, Page]) -> Iterator[str]:
    """`PAGE: TARGET` for each target inside the site that is not there."""
    for path, page in pages.items():
        for target in page.targets:
            if not _leads_somewhere(path, target, pages):
                yield f"{path.name}: {target}"


def _leads_somewhere(path: Path, target: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    anchor = unquote(parts.fragment)
    return file.is_file() and (not anchor or file not in pages or anchor in pages[file].anchors)


def hosts_loaded_from(pages: dict[Path, Page]) -> set[str]:
    """Other hosts that the pages load scripts, styles or images from."""
    return {
        host for page in pages.values() for each in page.loaded if (host := urlsplit(each).netloc)
    }
