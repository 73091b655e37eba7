"""The labelling page's server: who gets in, what is served, and what a kill leaves behind."""

import json
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from annotate_fixtures import Served, request, served, started

from wssis.formats.coco import read_coco

PAGES = ("/", "/state", "/changes?since=0", "/image/41", "/annotate.css", "/points.js", "/nothing")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Served]:
    with served(request(tmp_path)) as found:
        yield found


@pytest.mark.parametrize("token", [None, "", "wrong", "a-toke", "a-token1", "ä"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_without_the_token(one: Served, path: str, token: str | None) -> None:
    token = "%C3%A4" if token == "ä" else token
    status, body, _ = one.ask(path, token=token)
    assert status == 403 and b"a-token" not in body
    assert one.ask(path, {"do": "undo"}, token=token)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example:80", "169.254.0.1:80", ""])
def test_nothing_for_another_host(one: Served, host: str) -> None:
    assert one.ask("/state", host=host or " ")[0] == 403


def test_this_machines_names_are_served(one: Served) -> None:
    for host in (f"127.0.0.1:{one.port}", f"localhost:{one.port}", "localhost:9999"):
        assert one.ask("/state", host=host)[0] == 200


def test_foreign_origins_get_nothing_and_there_is_no_cors(one: Served) -> None:
    action = {"do": "finish", "image": 41, "revision": 0}
    assert one.ask("/act", action, Origin="http://evil.example")[0] == 403
    assert one.ask("/act", action, Origin="null")[0] == 403
    status, _, headers = one.ask("/act", action, Origin=f"http://127.0.0.1:{one.port}")
    assert status == 200 and not [name for name in headers if name.startswith("access-control")]
    assert "default-src 'none'" in headers["content-security-policy"] and headers["cache-control"] == "no-store"


def test_only_this_machine_is_listened_to(one: Served) -> None:
    assert one.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    ["/image/../full.json", "/image/%2e%2e%2ffull.json", "/../full.json", "/server.py", "/points.html.j2", "/image/40",
     "/image/99999", "/image/a.png", "/image/-1", "/image/", "//etc/passwd", "/images/a.png"],
)  # fmt: skip
def test_only_listed_images_and_the_pages_own_files_are_served(one: Served, path: str) -> None:
    assert one.ask(path)[0] in (400, 404)


def test_images_go_out_with_their_type(one: Served, tmp_path: Path) -> None:
    status, body, headers = one.ask("/image/41")
    assert (status, headers["content-type"]) == (200, "image/png")
    assert body == (tmp_path / "images/a.png").read_bytes()


@pytest.mark.parametrize(
    ("body", "more"),
    [(b"", {}), (b"[]", {}), (b"{", {}), (b'{"do": ["x"]}', {}), (b"x" * 70_000, {}),
     (b'{"do": "undo", "revision": 0}', {"Content_Type": "text/plain"})],
)  # fmt: skip
def test_requests_that_are_no_actions_are_refused(one: Served, body: bytes, more: dict) -> None:
    assert one.ask("/act", body, **more)[0] == 400
    assert one.session.revision == 0


def test_two_windows_never_overwrite_each_other(one: Served) -> None:
    add = {"do": "add", "image": 41, "category": 3, "x": 1, "y": 1, "revision": 0}
    status, body, _ = one.ask("/act", add)
    assert status == 200 and json.loads(body)["revision"] == 1
    status, body, _ = one.ask("/act", {**add, "x": 2})
    assert status == 409 and one.session.board.labels() == 1
    assert [change["after"] for change in json.loads(body)["changes"]] == [[3, 1, 1]]
    assert one.ask("/act", {**add, "x": 2, "revision": 1})[0] == 200
    assert one.session.board.labels() == 2


def test_one_connection_serves_many_requests(one: Served) -> None:
    connection = HTTPConnection("127.0.0.1", one.port, timeout=20)
    for revision in range(3):
        body = json.dumps({"do": "add", "image": 41, "category": 3, "x": 1, "y": 1, "revision": revision})
        connection.request("POST", "/act?token=a-token", body, {"Content-Type": "application/json"})
        assert json.loads(connection.getresponse().read())["revision"] == revision + 1
    connection.close()


def _act(port: int, token: str, action: dict) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", f"/act?token={token}", json.dumps(action), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    assert answer.status == 200
    return told["revision"]


def test_killed_at_any_moment_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    """SIGKILL between two actions and right after one; SIGTERM writes the files at the end."""
    request(tmp_path)
    revision = 0
    for sent in range(2):
        with started(tmp_path) as (process, port, token):
            for x in range(5):
                add = {"do": "add", "image": 41, "category": 3, "x": 5 * sent + x, "y": 1, "revision": revision}
                revision = _act(port, token, add)
            process.kill()
            process.wait()
    with started(tmp_path) as (process, port, token):
        with pytest.raises(AssertionError, match="another process"), started(tmp_path):
            pass
        revision = _act(port, token, {"do": "finish", "image": 41, "revision": revision})
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(timeout=20) == 0, rest
    assert revision == 11 and "1 of 3 images finished, 10 points" in rest
    found = read_coco(tmp_path / "weak.json")["annotations"]
    assert [one["point"] for one in found] == [[x, 1] for x in range(10)]
