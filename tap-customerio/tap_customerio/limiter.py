"""The one place that decides when a call may be sent.

Customer.io allows 10 calls per second and workspace, counted over a rolling window. Every call,
retries included, takes its turn here directly before it is sent, and a 429 makes everyone wait.
"""

from __future__ import annotations

import threading
import time
import typing as t

from pyrate_limiter import InMemoryBucket, Rate, RateItem

WINDOW_MS: t.Final = 1_035
"""Length of the rolling window. A second, and the jitter of the way to the server: measured
against a limit of 10 per rolling second, 1,000 ms was refused now and then, and 1,020 ms on a
machine whose processors were all busy."""

SPREAD: t.Final = 4
"""Turns are this many times closer than evenly spread ones at least: of a burst that leaves at
once, the last call may be late where the first one of the next burst is not."""


def rates(calls_per_second: int) -> list[Rate]:
    """What the budget is made of.

    Args:
        calls_per_second: The limit.
    """
    window = Rate(calls_per_second, WINDOW_MS)
    apart = WINDOW_MS // (SPREAD * calls_per_second)
    return [Rate(1, apart), window] if calls_per_second > 1 and apart else [window]


class Clock:
    """Time as the limiter and the retries see it; tests put another in its place."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Wait, but not longer than until `stop` is set."""
        stop.wait(seconds)


class Limiter:
    """Hands out turns to any number of threads.

    Args:
        calls_per_second: The limit; 0 means none.
        clock: Where time comes from.
    """

    def __init__(self, calls_per_second: int, clock: Clock) -> None:
        self._clock = clock
        self._bucket = InMemoryBucket(rates(calls_per_second)) if calls_per_second else None
        self._turn = threading.Lock()
        self._pausing = threading.Lock()
        self._resume_at = clock.now()

    def pause(self, seconds: float) -> None:
        """Let nobody send for a while.

        Args:
            seconds: How long, from now; a longer pause that is under way stays.
        """
        with self._pausing:
            self._resume_at = max(self._resume_at, self._clock.now() + seconds)

    def acquire(self, stop: threading.Event) -> None:
        """Wait for a turn.

        Args:
            stop: Ends the waiting at once when set.
        """
        while not stop.is_set():
            with self._turn:
                wait = self._take()
                if wait <= 0:
                    return
                # Whoever is next in line waits with the lock held, so that one thread wakes
                # for one turn. A pause may last minutes: it is slept in short pieces.
                self._clock.sleep(min(wait, 1.0), stop)

    def _take(self) -> float:
        """Take a turn if there is one.

        Returns:
            Seconds until it is worth trying again; 0 if the turn was taken.
        """
        now = self._clock.now()
        if self._resume_at > now:
            return self._resume_at - now
        if self._bucket is None:
            return 0
        item = RateItem("call", int(now * 1000))
        self._bucket.leak(item.timestamp)
        if self._bucket.put(item):
            return 0
        return max(t.cast("int", self._bucket.waiting(item)), 1) / 1000
