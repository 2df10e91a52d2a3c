"""The main pages in a real browser, headless Chromium, at two widths: screenshots, no horizontal
overflow, no image that fails to load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.browser import Browser

SCREENSHOTS = Path(__file__).parent.parent.parent / "build/screenshots"
WIDTHS = (390, 1280)  # a telephone, a notebook
PAGES = (
    "index.html",
    "how-to/report.html",
    "reference/commands.html",
    "reference/settings.html",
    "tutorial.html",
    "reference/python.html",
    "explanation/lightrnn.html",
    "results/index.html",
    "results/baselines.html",
)
PICTURED = PAGES[:4]
_LOOK = """(() => {
  const root = document.documentElement;
  return {
    overflow: root.scrollWidth - root.clientWidth,
    heading: root.querySelector("h1")?.innerText,
    missing: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
  };
})()"""

pytestmark = pytest.mark.slow


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Of a server of the site, on a free port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def look(browser: Browser) -> dict[str, Any]:
    """Measures of the page, once its images are loaded and it has its place in the window."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, Any] = browser.value(_LOOK)
        if (found["overflow"] <= 0 and not found["missing"]) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_all_images_load(name: str, address: str, browser: Browser) -> None:
    """The pictures in build/screenshots are for people to look at."""
    browser.open(f"{address}/{name}")
    for width in WIDTHS:
        browser.resize(width)
        found = look(browser)
        assert found["heading"] and not found["missing"]
        assert found["overflow"] <= 0, width
        if name in PICTURED:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            picture = SCREENSHOTS / f"{name.replace('/', '-').removesuffix('.html')}-{width}.png"
            browser.screenshot(picture)
            assert picture.stat().st_size > 20_000  # an empty page has a tenth
