"""Small labelling sessions: images drawn here, served in a thread of the test."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image

from wssis.annotate.given import find_files
from wssis.annotate.outputs import Files, Writer
from wssis.annotate.running import content_of, open_session
from wssis.annotate.server import PageServer
from wssis.annotate.session import Session
from wssis.annotate.setup import Request

REPOSITORY = Path(__file__).resolve().parents[1]
CATEGORIES = [{"id": 3, "name": "bar"}, {"id": 7, "name": "ring"}]
TOKEN = "a-token"
FULL = {
    "images": [{"id": 40, "file_name": "masked.png", "width": 60, "height": 40}],
    "annotations": [{"id": 90, "image_id": 40, "category_id": 7, "segmentation": [[1, 1, 9, 1, 9, 9]]}],
    "categories": CATEGORIES,
}
BOXES = [[10, 5, 20, 12], [0, 0, 60, 40], [50, 30, 10.75, 10.5]]
"""The last one reaches out of its image by less than a pixel, as exporters round."""


def write_images(folder: Path, names: Sequence[str] = ("a.png", "b.png", "c.png"), size: tuple[int, int] = (60, 40)):
    """Noise, width x height px."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in names:
        Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)).save(folder / name)
    return folder


def write_json(path: Path, content: object) -> Path:
    """A JSON file."""
    path.write_text(json.dumps(content))
    return path


def request(tmp_path: Path, **more: Any) -> Request:
    """Three images without labels, and the classes of a full.json."""
    if not (tmp_path / "images").exists():
        write_images(tmp_path / "images")
    full = write_json(tmp_path / "full.json", FULL)
    return Request(**{"images": [tmp_path / "images"], "out": tmp_path / "weak.json", "categories": full} | more)


def box_request(tmp_path: Path, **more: Any) -> Request:
    """Three boxes, two on a.png, one on b.png; c.png has none."""
    write_images(tmp_path / "images")
    content = {
        "images": [{"id": n, "file_name": name} for n, name in ((11, "a.png"), (12, "b.png"), (13, "c.png"))],
        "annotations": [
            {"id": 5 + n, "image_id": (11, 11, 12)[n], "category_id": (3, 7, 7)[n], "bbox": box}
            for n, box in enumerate(BOXES)
        ],
        "categories": CATEGORIES,
    }
    given = {"boxes": write_json(tmp_path / "boxes.json", content), "points_per_box": 3, "seed": 4}
    return Request(**{"images": [tmp_path / "images"], "out": tmp_path / "points10.json"} | given | more)


def opened(asked: Request) -> Session:
    """A session over the request's files."""
    return open_session(asked, find_files(asked), Files(asked.out))


def act(session: Session, do: str, **more: Any) -> list[dict[str, Any]]:
    """An action of a window that has seen all; the changes."""
    return session.act({"do": do, "revision": session.revision, **more})["changes"]


@dataclass
class Served:
    """A served session; `ask` answers status, body and headers."""

    server: PageServer
    session: Session
    writer: Writer
    files: Files

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    def ask(
        self, path: str, body: object = None, token: str | None = TOKEN, host: str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sign = "&" if "?" in path else "?"
        address = path if token is None else f"{path}{sign}token={token}"
        sent = {"Host": host or f"127.0.0.1:{self.port}", "Content-Type": "application/json"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        connection.putrequest("GET" if data is None else "POST", address, skip_host=True)
        for key, value in (sent | ({} if data is None else {"Content-Length": str(len(data))})).items():
            connection.putheader(key, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        found = answer.status, answer.read(), {key.lower(): value for key, value in answer.getheaders()}
        connection.close()
        return found


@contextmanager
def served(asked: Request) -> Iterator[Served]:
    """Serve a session until the block ends."""
    pictures = find_files(asked)
    session = opened(asked)
    files = Files(asked.out)
    writer = Writer(session, files)
    paths = {image.id: pictures[image.file_name] for image in session.setup.images}
    server = PageServer(0, TOKEN, session, writer, lambda number: content_of(paths, number))
    writer.start()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Served(server, session, writer, files)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        session.close()
        writer.close()


@contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen, int, str]]:
    """The command itself; process, port and token."""
    command = [sys.executable, "-m", "wssis", "annotate", str(folder / "images"), "--out", str(folder / "weak.json"),
               "--categories", str(folder / "full.json"), "--no-browser"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        told = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", told)):
            line = process.stdout.readline()
            assert line, told
            told += line
        yield process, int(found[1]), found[2]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
