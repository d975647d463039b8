"""How fast the simulator is, so that no other benchmark measures it by mistake.

A plain socket client on keep-alive connections: small requests, pages of made-up rows, and batch
bodies of 499,000 bytes in the counting mode.

Run it with `python -m benchmarks.simulator_ceiling [--seconds 3]`.
"""

from __future__ import annotations

import base64
import json
import socket
import tempfile
import threading
import time
import typing as t
from pathlib import Path
from urllib.parse import quote, urlsplit

import click
from demo import processes

from benchmarks.findings import Findings

BEARER = "Authorization: Bearer app-key-of-the-simulator"
BASIC = base64.b64encode(b"site-of-the-simulator:track-key-of-the-simulator").decode()
BODY_BYTES = 499_000
WORKSPACE = ("--rate-limit", "0", "--counting", "--activities", "1000000", "--messages", "100000")
SIZES = ("--activity-bytes", "900", "--people", "100000")


class Connection:
    """One keep-alive connection that reads answers with a Content-Length."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), address.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer, which must be a success."""
        self._socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(1 << 20)
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._socket.recv(1 << 20)
        assert b" 200 " in lines[0], head
        return body

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def get(path: str) -> bytes:
    """Return a request of the App API."""
    return f"GET {path} HTTP/1.1\r\nHost: simulator\r\n{BEARER}\r\n\r\n".encode()


def post(items: int) -> bytes:
    """Return a batch of about so many events of 900 bytes."""
    event = {
        "type": "person",
        "action": "event",
        "identifiers": {"id": "12345"},
        "name": "purchase",
        "id": "01HB4HBDKTFWYZCK01DMRSWRFD",
        "timestamp": 1_713_484_800,
        "attributes": {"text": "x" * 730},
    }
    body = json.dumps({"batch": [event] * items}).encode()
    head = f"POST /api/v2/batch HTTP/1.1\r\nHost: simulator\r\nAuthorization: Basic {BASIC}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def repeated(url: str, request: bytes, seconds: float, connections: int) -> float:
    """Send a request over and over, and return how often per second it was answered."""
    counts = [0] * connections
    until = time.perf_counter() + seconds

    def loop(nth: int) -> None:
        connection = Connection(url)
        while time.perf_counter() < until:
            connection.ask(request)
            counts[nth] += 1
        connection.close()

    threads = [threading.Thread(target=loop, args=(nth,)) for nth in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def walked(url: str, path: str, key: str, seconds: float) -> tuple[float, float]:
    """Walk a list, and return its rows per second and the bytes of a row."""
    connection, token, rows, size = Connection(url), "", 0, 0
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        answer = connection.ask(get(f"{path}&start={quote(token, safe='')}"))
        body: dict[str, t.Any] = json.loads(answer)
        token, rows, size = body["next"], rows + len(body[key]), size + len(answer)
    connection.close()
    return rows / spent, size / rows


@click.command(help=__doc__)
@click.option("--seconds", default=3.0, show_default=True, help="How long each figure is measured.")
def main(seconds: float) -> None:
    """Print requests, rows and megabytes per second."""
    found = Findings("simulator_ceiling")
    small, batch = get("/v1/workspaces"), post(1)
    full = post(BODY_BYTES * 10 // (len(post(11)) - len(batch)))
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.simulator(Path(folder) / "log", *WORKSPACE, *SIZES) as url,
    ):
        activities = walked(url, "/v1/activities?limit=100&deleted=true", "activities", seconds)
        messages = walked(url, "/v1/messages?limit=1000", "messages", seconds)
        figures = [
            ("small GETs per second, 1 connection", repeated(url, small, seconds, 1)),
            ("small GETs per second, 4 connections", repeated(url, small, seconds, 4)),
            ("batches of one event per second, 1 connection", repeated(url, batch, seconds, 1)),
            ("activities per second, 100 a page", activities[0]),
            ("bytes of an activity", activities[1]),
            ("deliveries per second, 1,000 a page", messages[0]),
            (
                f"MB of batch bodies per second, {len(full):,} bytes each, 1 connection",
                repeated(url, full, seconds, 1) * len(full) / 1e6,
            ),
            (
                f"MB of batch bodies per second, {len(full):,} bytes each, 4 connections",
                repeated(url, full, seconds, 4) * len(full) / 1e6,
            ),
        ]
    rows = [(name, round(value)) for name, value in figures]
    found.table("The simulator's ceiling", ("figure", "value"), rows)
    found.hand_over()


if __name__ == "__main__":
    main()
