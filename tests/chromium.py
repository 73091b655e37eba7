"""A headless Chromium, driven by the Chrome DevTools protocol: opens pages, clicks and types, and tells what they asked
for."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-extensions", "--remote-debugging-port=0",
)  # fmt: skip
NAMED_KEYS = {
    "Tab": 9, "Enter": 13, "Escape": 27, "Home": 36, "Delete": 46, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
    "ArrowDown": 40,
}  # fmt: skip
"""Keys that write nothing -> their virtual key codes."""
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
        address = path.resolve().as_uri()
        self.visit(address + fragment)
        self.requests[:] = [request for request in self.requests if request.partition("#")[0] != address]

    def visit(self, address: str) -> None:
        """Load an address and wait until it is shown; `requests` then begins with the address itself."""
        self.command("Page.navigate", url="about:blank")
        self._events.clear()
        self.requests.clear()
        self.complaints.clear()
        self.command("Page.navigate", url=address)
        scheme = address.partition(":")[0]
        self.until(f"document.readyState === 'complete' && location.protocol === '{scheme}:'")

    def until(self, expression: str) -> None:
        """Wait until an expression of the page is true."""
        until = time.monotonic() + PATIENCE
        while not self.value(expression):
            assert time.monotonic() < until, f"never true: {expression}"
            time.sleep(0.02)

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

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key."""
        self.hold(key, shift)
        self.command("Input.dispatchKeyEvent", type="keyUp", key=key)

    def hold(self, key: str, shift: bool = False, repeat: bool = False) -> None:
        """Press a key without releasing it; repeat: as a keyboard does while a key is held down."""
        code = {"windowsVirtualKeyCode": NAMED_KEYS[key]} if key in NAMED_KEYS else {"text": key}
        self.command(
            "Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=8 * shift, autoRepeat=repeat, **code
        )

    def point(self, x: float, y: float, kind: str = "mouseMoved", **more: Any) -> None:
        """A pointer event at a place of the window, CSS px; kind: as in the protocol."""
        self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, pointerType="mouse", **more)

    def click(self, x: float, y: float) -> None:
        """Move the pointer to a place and click."""
        self.drag([(x, y)])

    def drag(self, path: Sequence[tuple[float, float]], button: str = "left") -> None:
        """Press at the first place, move along the path, release at its end."""
        pressed = {"button": button, "buttons": {"left": 1, "middle": 4}[button], "clickCount": 1}
        self.point(*path[0])
        self.point(*path[0], "mousePressed", **pressed)
        for place in path[1:]:
            self.point(*place, **pressed)
        self.point(*path[-1], "mouseReleased", button=button, clickCount=1)

    def picture(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

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
