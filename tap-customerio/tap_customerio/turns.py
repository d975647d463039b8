"""Turns, and the budget of a tap that shares it with nobody.

Customer.io counts calls when they arrive, a tap when it sends them. What lies between differs from
call to call: a thread that waits for a processor, a connection that is opened, a server that is
busy. A call that arrived late counts for longer, so the one that takes its place waits as well.
"""

from __future__ import annotations

import math
import typing as t
import uuid
from collections import deque
from dataclasses import dataclass, field

WINDOW: t.Final = 1.005
"""Seconds in which no more calls than the limit may arrive: a second, and what clocks and the
shortest way to the server differ by."""

LATE: t.Final = 0.04
"""Seconds by which a call counts as late at most: what is slow need not have been late. With all
calls this late, 96 % of the limit are used."""

SPREAD: t.Final = 2
"""Turns are this many times closer than evenly spread ones at least. A burst that leaves at once
may be seen as another burst by a server that is busy with its answers; but a tap that waited for
one answer must be able to catch up, and the last calls of a run are not to wait for nothing."""


@dataclass(eq=False)
class Turn:
    """The right to send one call.

    Attributes:
        taken: When it was taken, in seconds of a clock that never goes back; if a connection had
            to be opened for the call, when that was done.
        name: By what it is known to all who share a budget.
        answered: When the call was answered, or failed; None before that.
    """

    taken: float = 0.0
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: float | None = None


class Budget(t.Protocol):
    """Where turns are counted. Called by one thread of a process at a time."""

    def take(self, turn: Turn, /) -> float:
        """Take a turn if there is one.

        Args:
            turn: What becomes of it, for those who want to know.

        Returns:
            Seconds until it is worth trying again; 0 if the turn was taken.
        """

    def sent(self, turn: Turn, /) -> None:
        """Count a call from now on: a connection had to be opened before it could leave."""

    def pause(self, seconds: float) -> None:
        """Tell all who share the budget that nobody is to call for a while."""


class OwnBudget:
    """A budget that nobody else draws on.

    Args:
        calls_per_second: The limit.
        now: Seconds on a clock that never goes back.
    """

    def __init__(self, calls_per_second: int, now: t.Callable[[], float]) -> None:
        self._now = now
        self._apart = WINDOW / (SPREAD * calls_per_second)
        # As many as may arrive within the window, so that the oldest one makes room for the next.
        self._turns: deque[Turn] = deque(maxlen=calls_per_second)
        self._shortest = math.inf

    def take(self, turn: Turn, /) -> float:
        """Take a turn, as `Budget` says."""
        now = self._now()
        wait = self._free_at(now) - now
        if wait > 0:
            return wait
        turn.taken = now
        self._turns.append(turn)
        return 0

    def sent(self, turn: Turn, /) -> None:
        """Count a call from now on, as `Budget` says."""
        turn.taken = self._now()

    def pause(self, seconds: float) -> None:
        """There is nobody else to tell."""

    def _free_at(self, now: float) -> float:
        if not self._turns:
            return now
        spread = self._turns[-1].taken + self._apart
        if len(self._turns) < t.cast("int", self._turns.maxlen):
            return spread
        took = [turn.answered - turn.taken for turn in self._turns if turn.answered is not None]
        self._shortest = min(self._shortest, *took, math.inf)
        oldest = self._turns[0]
        free = oldest.taken + WINDOW
        if oldest.answered is not None:
            free += min(oldest.answered - oldest.taken - self._shortest, LATE)
        elif now >= free:
            free += LATE  # nothing is known of it
        return max(spread, free)
