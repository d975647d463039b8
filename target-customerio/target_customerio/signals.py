"""SIGTERM and SIGINT: stop reading, deliver what was read, and say so by the exit code."""

from __future__ import annotations

import contextlib
import signal
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
        self._is_waiting = False

    def receive(self, number: int) -> None:
        """Note a signal; called by the handler, in the main thread between two of its instructions.

        A second signal ends the process at once, as if we had no handler.

        Args:
            number: Which signal.

        Raises:
            Interrupted: The main thread waits for input, which may never come.
        """
        self.received = number
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        if self._is_waiting:
            self.check()

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received)

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Let a signal interrupt the block, in which nothing may be lost: it waits for input."""
        self._is_waiting = True
        try:
            self.check()
            yield
        finally:
            self._is_waiting = False
