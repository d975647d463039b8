"""What happened in a run: counts by stream and operation, reasons, and what went over the wire."""

from __future__ import annotations

import typing as t
from collections import Counter

import msgspec

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from target_customerio.api import Traffic
    from target_customerio.items import Rejection


class StreamCounts(msgspec.Struct):
    """What happened to the records of one stream.

    Attributes:
        records: How many came, one for each item that they should become.
        accepted: How many Customer.io took.
        rejected: How many were refused, by us or by Customer.io, by field and reason.
        derived_ids: How many events got an id made of what they say.
        identical: How many of those had the id of one shortly before them.
        milliseconds: How many points in time came in milliseconds and went on in seconds.
        deletes: How many deletes, suppressions and merges were made of them.
        misfit: What kind of identifier they seem to hold in a column of another kind; else empty.
    """

    records: int = 0
    accepted: int = 0
    rejected: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    derived_ids: int = 0
    identical: int = 0
    milliseconds: int = 0
    deletes: int = 0
    misfit: str = ""


class Summary:
    """The counts of a run; the ledger guards the verdicts against threads."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], StreamCounts] = {}
        self.skipped: Counter[str] = Counter()

    def of(self, stream: str, operation: str) -> StreamCounts:
        """Return the counts of a stream and operation, to be counted up."""
        return self._streams.setdefault((stream, operation), StreamCounts())

    def streams(self) -> Iterable[tuple[tuple[str, str], StreamCounts]]:
        """Return the counts by stream and operation."""
        return self._streams.items()

    def note_rejected(self, stream: str, operation: str, rejection: Rejection) -> None:
        """Count a record that was refused."""
        self.of(stream, operation).rejected[rejection.field or "-", rejection.reason] += 1

    def warnings(self) -> Iterator[str]:
        """Say what was sent as asked, and was hardly meant."""
        for (stream, operation), counts in self._streams.items():
            if counts.misfit:
                yield f"{stream} ({operation}): {counts.misfit}"

    def lines(self, traffic: Traffic, seconds: float) -> Iterator[str]:
        """Say what happened, without any value of a record.

        Args:
            traffic: What went over the wire.
            seconds: How long the run took.
        """
        for (stream, operation), counts in self._streams.items():
            rejected = counts.rejected.total()
            yield (
                f"{stream} ({operation}): {counts.records:,} records, "
                f"{counts.accepted:,} accepted, {rejected:,} rejected"
            )
            for (field, reason), number in counts.rejected.most_common():
                yield f"{stream} ({operation}): {number:,} rejected: {field} {reason}"
            if counts.derived_ids:
                yield (
                    f"{stream} ({operation}): {counts.derived_ids:,} events without an id got one, "
                    f"{counts.identical:,} of them the id of an identical one"
                )
            if counts.milliseconds:
                yield (
                    f"{stream} ({operation}): {counts.milliseconds:,} times came in milliseconds "
                    "and were sent in seconds"
                )
        for stream, number in self.skipped.items():
            yield f"{stream}: {number:,} records skipped, as the settings leave the stream out"
        records = sum(counts.records for counts in self._streams.values())
        yield (
            f"{traffic.bodies:,} bodies, {traffic.bytes_sent:,} bytes, {traffic.calls:,} calls, "
            f"{seconds:.1f} seconds, {records / max(seconds, 0.001):,.0f} records a second"
        )
