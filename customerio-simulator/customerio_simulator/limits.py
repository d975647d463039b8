"""The rate limit: so many calls in any second, measured when they arrive."""

from __future__ import annotations

import math
import time
import typing as t
from collections import deque


class RollingLimit:
    """Admits a number of calls in every window of one second, wherever the second begins.

    Refused calls take no place in the window.

    Args:
        calls: Calls per second; 0 admits everything.
        monotonic: The source of time, in seconds.
    """

    WINDOW = 1.0

    def __init__(self, calls: int, monotonic: t.Callable[[], float] = time.monotonic) -> None:
        self.calls = calls
        self._monotonic = monotonic
        self._admitted: deque[float] = deque()

    def wait(self) -> int:
        """Admit a call, or refuse it.

        Returns:
            0 if the call is admitted, else the whole seconds to wait, at least 1.
        """
        if not self.calls:
            return 0
        now = self._monotonic()
        while self._admitted and now - self._admitted[0] >= self.WINDOW:
            self._admitted.popleft()
        if len(self._admitted) >= self.calls:
            return max(1, math.ceil(self.WINDOW - (now - self._admitted[0])))
        self._admitted.append(now)
        return 0
