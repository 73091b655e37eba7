"""The page's server: this machine only, and only for who knows the token in the address.

Every request needs the token, and a Host header that names this machine, so that neither another user nor a foreign
page whose name resolves to this machine gets anything. There is no CORS header, and a POST must be JSON.
"""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from wssis.annotate.changes import Refused
from wssis.annotate.outputs import Writer
from wssis.annotate.session import Outdated, Session
from wssis.errors import InputError
from wssis.formats.json_text import dumps, loads

ADDRESS = "127.0.0.1"
HOSTS = ("127.0.0.1", "localhost")
MOST_BYTES = 65_536
"""Of a request's body."""
TEXTS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
SCRIPTS = ("annotate.css", "shared.js", "points.js", "boxes.js")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Answer = tuple[HTTPStatus, str, bytes]
Picture = Callable[[int], tuple[str, bytes] | None]


class PageServer(ThreadingHTTPServer):
    """Serves one session.

    Args:
        port: 0: any free one.
        token: what the address must have.
        picture: image id -> media type and bytes; None where there is no such image.
    """

    daemon_threads = True

    def __init__(self, port: int, token: str, session: Session, writer: Writer, picture: Picture) -> None:
        self.token = token
        self.session = session
        self.writer = writer
        self.picture = picture
        super().__init__((ADDRESS, port), _Handler)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.server_address[1]}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "wssis", ""
    # Head and body leave in one piece, at once: otherwise every answer waits 40 ms for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 600

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, find: Callable[[], Answer]) -> None:
        if not self._is_known():
            self.close_connection = True
            self._send(HTTPStatus.FORBIDDEN, *_text("forbidden: open the address that wssis annotate has printed"))
            return
        try:
            status, kind, content = find()
        except (InputError, Refused) as error:
            status, (kind, content) = HTTPStatus.BAD_REQUEST, _text(str(error))
        except OSError as error:
            status = HTTPStatus.INSUFFICIENT_STORAGE
            kind, content = _text(f"not saved: {error}; free some space and do it again")
        self._send(status, kind, content)

    def _is_known(self) -> bool:
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        given = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
        return (
            host.rpartition(":")[0] in HOSTS
            and origin in (None, f"http://{host}")
            and hmac.compare_digest(given.encode(), self.server.token.encode())
        )

    def _get(self) -> Answer:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/":
            return HTTPStatus.OK, "text/html; charset=utf-8", _page(self.server.session.board.view, self.server.token)
        if path == "/state":
            return _json(self.server.session.state())
        if path == "/changes":
            return self._json_now(self.server.session.since(_number(query.get("since", [""])[0])))
        if path[1:] in SCRIPTS:
            name = path[1:]
            return HTTPStatus.OK, TEXTS[name[name.rindex(".") :]], (files("wssis.annotate") / name).read_bytes()
        if path.startswith("/image/"):
            found = self.server.picture(_number(path.removeprefix("/image/")))
            if found is not None:
                return HTTPStatus.OK, *found
        return HTTPStatus.NOT_FOUND, *_text("there is nothing here")

    def _post(self) -> Answer:
        request = self._request()
        path = urlsplit(self.path).path
        if path == "/shown":
            self.server.session.shown(_number(request.get("image")))
            return _json({})
        if path != "/act":
            return HTTPStatus.NOT_FOUND, *_text("there is nothing here")
        try:
            return self._json_now(self.server.session.act(request))
        except Outdated:
            status = HTTPStatus.CONFLICT
            return self._json_now(self.server.session.since(_number(request.get("revision"))), status)

    def _request(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            raise Refused(f"a request has a length of at most {MOST_BYTES} bytes")
        body = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            raise Refused("a request is application/json")
        try:
            value = loads(body)
        except ValueError:
            raise Refused("the request is no JSON") from None
        if not isinstance(value, dict) or any(isinstance(one, list | dict) for one in value.values()):
            raise Refused("the request is no flat JSON object")
        return value

    def _json_now(self, value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Answer:
        return _json({**value, "problem": self.server.writer.problem}, status)

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        caching = "private, max-age=3600" if kind.startswith("image/") else "no-store"
        rest = {"Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": caching}
        for name, value in {**HEADERS, **rest}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal is the user's."""


def _text(message: str) -> tuple[str, bytes]:
    return "text/plain; charset=utf-8", message.encode()


def _json(value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return status, "application/json", dumps(value)


def _number(value: object) -> int:
    """A whole number that is not negative, given as such or as text."""
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    raise Refused(f"{value!r} is no number")


def _page(view: str, token: str) -> bytes:
    environment = Environment(
        loader=PackageLoader("wssis", "annotate"), undefined=StrictUndefined, autoescape=select_autoescape(["j2"])
    )
    return environment.get_template(f"{view}.html.j2").render(token=token).encode()
