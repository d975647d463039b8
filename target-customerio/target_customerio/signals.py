"""SIGTERM and SIGINT: stop reading, deliver what was read, and say so by the exit code."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import sys
import threading
import typing as t

from target_customerio.errors import Interrupted

if t.TYPE_CHECKING:
    from collections.abc import Iterator


class Signals:
    """What signals have come.

    Attributes:
        received: The number of the signal that asks the run to end; None if none has come.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._woken: socket.socket | None = None

    def receive(self, number: int) -> None:
        """Note a signal. A second one ends the process at once, as if we had no handler.

        Args:
            number: Which signal.
        """
        self.received = number
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Let a signal wake every wait in the block, also one that comes just before the wait."""
        # Only the main thread gets signals; and only sockets can be waited for on Windows.
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            yield
            return
        woken, waker = socket.socketpair()
        with woken, waker:
            woken.setblocking(False)  # noqa: FBT003 - the standard library's way
            waker.setblocking(False)  # noqa: FBT003 - the API of sockets
            before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
            self._woken = woken
            try:
                yield
            finally:
                self._woken = None
                signal.set_wakeup_fd(before)

    def wait(self, descriptor: int, seconds: float) -> bool:
        """Wait until there is something to read.

        Args:
            descriptor: The file or pipe.
            seconds: How long to wait at most.

        Returns:
            Whether there is something to read, or the waiting is left to the read.

        Raises:
            Interrupted: A signal came first; what can be read may never come.
        """
        self.check()
        if self._woken is None:
            return True
        waker = self._woken.fileno()
        poll = select.poll()  # unlike select, whatever the number of a descriptor
        poll.register(descriptor, select.POLLIN)
        poll.register(waker, select.POLLIN)
        ready = dict(poll.poll(seconds * 1000))
        if waker in ready:
            self._woken.recv(4096)
            self.check()
        return descriptor in ready
