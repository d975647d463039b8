"""The steps by which a record becomes an item: each takes its columns out and adds its part.

A step is compiled once for a stream, when its SCHEMA is known, into a function that runs for each
record; what no step before took is left for the attributes. An operation is a row of such steps.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Sequence

import msgspec

from target_customerio import limits
from target_customerio.event_id import (
    METADATA_PREFIX,
    canonical,
    canonical_record,
    derive,
    is_ulid,
    without_metadata,
)
from target_customerio.items import Rejection
from target_customerio.times import NANOSECONDS, Times, nanoseconds

if t.TYPE_CHECKING:
    from target_customerio.streams import StreamEntry


class Refused(Exception):  # noqa: N818 - the verdict on a record, no fault of the program
    """A record that cannot be sent."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


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


class StreamContext(msgspec.Struct, frozen=True):
    """What is known about a stream when its SCHEMA has come.

    Attributes:
        stream: The name after stream maps.
        keys: The names of its key columns.
        times: The columns that hold points in time.
        columns: The columns that its schema names.
        entry: What the setting `streams` says about it.
        send_nulls: Whether an attribute without value is sent, which removes it.
    """

    stream: str
    keys: tuple[str, ...]
    times: dict[str, Times]
    columns: tuple[str, ...]
    entry: StreamEntry
    send_nulls: bool

    def foreseen(self) -> frozenset[str]:
        """Return the schema's columns without metadata: nearly every record has no others."""
        return frozenset(name for name in self.columns if not name.startswith(METADATA_PREFIX))


class Draft:
    """An item in the making.

    Attributes:
        record: The record; never changed.
        columns: What no step has taken yet.
        item: The Track v2 item.
        attributes: Its attributes.
        identifier: Whom it is about, as sent.
        moment: When it happened, in nanoseconds since 1970; None if it does not say.
        has_derived_id: Whether its id is made of what it says.
        is_foreseen: Whether all its columns are, so that steps may skip looking for others.
    """

    __slots__ = (
        "attributes",
        "columns",
        "has_derived_id",
        "identifier",
        "is_foreseen",
        "item",
        "moment",
        "record",
    )

    def __init__(
        self, record: dict[str, t.Any], item: dict[str, t.Any], foreseen: frozenset[str]
    ) -> None:
        self.record = record
        self.columns = record.copy()
        self.item = item
        self.attributes: dict[str, t.Any] = {}
        self.identifier = ""
        self.moment: int | None = None
        self.has_derived_id = False
        self.is_foreseen = foreseen.issuperset(record)


Step: t.TypeAlias = Callable[[Draft], None]
"""Runs for each record."""


class StepKind(t.NamedTuple):
    """A step before it is compiled.

    Attributes:
        compile: Makes the function that runs for each record of a stream.
        keys: The keys of an entry of `streams` that it reads.
    """

    compile: Callable[[StreamContext], Step]
    keys: frozenset[str] = frozenset()


def event_name(columns: Sequence[str]) -> StepKind:
    """Name the event.

    Args:
        columns: The columns to look into where the entry names neither a name nor a column; the
            first that is not empty is taken.
    """

    def compile_step(context: StreamContext) -> Step:
        entry = context.entry
        constant = entry.event_name
        sources = columns if entry.event_name_column is None else [entry.event_name_column]
        renamed = entry.event_names or {}

        def find(draft: Draft) -> str:
            for column in sources:
                value = draft.columns.get(column)
                if isinstance(value, str) and value.strip():
                    del draft.columns[column]
                    return renamed.get(value, value)
                if value is not None and not isinstance(value, str):
                    raise Refused(Rejection("invalid", column, "the name of an event must be text"))
            names = ", ".join(sources)
            raise Refused(
                Rejection("required", "name", f"one of these must name the event: {names}")
            )

        def step(draft: Draft) -> None:
            name = constant or find(draft)
            if limits.exceeds(name, limits.EVENT_NAME_BYTES):
                raise Refused(limits.too_long("event name", "name", limits.EVENT_NAME_BYTES))
            draft.item["name"] = name

        return step

    return StepKind(compile_step, frozenset({"event_name", "event_name_column", "event_names"}))


def timestamp(default: str) -> StepKind:
    """Say when it happened, if the record does.

    Args:
        default: The column, unless the entry names another.
    """

    def compile_step(context: StreamContext) -> Step:
        column = context.entry.timestamp or default

        def step(draft: Draft) -> None:
            value = draft.columns.pop(column, None)
            if value is None:
                return
            try:
                draft.moment = nanoseconds(value)
            except ValueError:
                raise Refused(Rejection("parse_error", column, UNREADABLE_TIME)) from None
            draft.item["timestamp"] = draft.moment // NANOSECONDS

        return step

    return StepKind(compile_step, frozenset({"timestamp"}))


UNREADABLE_TIME = "must be unix seconds, milliseconds or ISO 8601"


def event_id(default: str) -> StepKind:
    """Give the event its ULID: its own, or one made of what it is.

    Args:
        default: The column that may hold an id, unless the entry names another.
    """

    def compile_step(context: StreamContext) -> Step:
        column = context.entry.event_id or default
        stream, keys = context.stream, context.keys
        time_column = context.entry.timestamp or "timestamp"
        times = {name: places for name, places in context.times.items() if name != time_column}
        key_times = {name: places for name, places in times.items() if name in keys}

        def parts(draft: Draft) -> list[object]:
            """Return what makes the event the event that it is."""
            record, moment = draft.record, draft.moment
            if keys and moment is not None:
                key = canonical_record({name: record.get(name) for name in keys}, key_times)
                if len(key) == len(keys):  # none of them is null
                    return ["key", draft.identifier, moment, key]
            whole = canonical_record(record, times)
            if not draft.is_foreseen:
                without_metadata(whole)
            whole.pop(column, None)  # empty, whatever way a tap says that
            if moment is not None:
                whole[time_column] = moment
            return ["record", whole]

        def step(draft: Draft) -> None:
            given = draft.columns.pop(column, None)
            item = draft.item
            if isinstance(given, str) and is_ulid(given):
                item["id"] = given
                return
            draft.has_derived_id = given is None or given == ""
            own = parts(draft) if draft.has_derived_id else ["id", canonical(given)]
            item["id"] = derive([stream, item["name"], *own], draft.moment)

        return step

    return StepKind(compile_step, frozenset({"event_id"}))
