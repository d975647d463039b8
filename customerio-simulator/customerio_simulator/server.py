"""The server: uvicorn on a socket of ours, in the foreground or in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import threading
import typing as t

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from customerio_simulator.application import Service
from customerio_simulator.edge import TRANSPORT

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from customerio_simulator.workspace import Workspace

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

KEEP_ALIVE = 75
"""Seconds after which an idle connection is closed."""


class PortTakenError(OSError):
    """The address cannot be listened on; the text says which."""


class _Protocol(HttpToolsProtocol):
    """HTTP that hands the connection to the application, so that it can be broken on purpose."""

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class Server(uvicorn.Server):
    """A server that starts and stops without waiting.

    Args:
        workspace: The workspace to serve.
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        PortTakenError: The address cannot be listened on.
    """

    def __init__(self, workspace: Workspace, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(
            uvicorn.Config(
                Service(workspace),
                http=_Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE,
            )
        )
        try:
            self._socket = socket.create_server((host, port), backlog=1024)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            msg = f"Cannot listen on {host}:{port}: {reason}. Choose another --port."
            raise PortTakenError(msg) from error
        # Inherited by accepted connections: headers and body leave in two writes, and the second
        # would wait 40 ms for the client's delayed acknowledgement of the first.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def listen(self) -> None:
        """Serve until `stop` is called."""
        self.run(sockets=[self._socket])

    def stop(self) -> None:
        """Make `listen` return; may be called from any thread and from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    @override
    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._stop.wait()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Break off what is under way: a simulator owes nobody an answer."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        self._socket.close()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command: a library has no business with them."""
        yield
