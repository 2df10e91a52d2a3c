"""A headless Chromium, driven by its DevTools protocol through two pipes.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# True when the page says that it is ready; false after ten minutes.
_READY = """new Promise((done) => {
  const began = Date.now();
  const look = () => {
    if (document.body?.dataset.ready === "yes") done(true);
    else if (Date.now() - began > 600_000) done(false);
    else setTimeout(look, 10);
  };
  look();
})"""


def find_browser() -> str | None:
    """The program; None where none is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page of a browser.

    Attributes:
        faults: exceptions of its scripts, and what its policy refused.
    """

    def __init__(self, browser: _Browser, session: str, process: int) -> None:
        self._browser, self._session, self._process = browser, session, process
        self.faults: list[str] = []

    def open(self, path: Path, width: int, height: int = 1400) -> float:
        """Open a file at a width of so many pixels, and wait until it says that it is ready.

        Returns:
            The seconds that this took.
        """
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.call("Log.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        began = time.monotonic()
        self.call("Page.navigate", url=path.absolute().as_uri())
        assert self.run(_READY), f"{path} is not ready: {self.faults}"
        return time.monotonic() - began

    def run(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def processor_seconds(self) -> float:
        """The processor time of all processes of the browser so far; other jobs of the machine do
        not count.
        """
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                ticks += sum(map(int, fields[11:13])) if int(fields[3]) == self._process else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """The answer to a command; faults that are reported until then are kept."""
        answer, events = self._browser.call(method, parameters, self._session)
        for event in events:
            if event["method"] == "Runtime.exceptionThrown":
                self.faults.append(json.dumps(event["params"]["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded":
                self.faults.append(event["params"]["entry"]["text"])
        return answer


class _Browser:
    """Commands to a browser process and its answers, as JSON that ends in a zero byte."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb")
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._rest = b""
        self._number = 0

    def call(
        self, method: str, parameters: dict[str, object], session: str = ""
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The answer, and the events before it."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        events = []
        while (message := self._message()).get("id") != self._number:
            events.append(message)
        assert "error" not in message, (method, message["error"])
        return message["result"], events

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = self._answers.read(1 << 16)
            assert part, "the browser is gone"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def close(self) -> None:
        self.call("Browser.close", {})
        self._commands.close()
        self._answers.close()


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page of a browser that runs until the context ends; there must be one."""
    program = find_browser()
    assert program, f"none of {', '.join(NAMES)} on PATH"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        to_browser, from_us = os.pipe()
        to_us, from_browser = os.pipe()
        # The browser reads commands from 3 and answers to 4; the shell puts the pipes there.
        shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        arguments += ["--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
        process = subprocess.Popen(
            ["bash", "-c", shell, program, *arguments, f"--user-data-dir={folder}/profile"],
            pass_fds=(to_browser, from_browser),
            env={**os.environ, "HOME": folder},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        browser = _Browser(from_us, to_us)
        try:
            target, _ = browser.call("Target.createTarget", {"url": "about:blank"})
            attach = {"targetId": target["targetId"], "flatten": True}
            session, _ = browser.call("Target.attachToTarget", attach)
            yield Page(browser, session["sessionId"], process.pid)
            browser.close()
        finally:
            process.kill()
            process.wait()
