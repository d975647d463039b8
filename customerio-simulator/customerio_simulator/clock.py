"""The workspace's own time, which a test can hold and move."""

from __future__ import annotations

import time
import typing as t


class Clock:
    """Unix seconds as the workspace sees them.

    Args:
        now: Where the clock stands still until it is moved; None follows real time.
        real_time: The source of real time, in unix seconds.
    """

    def __init__(self, now: int | None, real_time: t.Callable[[], float] = time.time) -> None:
        self._real_time = real_time
        self._frozen = now
        self._moved = 0
        self.epoch = self.now()
        """The moment that generated times are relative to, in unix seconds."""

    def now(self) -> int:
        """Return the present, in whole unix seconds."""
        start = int(self._real_time()) if self._frozen is None else self._frozen
        return start + self._moved

    def move(self, now: int | None = None, advance: int = 0) -> None:
        """Set the clock and hold it there, or move it by a number of seconds.

        Args:
            now: Unix seconds to stand still at.
            advance: Seconds to add, also after `now`.
        """
        if now is not None:
            self._frozen, self._moved = now, 0
        self._moved += advance
