"""The operations: what a record may mean to Customer.io, each a row of steps."""

from __future__ import annotations

import difflib
import typing as t

import msgspec

from target_customerio import (
    attributes,
    events,
    identifiers,
    members,
    messaging,
    objects,
    steps,
)
from target_customerio.errors import RunEnded
from target_customerio.identifiers import NEVER_AN_ATTRIBUTE, IdentifierColumn
from target_customerio.steps import Draft
from target_customerio.streams import Attributes

if t.TYPE_CHECKING:
    from target_customerio.shapes import Shape
    from target_customerio.steps import StepKind, StreamContext
    from target_customerio.streams import StreamEntry

PERSON_COLUMNS = (
    IdentifierColumn("person_id", "id"),
    IdentifierColumn("person_email", "email"),
    IdentifierColumn("id", "id"),
    IdentifierColumn("email", "email"),
    IdentifierColumn("phone", "phone"),
    IdentifierColumn("cio_id", "cio_id"),
)
"""Where a record may say whom it is about, the surest first."""

IDENTIFY_COLUMNS = (
    *PERSON_COLUMNS,
    IdentifierColumn("anonymous_id", "anonymous_id", identifies=False),
)
"""The same for what sets attributes, where an anonymous id is one of them."""

MEMBER_COLUMNS = tuple(column for column in PERSON_COLUMNS if column.kind != "phone")
"""The same for members of segments, who are not known by phone there."""

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
        is_deletion: Whether it takes a person or an object away for good.
        undone_by: What a record marked as deleted means; None if that cannot be said.
    """

    name: str
    item: dict[str, str]
    steps: tuple[StepKind, ...]
    is_event: bool = False
    gives_ids: bool = False
    is_deletion: bool = False
    undone_by: Operation | None = None

    def keys(self) -> frozenset[str]:
        """Return the keys of an entry of `streams` that mean something to this operation."""
        return frozenset().union(*(step.keys for step in self.steps))

    def identifies_by(self) -> tuple[str, ...]:
        """Return the kinds of identifiers by which it knows a person."""
        return tuple(dict.fromkeys(kind for step in self.steps for kind in step.identifies_by))

    def compile(self, context: StreamContext) -> Build:
        """Return what makes items of the records of one stream.

        Args:
            context: What is known about the stream.
        """
        spread = (context.entry.attributes or Attributes()).spread
        compiled = [steps.spread(column) for column in spread]
        compiled += [made for step in self.steps if (made := step.compile(context))]
        common = self.item

        def build(record: dict[str, t.Any], shape: Shape) -> Draft:
            if spread:
                shape = shape._replace(is_foreseen=False)
            draft = Draft(record, record.copy(), common.copy(), shape)
            for step in compiled:
                step(draft)
            return draft

        return build


class Build(t.Protocol):
    """Makes an item of a record."""

    def __call__(self, record: dict[str, t.Any], shape: Shape) -> Draft:
        """Return the item, or raise `steps.Refused`."""


NAME_COLUMNS = {
    "event": ("event_name", "event"),
    "page": ("page_name", "event_name", "name"),
    "screen": ("screen_name", "event_name", "name"),
}
"""Where an event, a page or a screen may say its name."""

TIME_COLUMNS = ("timestamp", "occurred_at")
"""Where these may say when they happened."""

SOMEBODY = identifiers.person(PERSON_COLUMNS)
NOBODY_ELSE = identifiers.person(PERSON_COLUMNS, only_one=True)


def _event(action: str) -> Operation:
    return Operation(
        f"person_{action}",
        {"type": "person", "action": action},
        (
            identifiers.person(EVENT_COLUMNS),
            events.event_name(NAME_COLUMNS[action]),
            events.timestamp(TIME_COLUMNS, starts_campaigns=True),
            events.event_id("event_id", TIME_COLUMNS),
            attributes.attributes(is_limited=False),
        ),
        is_event=True,
        gives_ids=True,
    )


def _of_person(action: str, *parts: StepKind, **more: t.Any) -> Operation:  # noqa: ANN401 - of any field
    return Operation(f"person_{action}", {"type": "person", "action": action}, parts, **more)


def _of_object(action: str, *parts: StepKind, **more: t.Any) -> Operation:  # noqa: ANN401 - of any field
    return Operation(f"object_{action}", {"type": "object", "action": action}, parts, **more)


RELATED_TO_OBJECT = (SOMEBODY, objects.to_object())
RELATED_TO_PERSON = (objects.object_(), objects.to_person(SOMEBODY))
WITH_ATTRIBUTES = attributes.attributes(
    attributes.in_relationship, what="attributes of the relationship"
)
MEMBER = identifiers.person(MEMBER_COLUMNS)
REMOVED_MEMBER = ({"change": "remove_customers"}, (MEMBER, members.segment()))
DEVICE_OF = (SOMEBODY, messaging.device())

OPERATIONS = {
    operation.name: operation
    for operation in (
        _of_person(
            "identify",
            identifiers.person(IDENTIFY_COLUMNS, keep_unused=True),
            events.timestamp(()),
            objects.relationships(),
            attributes.preferences(),
            attributes.update_only(),
            attributes.attributes(never=NEVER_AN_ATTRIBUTE),
            attributes.created_at(),
            undone_by=_of_person("delete", SOMEBODY, is_deletion=True),
        ),
        _event("event"),
        _event("page"),
        _event("screen"),
        _of_person("delete", NOBODY_ELSE, is_deletion=True),
        _of_person("suppress", NOBODY_ELSE, is_deletion=True),
        _of_person("unsuppress", NOBODY_ELSE),
        _of_person(
            "merge",
            identifiers.side("primary"),
            identifiers.side("secondary"),
            is_deletion=True,
        ),
        _of_person(
            "add_device",
            *DEVICE_OF,
            messaging.new_device(),
            attributes.attributes(
                attributes.in_device, what="attributes of the device, as text", is_limited=False
            ),
            undone_by=_of_person("delete_device", *DEVICE_OF),
        ),
        _of_person("delete_device", *DEVICE_OF),
        _of_person(
            "add_relationships",
            *RELATED_TO_OBJECT,
            WITH_ATTRIBUTES,
            undone_by=_of_person("delete_relationships", *RELATED_TO_OBJECT),
        ),
        _of_person("delete_relationships", *RELATED_TO_OBJECT),
        _of_object(
            "identify",
            objects.object_(),
            objects.relationships(),
            attributes.attributes(),
            undone_by=_of_object("delete", objects.object_(), is_deletion=True),
        ),
        _of_object(
            "identify_anonymous", objects.object_(), objects.to_anonymous(), attributes.attributes()
        ),
        _of_object("delete", objects.object_(only_one=True), is_deletion=True),
        _of_object(
            "add_relationships",
            *RELATED_TO_PERSON,
            WITH_ATTRIBUTES,
            undone_by=_of_object("delete_relationships", *RELATED_TO_PERSON),
        ),
        _of_object("delete_relationships", *RELATED_TO_PERSON),
        Operation(
            "delivery_event",
            {"type": "delivery", "action": "event"},
            (messaging.delivery(), messaging.on_device(), messaging.metric()),
            is_event=True,
        ),
        Operation(
            "segment_add",
            {"change": "add_customers"},
            (MEMBER, members.segment()),
            undone_by=Operation("segment_remove", *REMOVED_MEMBER),
        ),
        Operation("segment_remove", *REMOVED_MEMBER),
        Operation(
            "segment_mirror",
            {},
            (MEMBER, members.segment()),
            undone_by=Operation("segment_mirror", {}, (members.segment(), members.leave_out())),
        ),
        Operation(
            "collection_replace",
            {},
            (members.row(),),
            undone_by=Operation("collection_replace", {}, (members.leave_out(),)),
        ),
    )
}
"""What a stream may mean, by name. A marked record undoes what the unmarked one would do."""


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
    known = operation.identifies_by()
    if strange := [kind for kind in entry.identifiers or {} if kind not in known]:
        msg = (
            f"The entry of `streams` for '{entry.stream}' identifies by {', '.join(strange)}, by "
            f"which {operation.name} knows nobody: name a column for {', '.join(known)}."
        )
        raise RunEnded(msg)
