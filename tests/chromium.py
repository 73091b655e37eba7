"""A headless Chromium, driven by the Chrome DevTools protocol: opens files from disk and tells what they asked for."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-extensions", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE = 60
"""Seconds to wait for the browser to start, and for a page to load."""


class Browser:
    """One tab.

    Attributes:
        requests: addresses asked for since the last `open`, the page's own and data URIs aside.
        complaints: console messages of warning or error level, and uncaught exceptions, since the last `open`.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come before it are kept."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]

    def _receive(self) -> dict[str, Any]:
        message = json.loads(self._socket.recv(timeout=PATIENCE))
        if "method" in message:
            self._events.append(message)
            self._note(message["method"], message["params"])
        return message

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent" and not event["request"]["url"].startswith("data:"):
            self.requests.append(event["request"]["url"])
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("warning", "error"):
            self.complaints.append(event["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(event["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("warning", "error", "assert"):
            self.complaints.append(str(event["args"]))

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file from disk and wait until it is shown."""
        self.command("Page.navigate", url="about:blank")
        self._events.clear()
        self.requests.clear()
        self.complaints.clear()
        address = path.resolve().as_uri()
        self.command("Page.navigate", url=address + fragment)
        until = time.monotonic() + PATIENCE
        while not self.value("document.readyState === 'complete' && location.protocol === 'file:'"):
            assert time.monotonic() < until, f"{path} does not load"
            time.sleep(0.05)
        self.requests[:] = [request for request in self.requests if request.partition("#")[0] != address]

    def value(self, expression: str) -> Any:
        """What an expression comes to in the page; a promise is awaited."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Give the page a size, as on a phone."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def press(self, key: str) -> None:
        """Press and release a key."""
        named = {"Tab": 9, "Enter": 13}
        code = {"windowsVirtualKeyCode": named[key]} if key in named else {"text": key}
        self.command("Input.dispatchKeyEvent", type="keyDown", key=key, **code)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key)

    def paint(self) -> float:
        """Milliseconds from navigation to first contentful paint, as the browser reports it."""
        return self.value(
            "new Promise(told => new PerformanceObserver(list => told(list.getEntries()[0].startTime))"
            ".observe({type: 'paint', buffered: true}))"
        )


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Lend a browser; the test is skipped where Chromium or websockets is missing.

    Args:
        profile: an empty folder for the browser's own files.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on the path")
    client = pytest.importorskip(
        "websockets.sync.client", reason="the Chromium tests need websockets: pip install websockets"
    )
    process = subprocess.Popen(
        [found, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with client.connect(_tab(profile, process), max_size=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def _tab(profile: Path, process: subprocess.Popen) -> str:
    """WebSocket address of the first tab."""
    from urllib.request import urlopen

    told = profile / "DevToolsActivePort"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        if told.exists() and (lines := told.read_text().splitlines()):
            with urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=PATIENCE) as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return tabs[0]["webSocketDebuggerUrl"]
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")
