"""Where a record gets its verdict, once: counted, kept if rejected, and only then settled."""

from __future__ import annotations

import threading
import typing as t
from collections import Counter
from operator import attrgetter

from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from target_customerio.checkpoints import Checkpoint, Checkpoints
    from target_customerio.items import Item, Origin, Rejection, SourceRecord
    from target_customerio.rejects import Rejects
    from target_customerio.summary import Summary

ORIGIN_OF = attrgetter("origin")

JUDGED_FROM = 1_000
"""Verdicts from which on the share of rejects is judged: of a few, one says too much."""


class Ledger:
    """The verdicts of one run. Every method may be called from any thread."""

    def __init__(
        self,
        summary: Summary,
        rejects: Rejects,
        checkpoints: Checkpoints,
        *,
        max_rejected_percent: int,
    ) -> None:
        """Start without a record.

        Args:
            summary: Counts the verdicts.
            rejects: Keeps the rejected records.
            checkpoints: Holds STATE back until its records have verdicts.
            max_rejected_percent: The share of rejects above which the run ends.
        """
        self._summary = summary
        self._rejects = rejects
        self._checkpoints = checkpoints
        self._max_rejected_percent = max_rejected_percent
        self._lock = threading.Lock()
        self._admitted = 0
        self._verdicts = 0
        self._rejected = 0

    def admit(self) -> Checkpoint:
        """Count a record in and return the checkpoint that it belongs to."""
        self._admitted += 1  # by the reading thread alone
        return self._checkpoints.admit()

    def accepted(self, items: Sequence[Item]) -> None:
        """Note that Customer.io took these items.

        Raises:
            RunEnded: A STATE may leave, but the rejected records before it cannot be written.
        """
        self.accepted_at_once(Counter(map(ORIGIN_OF, items)))

    def accepted_at_once(self, numbers: Counter[Origin]) -> None:
        """Note that Customer.io took records of which only the number was kept.

        Args:
            numbers: How many they are, by where they came from.

        Raises:
            RunEnded: A STATE may leave, but the rejected records before it cannot be written.
        """
        with self._lock:
            for origin, number in numbers.items():
                self._verdicts += number
                self._summary.of(origin.stream, origin.operation).accepted += number
            self._judge()
        for origin, number in numbers.items():
            self._checkpoints.settle(origin.checkpoint, number)

    def rejected(self, record: SourceRecord, rejection: Rejection) -> None:
        """Note that a record was refused, by us or by Customer.io.

        Raises:
            RunEnded: Too many were refused, or the rejected record cannot be written.
        """
        origin = record.origin
        self._rejects.write(record, rejection)
        with self._lock:
            self._verdicts += 1
            self._rejected += 1
            self._summary.note_rejected(origin.stream, origin.operation, rejection)
            self._judge()
        self._checkpoints.settle(origin.checkpoint)

    def _judge(self) -> None:
        """End the run when too many are refused, even if all that is on its way were taken.

        What we refuse ourselves has its verdict at once, what is sent much later: measured against
        verdicts alone, the beginning of a good run would look bad.
        """
        limit = self._max_rejected_percent
        if self._verdicts < JUDGED_FROM or self._rejected * 100 <= limit * self._admitted:
            return
        self._checkpoints.stop()
        msg = (
            f"More than {limit} % of the records were rejected ({self._rejected:,} of "
            f"{self._admitted:,}): mend the cause, or raise `max_rejected_percent`. "
            "No further STATE left."
        )
        raise RunEnded(msg)
