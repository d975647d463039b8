"""The edge that every call of both APIs passes: it is noted, struck by a fault, or delayed."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import typing as t
from http import HTTPStatus
from http.client import responses
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from customerio_simulator.answers import TEXTS, JSONAnswer, app_error, track_error
from customerio_simulator.control import PREFIX
from customerio_simulator.faults import AFTER, HTML, Fault
from customerio_simulator.weather import Weather

if t.TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from customerio_simulator.faults import Faults
    from customerio_simulator.journal import Journal
    from customerio_simulator.workspace import Workspace

RESET = 0
"""What stands for the status of a call whose connection was reset."""

LARGEST_BODY = 16_000_000
"""Bytes of a request that are kept; more than any endpoint takes is answered with 413."""

SLICES = 10
"""Pieces in which a slow body is handed out."""

TRANSPORT = "customerio_simulator.transport"
"""The ASGI extension under which the server hands over the connection."""


class Edge:
    """ASGI middleware between the server and the APIs.

    Args:
        app: What answers the calls.
        workspace: Where the latency is set.
        journal: Where calls are noted.
        faults: What goes wrong.
    """

    def __init__(
        self, app: ASGIApp, workspace: Workspace, journal: Journal, faults: Faults
    ) -> None:
        self._app = app
        self._workspace = workspace
        self._journal = journal
        self._faults = faults
        self._weather = Weather(workspace.options.seed)
        self._random = random.Random(workspace.options.seed)  # noqa: S311 - latency, no secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on; control calls pass untouched."""
        if scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = self._journal.arrive(scope["method"], scope["path"], query)
        fault = (
            self._faults.strike(scope["method"], scope["path"])
            or self._weather.strike(self._workspace.options.weather)
            or Fault()
        )
        body, call["bytes"] = await _read(receive)
        if fault.delay:
            await asyncio.sleep(fault.delay)

        answer: list[Message] = []
        if call["bytes"] > LARGEST_BODY:
            too_large = track_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request body too large")
            await _run(too_large, scope, body, answer)
        elif not fault.forestalls:
            await _run(self._app, scope, body, answer)
        if fault.replaces:
            answer.clear()
            await _run(_replacement(fault, scope["path"]), scope, body, answer)
        # After the limit has seen the call: it is measured when calls arrive.
        if latency := self._latency():
            await asyncio.sleep(latency)
        if fault.reset in {True, AFTER}:
            call["status"] = RESET
            await _reset(scope, receive)
            return
        call["status"] = answer[0]["status"]
        await _hand_out(answer, fault, scope, receive, send)

    def _latency(self) -> float:
        """Return what the next answer takes, in seconds."""
        options = self._workspace.options
        jitter = options.latency_jitter_ms and self._random.uniform(-1, 1)
        return max(0.0, options.latency_ms + jitter * options.latency_jitter_ms) / 1000


async def _read(receive: Receive) -> tuple[bytes, int]:
    """Return the body and its length; of a body that is too large only the length."""
    chunks, length, more = [], 0, True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        length += len(chunk)
        more = message.get("more_body", False)
        if length <= LARGEST_BODY:
            chunks.append(chunk)
    return b"".join(chunks), length


async def _run(app: ASGIApp, scope: Scope, body: bytes, answer: list[Message]) -> None:
    """Let an application answer, and collect what it says."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, send)


def _replacement(fault: Fault, path: str) -> Response:
    """Return the answer that a fault puts in the place of the right one."""
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    status = fault.status or 200
    if fault.html:
        return HTMLResponse(HTML, status, headers)
    if isinstance(fault.body, str):
        return PlainTextResponse(fault.body, status, headers, media_type="application/json")
    if fault.body is not None:
        return JSONAnswer(fault.body, status, headers)
    if path.startswith("/v1/") and status in TEXTS:
        return app_error(status, limit=10, headers=headers)
    return track_error(status, responses.get(status, "Unknown"), headers)


async def _hand_out(
    answer: list[Message], fault: Fault, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send an answer, slowly or in part if the fault says so."""
    start, *parts = answer
    body = b"".join(part.get("body", b"") for part in parts)
    await send(start)
    pieces = [body[: len(body) // 2]] if fault.truncate else [body]
    if fault.slow:
        size = max(1, -(-len(pieces[0]) // SLICES))
        pieces = [pieces[0][at : at + size] for at in range(0, len(pieces[0]), size)]
    for piece in pieces[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(fault.slow / SLICES)
    last = {"type": "http.response.body", "body": pieces[-1] if pieces else b""}
    await send(last | {"more_body": fault.truncate})
    if fault.truncate:
        scope["extensions"][TRANSPORT]["transport"].close()
        await _until_closed(receive)


async def _reset(scope: Scope, receive: Receive) -> None:
    """Reset the connection, so that the client reads ECONNRESET."""
    transport = scope["extensions"][TRANSPORT]["transport"]
    if not transport.is_closing():  # or the client was quicker
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    await _until_closed(receive)


async def _until_closed(receive: Receive) -> None:
    """Wait until the server knows that the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
