"""The edge that every call of both APIs passes: it is noted, struck by a fault, or delayed."""

from __future__ import annotations

import asyncio
import socket
import struct
import typing as t
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from customerio_simulator.answers import JSONAnswer, track_error
from customerio_simulator.control import PREFIX
from customerio_simulator.faults import AFTER, HTML, Fault

if t.TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from customerio_simulator.faults import Faults
    from customerio_simulator.journal import Journal
    from customerio_simulator.workspace import Workspace

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on; control calls pass untouched."""
        if scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = self._journal.arrive(scope["method"], scope["path"], query)
        fault = self._faults.strike(scope["method"], scope["path"]) or Fault()
        body, call["bytes"] = await _read(receive)
        wait = fault.delay + self._workspace.options.latency_ms / 1000
        if wait:
            await asyncio.sleep(wait)

        answer: list[Message] = []
        if call["bytes"] > LARGEST_BODY:
            await _run(track_error(413, "request body too large"), scope, body, answer)
        elif not fault.forestalls:
            await _run(self._app, scope, body, answer)
        if fault.replaces:
            answer.clear()
            await _run(_replacement(fault), scope, body, answer)
        if fault.reset in {True, AFTER}:
            call["status"] = 0
            await _reset(scope, receive)
            return
        call["status"] = answer[0]["status"]
        await _hand_out(answer, fault, scope, receive, send)


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


def _replacement(fault: Fault) -> Response:
    """Return the answer that a fault puts in the place of the right one."""
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    status = fault.status or 200
    if fault.html:
        return HTMLResponse(HTML, status, headers)
    if isinstance(fault.body, str):
        return PlainTextResponse(fault.body, status, headers, media_type="application/json")
    body = {"errors": [{"detail": "simulated fault", "status": str(status)}]}
    return JSONAnswer(body if fault.body is None else fault.body, status, headers)


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
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _until_closed(receive)


async def _until_closed(receive: Receive) -> None:
    """Wait until the server knows that the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
