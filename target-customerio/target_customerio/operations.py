"""The operations: what a record may mean to Customer.io, each a row of steps."""

from __future__ import annotations

import difflib
import typing as t

import msgspec

from target_customerio import attributes, identifiers, steps
from target_customerio.errors import RunEnded
from target_customerio.identifiers import IdentifierColumn
from target_customerio.steps import Draft

if t.TYPE_CHECKING:
    from target_customerio.steps import StepKind, StreamContext
    from target_customerio.streams import StreamEntry

IDENTIFY_COLUMNS = (
    IdentifierColumn("person_id", "id"),
    IdentifierColumn("person_email", "email"),
    IdentifierColumn("id", "id"),
    IdentifierColumn("email", "email"),
    IdentifierColumn("phone", "phone"),
    IdentifierColumn("cio_id", "cio_id"),
    IdentifierColumn("anonymous_id", "anonymous_id", identifies=False),
)
"""Where a person's record may say who it is, the surest first."""

EVENT_COLUMNS = (
    IdentifierColumn("person_id", "id"),
    IdentifierColumn("person_email", "email"),
    IdentifierColumn("customer_id", "id"),
    IdentifierColumn("user_id", "id"),
    IdentifierColumn("email", "email"),
    IdentifierColumn("phone", "phone"),
    IdentifierColumn("cio_id", "cio_id"),
    IdentifierColumn("anonymous_id", "anonymous_id"),
)
"""Where an event's record may say whose it is; its `id` is the event's own, so not among them."""


class Operation(msgspec.Struct, frozen=True):
    """What the records of a stream mean.

    Attributes:
        name: The name by which a stream or an entry of `streams` asks for it.
        item: What every item of it has in common.
        steps: How a record becomes such an item, in order.
        is_event: Whether items of one person may share a request.
        gives_ids: Whether its items carry an id that makes repetitions harmless.
    """

    name: str
    item: dict[str, str]
    steps: tuple[StepKind, ...]
    is_event: bool = False
    gives_ids: bool = False

    def keys(self) -> frozenset[str]:
        """Return the keys of an entry of `streams` that mean something to this operation."""
        return frozenset().union(*(step.keys for step in self.steps))

    def compile(self, context: StreamContext) -> Build:
        """Return what makes items of the records of one stream.

        Args:
            context: What is known about the stream.
        """
        compiled = [step.compile(context) for step in self.steps]
        common, foreseen = self.item, context.foreseen()

        def build(record: dict[str, t.Any]) -> Draft:
            draft = Draft(record, common.copy(), foreseen)
            for step in compiled:
                step(draft)
            return draft

        return build


class Build(t.Protocol):
    """Makes an item of a record."""

    def __call__(self, record: dict[str, t.Any]) -> Draft:
        """Return the item, or raise `steps.Refused`."""


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation(
            "person_identify",
            {"type": "person", "action": "identify"},
            (
                identifiers.person(IDENTIFY_COLUMNS, keep_unused=True),
                attributes.attributes(of_person=True),
            ),
        ),
        Operation(
            "person_event",
            {"type": "person", "action": "event"},
            (
                identifiers.person(EVENT_COLUMNS, keep_unused=False),
                steps.event_name(("event_name", "event")),
                steps.timestamp("timestamp"),
                steps.event_id("event_id"),
                attributes.attributes(of_person=False),
            ),
            is_event=True,
            gives_ids=True,
        ),
    )
}


def operation_of(stream: str, entry: StreamEntry | None) -> Operation | None:
    """Return what a stream means, or None if nothing says it.

    Args:
        stream: The name after stream maps.
        entry: The entry of `streams` that fits it.

    Raises:
        RunEnded: The entry names no operation that exists, or keys unknown to it.
    """
    name = entry.operation if entry and entry.operation else stream
    operation = OPERATIONS.get(name)
    if entry is not None:
        check_entry(entry, operation)
    return operation


def check_entry(entry: StreamEntry, operation: Operation | None = None) -> None:
    """Hold an entry of `streams` against the operation that it names.

    Args:
        entry: The entry.
        operation: The operation, where the name of the stream says it.

    Raises:
        RunEnded: The operation does not exist, or the entry asks for something that it cannot do.
    """
    if entry.operation is not None:
        operation = OPERATIONS.get(entry.operation)
        if operation is None:
            near = difflib.get_close_matches(entry.operation, OPERATIONS, 1)
            names = " or ".join(near or OPERATIONS)
            msg = (
                f"The entry of `streams` for '{entry.stream}' names the operation "
                f"'{entry.operation}', which does not exist: did you mean {names}?"
            )
            raise RunEnded(msg)
    if operation is None:
        return
    if unknown := entry.used_keys() - operation.keys():
        msg = (
            f"The entry of `streams` for '{entry.stream}' has keys that mean nothing to "
            f"{operation.name}: remove {', '.join(sorted(unknown))}."
        )
        raise RunEnded(msg)
    if not operation.is_event and "anonymous_id" in (entry.identifiers or {}):
        msg = (
            f"The entry of `streams` for '{entry.stream}' identifies by anonymous_id, which only "
            "events can: name a column for id, email, phone or cio_id."
        )
        raise RunEnded(msg)
