"""A small server that answers as told, and ways to run the tap against it."""

from __future__ import annotations

import collections
import contextlib
import io
import json
import signal
import threading
import typing as t
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tap_customerio.tap import TapCustomerIO

KEY = "test-app-api-key"


@dataclass
class Reply:
    """An answer that is not just 200 with JSON."""

    status: int = 200
    body: t.Any = None
    headers: dict[str, str] = field(default_factory=dict)


NOT_FOUND = Reply(404, {"errors": [{"detail": "not found (reference 01REF)", "status": "404"}]})
UNROUTED = Reply(404, b"404 page not found", {"Content-Type": "text/plain"})
HTML = b"<html><body>hello</body></html>"


class FakeApi:
    """Answers each path from a table; remembers what was asked."""

    def __init__(self) -> None:
        self.routes: dict[str, t.Any] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[t.Any] = []
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                fake.bodies.append(json.loads(self.rfile.read(length)))
                self.do_GET()

            def do_GET(self) -> None:
                reply = fake.answer(self.path, dict(self.headers))
                body = reply.body if isinstance(reply.body, bytes) else _encode(reply.body)
                self.send_response(reply.status)
                headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
                for name, value in {**headers, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
                if int({**headers, **reply.headers}["Content-Length"]) != len(body):
                    self.close_connection = True

            def log_message(self, *_: t.Any) -> None:
                """Keep the output of the tests clean."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: t.Any) -> None:
                """A client may leave in the middle of an answer."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, target: str, headers: dict[str, str]) -> Reply:
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query))
        with self._lock:
            self.calls.append((parts.path, query))
            self.headers.append(headers)
            found = self.routes.get(parts.path, UNROUTED)
            if isinstance(found, collections.deque):
                found = found.popleft() if len(found) > 1 else found[0]
        if callable(found):
            found = found(query)
        return found if isinstance(found, Reply) else Reply(body=found)

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def queries(self, path: str) -> list[dict[str, str]]:
        return [query for called, query in self.calls if called == path]

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def _encode(body: t.Any) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


@pytest.fixture
def fake() -> t.Iterator[FakeApi]:
    server = FakeApi()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _own_signals() -> t.Iterator[None]:
    """A tap takes over the signals of the process it is made in."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@dataclass
class Result:
    """What a run wrote, and how it ended."""

    text: str
    exit_code: int

    def __post_init__(self) -> None:
        self.messages: list[dict[str, t.Any]] = [
            json.loads(line) for line in self.text.split("\n") if line
        ]

    def of(self, kind: str) -> list[dict[str, t.Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def records(self, stream: str) -> list[dict[str, t.Any]]:
        return [message["record"] for message in self.of("RECORD") if message["stream"] == stream]

    @property
    def state(self) -> dict[str, t.Any]:
        return self.of("STATE")[-1]["value"]

    def bookmark(self, stream: str) -> dict[str, t.Any]:
        return self.state["bookmarks"][stream]


def configuration(url: str, **settings: t.Any) -> dict[str, t.Any]:
    quick = {"requests_per_second": 0, "max_retries": 0}
    return {"app_api_key": KEY, "app_api_url": url, **quick, **settings}


def selection(*streams: str, method: str | None = None) -> dict[str, t.Any]:
    """A catalog with these streams selected."""
    catalog = TapCustomerIO(config={}, validate_config=False, setup_mapper=False).catalog_dict
    for entry in catalog["streams"]:
        root = next(part for part in entry["metadata"] if not part["breadcrumb"])
        root["metadata"]["selected"] = entry["stream"] in streams
        if method and entry["stream"] in streams:
            entry["replication_method"] = method
    return catalog


def run(
    url: str,
    *streams: str,
    state: dict[str, t.Any] | None = None,
    catalog: dict[str, t.Any] | None = None,
    **settings: t.Any,
) -> Result:
    """Run the tap in this process."""
    catalog = catalog or (selection(*streams) if streams else None)
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    code = 0
    with contextlib.redirect_stdout(output):
        tap = TapCustomerIO(config=configuration(url, **settings), catalog=catalog, state=state)
        try:
            tap.run()
        except SystemExit as end:
            code = int(end.code or 0)
    output.seek(0)
    return Result(output.read(), code)
