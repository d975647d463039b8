"""The one place that decides when a call may be sent.

Customer.io allows 10 calls per second and workspace, counted over a rolling window. Every call,
retries included, takes its turn here directly before it is sent, and a 429 makes everyone wait.
"""

from __future__ import annotations

import threading
import time
import typing as t

from tap_customerio.errors import StoreError
from tap_customerio.turns import Budget, Turn

T = t.TypeVar("T")


class Clock:
    """Time as the limiter and the retries see it; tests put another in its place."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Wait.

        Args:
            seconds: How long at most.
            stop: Ends the waiting at once when set.
        """
        stop.wait(seconds)


class Limiter:
    """Hands out turns to any number of threads.

    Args:
        budget: Where turns are counted, None if there is no limit.
        clock: Where time comes from.
    """

    def __init__(self, budget: Budget | None, clock: Clock) -> None:
        self._clock = clock
        self._budget = budget
        self._turn = threading.Lock()
        self._asking = threading.Lock()
        self._pausing = threading.Lock()
        self._resume_at = clock.now()

    def pause(self, seconds: float) -> None:
        """Let nobody send for a while.

        Args:
            seconds: How long, from now; a longer pause that is under way stays.

        Raises:
            StoreError: If the budget that is shared cannot be asked.
        """
        with self._pausing:
            self._resume_at = max(self._resume_at, self._clock.now() + seconds)
        if self._budget is not None:
            self._ask(lambda budget: budget.pause(seconds))

    def acquire(self, stop: threading.Event) -> Turn:
        """Wait for a turn.

        Args:
            stop: Ends the waiting at once when set.

        Returns:
            The turn; whoever takes it notes in it when the call was answered.

        Raises:
            StoreError: If the budget that is shared cannot be asked.
        """
        turn = Turn()
        while not stop.is_set():
            with self._turn:
                wait = self._take(turn)
                if wait <= 0:
                    break
                # Whoever is next in line waits with the lock held, so that one thread wakes
                # for one turn. A pause may last minutes: it is slept in short pieces.
                self._clock.sleep(min(wait, 1.0), stop)
        return turn

    def sent(self, turn: Turn) -> None:
        """Note that a call leaves only now, since a connection had to be opened for it.

        Raises:
            StoreError: If the budget that is shared cannot be asked.
        """
        if self._budget is not None:
            self._ask(lambda budget: budget.sent(turn))

    def _take(self, turn: Turn) -> float:
        """Take a turn if there is one.

        Returns:
            Seconds until it is worth trying again; 0 if the turn was taken.
        """
        now = self._clock.now()
        if self._resume_at > now:
            return self._resume_at - now
        return 0 if self._budget is None else self._ask(lambda budget: budget.take(turn))

    def _ask(self, question: t.Callable[[Budget], T]) -> T:
        with self._asking:
            try:
                return question(t.cast("Budget", self._budget))
            except Exception as error:
                raise StoreError(type(error).__name__) from error
