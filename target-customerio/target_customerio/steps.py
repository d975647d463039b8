"""The steps by which a record becomes an item: each takes its columns out and adds its part.

A step is compiled once for a stream, when its SCHEMA is known, into a function that runs for each
record; what no step before took is left for the attributes. An operation is a row of such steps.
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from decimal import Decimal

import msgspec

from target_customerio.event_id import METADATA_PREFIX
from target_customerio.items import Rejection
from target_customerio.times import Times, in_milliseconds, nanoseconds

if t.TYPE_CHECKING:
    from target_customerio.event_id import BroughtIds
    from target_customerio.shapes import Shape
    from target_customerio.streams import StreamEntry
    from target_customerio.summary import StreamCounts


class Refused(Exception):  # noqa: N818 - the verdict on a record, no fault of the program
    """A record that cannot be sent."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def encode(value: object) -> bytes:
    """Return a value as JSON.

    Raises:
        Refused: JSON cannot say it; an expression of a stream map may make anything.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError):
        message = "the record holds something that JSON cannot say"
        raise Refused(Rejection("invalid", None, message)) from None


class Rules(msgspec.Struct, frozen=True):
    """What holds for the records of every stream.

    Attributes:
        send_nulls: Whether an attribute without value is sent, which removes it.
        times_as_text: Whether attributes hold points in time as ISO 8601 text, not unix seconds.
        backfill: Whether events that could start campaigns are refused.
        delete_marked: Whether a record with `_sdc_deleted_at` means the delete of its kind.
        now: Tells the time in unix seconds.
    """

    send_nulls: bool = False
    times_as_text: bool = False
    backfill: bool = False
    delete_marked: bool = False
    now: Callable[[], float] = time.time


class StreamContext(msgspec.Struct, frozen=True):
    """What is known about a stream when its SCHEMA has come.

    Attributes:
        stream: The name after stream maps.
        source: The name as the tap has it.
        keys: The names of its key columns.
        times: The columns that hold points in time.
        columns: The columns that its schema names.
        entry: What the setting `streams` says about it.
        rules: What holds for every stream.
        counts: What happened to its records so far; to be counted up.
        brought: The ids that records of the run brought for events.
    """

    stream: str
    source: str
    keys: tuple[str, ...]
    times: dict[str, Times]
    columns: tuple[str, ...]
    entry: StreamEntry
    rules: Rules
    counts: StreamCounts
    brought: BroughtIds

    def foreseen(self) -> frozenset[str]:
        """Return the schema's columns without metadata: nearly every record has no others."""
        return frozenset(name for name in self.columns if not name.startswith(METADATA_PREFIX))


class Draft(msgspec.Struct, gc=False):
    """An item in the making.

    Attributes:
        record: The record; never changed.
        columns: What no step has taken yet.
        item: The Track v2 item.
        shape: What is known about the record from its columns and types.
        attributes: Its attributes.
        identifier: Whom it is about, as sent.
        also: Whom else it is about, if anyone.
        moment: When it happened, in nanoseconds since 1970; None if it does not say.
        time_column: The column that said so.
        has_derived_id: Whether its id is made of what it says.
    """

    record: dict[str, t.Any]
    columns: dict[str, t.Any]
    item: dict[str, t.Any]
    shape: Shape
    attributes: dict[str, t.Any] = {}
    identifier: str = ""
    also: str | None = None
    moment: int | None = None
    time_column: str = ""
    has_derived_id: bool = False


def spread(column: str) -> Step:
    """Return a step that puts the members of an object beside the columns, which stay.

    Args:
        column: The column of the object, or of JSON text that says one.
    """
    not_spreadable = Rejection("invalid", column, f"{column} must be an object, to be spread")

    def step(draft: Draft) -> None:
        given = structure(draft.columns.pop(column, None))
        if given is None or given == "":
            return
        if not isinstance(given, dict):
            raise Refused(not_spreadable)
        draft.columns = {**given, **draft.columns}

    return step


def structure(value: object) -> object:
    """Return what JSON text says, which is how many databases keep structures; else the value."""
    if not isinstance(value, str):
        return value
    try:
        return _decode(value)
    except (ValueError, ArithmeticError, RecursionError):  # exponents and depth may have no bound
        return value


Step: t.TypeAlias = Callable[[Draft], None]
"""Runs for each record; raises `Refused` if the record cannot be sent."""


class StepKind(t.NamedTuple):
    """A step before it is compiled.

    Attributes:
        compile: Makes the function that runs for each record of a stream; None if there is nothing
            to do for this stream.
        keys: The keys of an entry of `streams` that it reads.
        requires: The columns of which one must have a value; those after the first are spare.
        takes: The columns that it takes if they are there.
        rest: What it makes of all columns that are left; empty if it leaves them.
        identifies_by: The kinds of identifiers by which it knows a person.
    """

    compile: Callable[[StreamContext], Step | None]
    keys: frozenset[str] = frozenset()
    requires: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    rest: str = ""
    identifies_by: tuple[str, ...] = ()


UNREADABLE_TIME = "must be unix seconds, milliseconds or ISO 8601"


def read_time(field: str, value: object, counts: StreamCounts) -> int:
    """Return a point in time as nanoseconds since 1970; count it if it was in milliseconds.

    Raises:
        Refused: It cannot be read.
    """
    try:
        moment = nanoseconds(value)
    except ValueError:
        raise Refused(Rejection("parse_error", field, UNREADABLE_TIME)) from None
    if in_milliseconds(value):
        counts.milliseconds += 1
    return moment
