"""When a STATE may leave: as soon as every record before it has a verdict, and never earlier.

The records between two STATE messages share a `Checkpoint`, which counts them and their verdicts.
Checkpoints form a queue; when nothing is missing at its front any more, the newest STATE reached is
emitted. Memory grows with the STATE messages in flight, not with the records.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque

import msgspec

if t.TYPE_CHECKING:
    from collections.abc import Callable


class Checkpoint(msgspec.Struct, eq=False):
    """The records between one STATE and the next.

    Attributes:
        admitted: How many they are; counted by the reading thread alone, so without a lock.
        settled: How many of them have their verdict.
        state: The STATE value that closes it, as JSON; None while it is still open.
    """

    admitted: int = 0
    settled: int = 0
    state: bytes | None = None


class Checkpoints:
    """The queue of checkpoints of one run.

    The reading thread alone may admit and close; every other method is for any thread.
    """

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        """Start with one open checkpoint.

        Args:
            emit: Writes one STATE value to standard output. Called in order, one call at a time.
        """
        self._emit = emit
        self._lock = threading.Lock()
        self._open = Checkpoint()
        self._queue = deque([self._open])
        self._stopped = False

    def admit(self) -> Checkpoint:
        """Count one more record in and return the checkpoint that it must settle."""
        checkpoint = self._open
        checkpoint.admitted += 1
        return checkpoint

    def settle(self, checkpoint: Checkpoint, verdicts: int = 1) -> None:
        """Note verdicts of records admitted to `checkpoint`, and emit what has become true."""
        with self._lock:
            checkpoint.settled += verdicts
            if checkpoint.settled == checkpoint.admitted:
                self._emit_settled()

    def close(self, state: bytes) -> None:
        """Close the open checkpoint with the STATE that follows its records.

        Args:
            state: The value of the STATE message, as JSON.
        """
        with self._lock:
            self._open.state = state
            self._open = Checkpoint()
            self._queue.append(self._open)
            self._emit_settled()

    def waiting(self) -> bool:
        """Tell whether a STATE waits for verdicts."""
        with self._lock:
            return len(self._queue) > 1

    def stop(self) -> None:
        """Let no further STATE leave: the run is going to fail."""
        with self._lock:
            self._stopped = True

    def _emit_settled(self) -> None:
        newest = None
        while (first := self._queue[0]).state is not None and first.settled == first.admitted:
            newest = self._queue.popleft().state
        if newest is not None and not self._stopped:
            self._emit(newest)
