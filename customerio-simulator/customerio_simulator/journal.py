"""What the simulator has seen: calls with their times, and what the Track API received."""

from __future__ import annotations

import time
import typing as t
from collections import deque

if t.TYPE_CHECKING:
    from customerio_simulator.tables import Row

KEPT_CALLS = 200_000
"""Calls that are remembered; older ones are forgotten, so that a server can run for days."""


class Journal:
    """Calls, counters, events and bodies, until they are forgotten.

    Args:
        monotonic: The source of the calls' times, in seconds.
    """

    def __init__(self, monotonic: t.Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.forget()

    def forget(self) -> None:
        """Start anew; the ids of events that were seen stay known, as they do in the service."""
        self.calls: deque[Row] = deque(maxlen=KEPT_CALLS)
        self.events: list[Row] = []
        self.bodies: list[bytes] = []
        self.counters = dict.fromkeys(
            ("requests", "bodies", "items", "accepted", "rejected", "deduplicated", "bytes"), 0
        )
        self.counters["event_ids_that_are_no_ulid"] = 0

    def arrive(self, method: str, path: str, query: dict[str, str]) -> Row:
        """Note a call at its arrival; the caller fills in status and bytes."""
        call: Row = {
            "time": self._monotonic(),
            "method": method,
            "path": path,
            "query": query,
            "status": None,
            "bytes": 0,
        }
        self.calls.append(call)
        return call

    def count(self, **figures: int) -> None:
        """Add to the counters of what the Track API received."""
        for name, figure in figures.items():
            self.counters[name] += figure
