"""The main pages in a real browser, headless Chromium, at two widths: screenshots, no horizontal
overflow, no image that fails to load.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
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
_HEIGHT = 1400
_HARNESS = """<!doctype html><style>body{margin:0} iframe{border:0;display:block}</style><script>
const pages = %s, found = {};
for (const page of pages) {
  const frame = document.createElement("iframe");
  frame.width = %d; frame.height = %d; frame.src = page;
  frame.onload = () => {
    const root = frame.contentDocument.documentElement;
    found[page] = {
      overflow: root.scrollWidth - root.clientWidth,
      heading: root.querySelector("h1")?.innerText,
      missing: [...frame.contentDocument.images].filter(i => !i.naturalWidth).map(i => i.src),
    };
    if (Object.keys(found).length == pages.length) {
      const text = document.createElement("pre");
      text.id = "found"; text.innerText = JSON.stringify(found); document.body.append(text);
    }
  };
  document.addEventListener("DOMContentLoaded", () => document.body.append(frame));
}
</script><body>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


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


def chromium(*arguments: str, profile: Path) -> str:
    command = [str(CHROMIUM), "--headless", "--disable-gpu", "--hide-scrollbars"]
    command += ["--virtual-time-budget=8000", f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox
    result = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def write_harness(site: Path, pages: tuple[str, ...], width: int) -> str:
    """A page with each page in a frame of this width, and the measures; its name."""
    name = f"harness-{width}-{len(pages)}.html"
    (site / name).write_text(_HARNESS % (json.dumps(pages), width, _HEIGHT), encoding="utf-8")
    return name


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_and_all_images_load(
    width: int, site: Path, address: str, tmp_path: Path
) -> None:
    harness = write_harness(site, PAGES, width)
    dom = chromium("--dump-dom", f"{address}/{harness}", profile=tmp_path)
    (site / harness).unlink()
    found: dict[str, Any] = json.loads(
        unescape(re.findall(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)[0])
    )
    assert set(found) == set(PAGES)
    assert all(page["heading"] for page in found.values())
    assert not {name: page["overflow"] for name, page in found.items() if page["overflow"] > 0}
    assert not [image for page in found.values() for image in page["missing"]]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES[:4])
def test_screenshots(page: str, width: int, site: Path, address: str, tmp_path: Path) -> None:
    """They are kept in build/screenshots for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = SCREENSHOTS / f"{page.replace('/', '-').removesuffix('.html')}-{width}.png"
    picture.unlink(missing_ok=True)
    harness = write_harness(site, (page,), width)
    size = f"--window-size={max(width, 500)},{_HEIGHT}"
    chromium(f"--screenshot={picture}", size, f"{address}/{harness}", profile=tmp_path)
    (site / harness).unlink()
    assert picture.stat().st_size > 20_000  # an empty page has a tenth
