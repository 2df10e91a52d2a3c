"""A headless Chromium for tests and benchmarks, driven by its DevTools protocol through two pipes.

A start of Chromium takes a second of the processor, a page in a running one a tenth of that.
https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
_SECONDS = 120  # that a message may take
_OPTIONS = (
    *("--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--remote-debugging-pipe"),
)


# Resolves when one of our own pages has unpacked its data.
READY = """new Promise(done => {
  const look = () => document.body?.dataset.ready === "yes" ? done() : setTimeout(look, 10);
  look();
})"""


class Browser:
    """A running Chromium with one tab, which shows one page after the other.

    Attributes:
        faults: of the page that is shown: exceptions of its scripts, and what its policy refused.
    """

    def __init__(self, process: int, to_chromium: int, from_chromium: int) -> None:
        """
        Args:
            process: the number of Chromium's process and of its session.
        """
        self._process, self.faults = process, list[str]()
        self._output = os.fdopen(to_chromium, "wb", buffering=0)
        self._input = os.fdopen(from_chromium, "rb", buffering=0)
        self._rest = b""  # the beginning of a message
        self._calls = self._loads = 0
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def resize(self, width: int, height: int = 1400) -> None:
        """Give the tab this size; returns when its page has been drawn in it."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def open(self, url: str) -> None:
        """Show a page; returns when it is loaded."""
        # Each time another address, because a change of the fragment alone loads nothing.
        place, mark, fragment = url.partition("#")
        loads = self._loads
        self.faults.clear()
        self._call("Page.navigate", url=f"{place}?{loads}{mark}{fragment}")
        while self._loads == loads:
            self._receive()

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression; that of a promise once it is kept."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def html(self) -> str:
        """The document as it is now."""
        return str(self.value("document.documentElement.outerHTML"))

    def screenshot(self, path: Path) -> None:
        path.write_bytes(b64decode(self._call("Page.captureScreenshot")["data"]))

    def heap_bytes(self) -> int:
        """The memory of the objects of the page's scripts that are in use."""
        self._call("HeapProfiler.collectGarbage")
        return int(self._call("Runtime.getHeapUsage")["usedSize"])

    def processor_seconds(self) -> float:
        """The processor time of all processes of Chromium so far; other jobs of the machine do not
        count.
        """
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # a process that has ended
                fields = path.read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:13])) if int(fields[3]) == self._process else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End Chromium."""
        self._session = ""
        self._call("Browser.close")
        self._output.close()
        self._input.close()

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command of the protocol."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._output.write(json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._calls:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        """The next message, the result of a call or an event. A null byte ends it."""
        parts = [self._rest]
        while b"\0" not in parts[-1]:
            assert select([self._input], [], [], _SECONDS)[0], "Chromium does not answer"
            parts.append(self._input.read(1 << 20))
            assert parts[-1], "Chromium ended"
        content, _, self._rest = b"".join(parts).partition(b"\0")
        message: dict[str, Any] = json.loads(content)
        self._note(message)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        """Count loads, and keep what goes wrong on the page."""
        method = event.get("method")
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(event["params"]["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.faults.append(event["params"]["entry"]["text"])


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """Chromium with this folder as its profile."""
    to_chromium, from_chromium = os.pipe(), os.pipe()
    options = [*_OPTIONS, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox
    # Chromium reads commands from file descriptor 3 and writes to 4.
    script = f'exec "$@" 3<&{to_chromium[0]} 4>&{from_chromium[1]}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", str(CHROMIUM), *options],
        pass_fds=(to_chromium[0], from_chromium[1]),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    )
    os.close(to_chromium[0])
    os.close(from_chromium[1])
    browser = Browser(process.pid, to_chromium[1], from_chromium[0])
    try:
        yield browser
    finally:
        browser.close()
        process.wait(timeout=60)
