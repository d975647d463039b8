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

    from target_customerio.batching import Body
    from target_customerio.items import Item
    from target_customerio.summary import Summary

SAMPLES = 3
"""How many items of a stream are described."""

DELETING = frozenset({"delete", "suppress", "merge"})
"""Actions that take somebody away for good."""

IDS_PER_CALL = 1_000
"""Most people that one call adds to a segment or removes from it (documented)."""


class _Action(msgspec.Struct):
    action: str = ""


find_action = msgspec.json.Decoder(_Action).decode

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
    samples: list[object] = []


class Planner:
    """Takes items as a delivery does, and sends none."""

    def __init__(self, summary: Summary, *, requests_per_second: int, max_deletes: int) -> None:
        """Start without an item.

        Args:
            summary: Counts records and rejects.
            requests_per_second: The rate limit; 0 if there is none.
            max_deletes: How many deletes a run may send.
        """
        self._summary = summary
        self._requests_per_second = requests_per_second
        self._max_deletes = max_deletes
        self._streams: dict[tuple[str, str], tuple[PlannedStream, Packer]] = {}

    def submit(self, item: Item) -> None:
        """Take one item over."""
        planned, packer = self._of(item.record.origin.stream, item.record.origin.operation)
        planned.items += 1
        planned.events += item.is_event
        planned.deletes += find_action(item.encoded).action in DELETING
        if len(planned.samples) < SAMPLES:
            planned.samples.append(describe(decode(item.encoded)))
        full = packer.add(item)
        if full is not None:
            self._count(planned, full)

    def close(self) -> None:
        """Close every body, and add what only the end tells."""
        for (stream, operation), counts in self._summary.streams():
            planned, packer = self._of(stream, operation)
            planned.records = counts.records
            planned.rejects = {
                f"{field} {reason}": number for (field, reason), number in counts.rejected.items()
            }
            while packer:
                self._count(planned, packer.take())
            planned.calls = planned.bodies
            if operation.startswith("segment_"):
                planned.calls = planned.bodies = -(-planned.items // IDS_PER_CALL)
            elif operation.startswith("collection_"):
                planned.calls = planned.bodies = 1
            if self._requests_per_second:
                planned.seconds = round(planned.calls / self._requests_per_second, 2)

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

    def _of(self, stream: str, operation: str) -> tuple[PlannedStream, Packer]:
        key = (stream, operation)
        if key not in self._streams:
            self._streams[key] = (PlannedStream(stream, operation), Packer())
        return self._streams[key]

    @staticmethod
    def _count(planned: PlannedStream, body: Body) -> None:
        planned.bodies += 1
        planned.bytes += len(encode_body(body.items))


def describe(value: object) -> object:
    """Return a value's type and length in bytes in place of the value; the names stay."""
    if isinstance(value, dict):
        return {name: describe(member) for name, member in value.items()}
    if isinstance(value, list):
        return [describe(member) for member in value]
    size = len(value.encode()) if isinstance(value, str) else len(encode(value))
    kinds = {str: "string", bool: "boolean", int: "integer", Decimal: "number"}
    return f"{kinds.get(type(value), 'null')}, {size} bytes"
