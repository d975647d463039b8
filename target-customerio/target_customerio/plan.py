"""What a run would send: counted, packed and described instead of sent."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import fsspec  # type: ignore[import-untyped]  # it has no types
import msgspec

from target_customerio.batching import Packer, encode_body
from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from target_customerio.effects import Removal
    from target_customerio.items import Item, Origin
    from target_customerio.summary import Summary

SAMPLES = 3
"""How many items of a stream are described."""

CALLS_TO_APP_PER_SECOND = 10
"""Calls in a second to the App API, which takes collections (documented)."""


class PlannedSegment(msgspec.Struct):
    """What would become of the members of one segment.

    Attributes:
        segment_id: Its id; None if it would be made.
        added: How many people would be added, as far as they are not known to be members.
        removed: How many people would be removed.
        members: How many members have an id; None if it is no mirror, so that nobody asked.
        without_id: How many members a mirror would have to keep, since they have no id.
        exceeds_max_removed_percent: Whether a mirror would remove none, since it is too many.
    """

    segment_id: int | None
    added: int = 0
    removed: int = 0
    members: int | None = None
    without_id: int = 0
    exceeds_max_removed_percent: bool = False


# As numbers keep their digits in items, there are some that no float can hold.
decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


class PlannedStream(msgspec.Struct):
    """What would be sent for the records of one stream and operation.

    Attributes:
        stream: The name of the stream.
        operation: What its records mean.
        records: How many records came.
        items: How many items they became.
        deletes: How many of those delete, suppress or merge.
        events: How many of those are events.
        rejects: How many records were refused, by field and reason.
        bodies: How many request bodies hold the items.
        bytes: The bytes of those bodies.
        calls: How many calls that takes if none is repeated.
        seconds: How long those take at the rate limit at least.
        segments: What would become of the members of segments.
        samples: The first items with names, types and lengths in bytes in place of values.
    """

    stream: str
    operation: str
    records: int = 0
    items: int = 0
    deletes: int = 0
    events: int = 0
    rejects: dict[str, int] = {}
    bodies: int = 0
    bytes: int = 0
    calls: int = 0
    seconds: float = 0.0
    segments: list[PlannedSegment] = []
    samples: list[object] = []


class Planner:
    """Takes items as a delivery does, and sends none."""

    def __init__(
        self,
        summary: Summary,
        *,
        requests_per_second: int,
        max_deletes: int,
        max_removed_percent: int,
    ) -> None:
        """Start without an item.

        Args:
            summary: Counts records and rejects.
            requests_per_second: The rate limit; 0 if there is none.
            max_deletes: How many deletes a run may send.
            max_removed_percent: The share of members above which a mirror removes none.
        """
        self._summary = summary
        self._requests_per_second = requests_per_second
        self._max_deletes = max_deletes
        self._max_removed_percent = max_removed_percent
        self._streams: dict[tuple[str, str], tuple[PlannedStream, Packer]] = {}

    def submit(self, item: Item) -> None:
        """Take one item over."""
        self.describe(item)
        planned, packer = self._of(item.origin)
        full = packer.add(item)
        if full is not None:
            self._count(planned, encode_body(full.items))

    def describe(self, item: Item) -> None:
        """Count one item, and keep what it looks like."""
        planned, _ = self._of(item.origin)
        planned.items += 1
        planned.events += item.is_event
        if len(planned.samples) < SAMPLES:
            planned.samples.append(describe(decode(item.encoded)))

    def count_call(self, origin: Origin, body: bytes) -> None:
        """Count a call that would be made by itself.

        Args:
            origin: Whose records ask for it.
            body: Its body.
        """
        self._count(self._of(origin)[0], body)

    def count_members(self, origin: Origin, segment: str, *, added: bool, people: int) -> None:
        """Count people whom a call would add to a segment or remove.

        Args:
            origin: Whose records ask for it.
            segment: The id of the segment.
            added: Whether they are added.
            people: How many.
        """
        planned = self._segment(origin, segment)
        planned.added += people if added else 0
        planned.removed += 0 if added else people

    def judge_removal(self, origin: Origin, removal: Removal) -> None:
        """Note whether a mirror would remove more people than it may.

        Args:
            origin: Whose records the mirror has.
            removal: Whom it would remove.
        """
        planned = self._segment(origin, removal.segment)
        planned.members = removal.members
        planned.without_id = len(removal.without_id)
        planned.exceeds_max_removed_percent = removal.exceeds(self._max_removed_percent)

    def close(self) -> None:
        """Close every body, and add what only the end tells."""
        for name, counts in self._summary.streams():
            planned, packer = self._named(*name)
            planned.records = counts.records
            planned.deletes = counts.deletes
            planned.rejects = {
                f"{field} {reason}": number for (field, reason), number in counts.rejected.items()
            }
            while packer:
                self._count(planned, encode_body(packer.take().items))
            is_of_app = planned.operation == "collection_replace"
            rate = CALLS_TO_APP_PER_SECOND if is_of_app else self._requests_per_second
            planned.seconds = round(planned.calls / rate, 2) if rate else 0.0

    def lines(self) -> Iterator[str]:
        """Say what would be sent, without any value of a record."""
        for planned, _ in self._streams.values():
            name = f"Plan of {planned.stream} ({planned.operation})"
            rejected = sum(planned.rejects.values())
            yield (
                f"{name}: {planned.records:,} records, {planned.items:,} items, of them "
                f"{planned.deletes:,} deletes and {planned.events:,} events; {rejected:,} rejected"
            )
            for why, number in planned.rejects.items():
                yield f"{name}: {number:,} rejected: {why}"
            yield (
                f"{name}: {planned.bodies:,} bodies, {planned.bytes:,} bytes, {planned.calls:,} "
                f"calls, {planned.seconds:,} seconds at {self._requests_per_second:,} calls a "
                "second (0: no limit)"
            )
            yield from (f"{name}: {line}" for line in self._removals(planned))
            for sample in planned.samples:
                yield f"{name}: such as {msgspec.json.encode(sample).decode()}"
        deletes = self._deletes()
        if deletes > self._max_deletes:
            yield (
                f"{deletes:,} deletes are more than `max_deletes` ({self._max_deletes:,}): a run "
                "would stop before one more. If that many are meant, raise it."
            )

    def write(self, path: str) -> None:
        """Write the plan as JSON.

        Args:
            path: A local file, or a URL of fsspec.

        Raises:
            RunEnded: It cannot be written.
        """
        plan = {
            "streams": [planned for planned, _ in self._streams.values()],
            "deletes": self._deletes(),
            "max_deletes": self._max_deletes,
            "max_removed_percent": self._max_removed_percent,
        }
        try:
            with fsspec.open(path, "wb", auto_mkdir=True) as file:
                file.write(msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n")
        except Exception as fault:  # noqa: BLE001 - each of fsspec's file systems has errors of its own
            cause = fault.strerror if isinstance(fault, OSError) else None
            msg = (
                f"The plan cannot be written ({cause or type(fault).__name__}): check `plan_path`."
            )
            raise RunEnded(msg) from None

    def _deletes(self) -> int:
        return sum(planned.deletes for planned, _ in self._streams.values())

    def _removals(self, planned: PlannedStream) -> Iterator[str]:
        for each in planned.segments:
            name = "a new segment" if each.segment_id is None else f"segment {each.segment_id}"
            of = "" if each.members is None else f" of {each.members:,} that have an id"
            kept = f"; {each.without_id:,} have no id and would stay" if each.without_id else ""
            yield f"{name}: {each.added:,} people added, {each.removed:,} removed{of}{kept}"
            if each.exceeds_max_removed_percent:
                yield (
                    f"{name}: those to remove are more than `max_removed_percent` "
                    f"({self._max_removed_percent}): a run would remove none. If that many are "
                    "meant, raise it."
                )

    def _of(self, origin: Origin) -> tuple[PlannedStream, Packer]:
        return self._named(origin.stream, origin.operation)

    def _named(self, stream: str, operation: str) -> tuple[PlannedStream, Packer]:
        key = (stream, operation)
        if key not in self._streams:
            self._streams[key] = (PlannedStream(stream, operation), Packer())
        return self._streams[key]

    def _segment(self, origin: Origin, segment: str) -> PlannedSegment:
        segments = self._of(origin)[0].segments
        segment_id = int(segment) if int(segment) > 0 else None
        for planned in segments:
            if planned.segment_id == segment_id:
                return planned
        segments.append(PlannedSegment(segment_id))
        return segments[-1]

    @staticmethod
    def _count(planned: PlannedStream, body: bytes) -> None:
        planned.bodies += 1
        planned.calls += 1
        planned.bytes += len(body)


def describe(value: object) -> object:
    """Return a value's type and length in bytes in place of the value; the names stay."""
    if isinstance(value, dict):
        return {name: describe(member) for name, member in value.items()}
    if isinstance(value, list):
        return [describe(member) for member in value]
    size = len(value.encode()) if isinstance(value, str) else len(encode(value))
    kinds = {str: "string", bool: "boolean", int: "integer", Decimal: "number"}
    return f"{kinds.get(type(value), 'null')}, {size} bytes"
