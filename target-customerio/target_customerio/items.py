"""What travels through the target: a record, the item to send for it, the reason it was refused."""

from __future__ import annotations

import msgspec

from target_customerio.checkpoints import Checkpoint  # noqa: TC001 - msgspec reads annotations


class Origin(msgspec.Struct, eq=False, gc=False):
    """What records of one stream between two STATE messages have in common; known by identity.

    Attributes:
        stream: The name of the stream as the tap sent it.
        operation: The operation that the stream means, e.g. `person_event`.
        schema: The SCHEMA message, byte for byte, without its line end.
        checkpoint: The count of records to which they belong until their verdicts.
    """

    stream: str
    operation: str
    schema: bytes
    checkpoint: Checkpoint


class SourceRecord(msgspec.Struct, gc=False):
    """A record as it came in, kept until it has a verdict.

    Attributes:
        line: The RECORD message, byte for byte, without its line end.
        origin: Where it came from.
    """

    line: bytes
    origin: Origin


class Item(SourceRecord, gc=False):
    """A record that became one Track v2 item, encoded once.

    Attributes:
        encoded: The item as JSON.
        identifier: Whom it is about, as sent: `id:42`, `email:jane@example.com` (lower-cased).
            Items of one identifier are sent in order.
        is_event: Events of one identifier may share a request; anything else waits for the answer
            to the item before it, since Customer.io promises no order inside a request.
        also: Whom else it is about, if anyone: the item and those of either wait for one another.
    """

    encoded: bytes
    identifier: str
    is_event: bool
    also: str | None = None


class Rejection(msgspec.Struct, frozen=True):
    """Why a record was refused, by us or by Customer.io.

    Attributes:
        reason: `required`, `invalid`, `parse_error` as Customer.io has them, or a word of ours.
        field: The dotted path of the field at fault, e.g. `attributes.plan`.
        message: A sentence without any value of the record.
        status: The HTTP status of the answer that refused it; None if it was never sent.
    """

    reason: str
    field: str | None
    message: str
    status: int | None = None
