"""The step that makes attributes of all columns that no step before it took."""

from __future__ import annotations

import typing as t

from target_customerio import limits
from target_customerio.event_id import METADATA_PREFIX
from target_customerio.items import Rejection
from target_customerio.steps import (
    UNREADABLE_TIME,
    Draft,
    Refused,
    Step,
    StepKind,
    StreamContext,
    encode,
    read_time,
    structure,
)
from target_customerio.streams import Attributes
from target_customerio.times import NANOSECONDS, Times, iso8601, unix_seconds

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Put: t.TypeAlias = "Callable[[Draft, dict[str, t.Any]], None]"
"""Puts attributes into their place in the item."""


def in_item(draft: Draft, found: dict[str, t.Any]) -> None:
    """Make attributes those of the item."""
    draft.item["attributes"] = found


def in_relationship(draft: Draft, found: dict[str, t.Any]) -> None:
    """Make attributes those of the relationship that the item adds."""
    draft.item["cio_relationships"][0]["relationship_attributes"] = found


def in_device(draft: Draft, found: dict[str, t.Any]) -> None:
    """Make attributes those of the device, where each has to be text."""
    texts = {name: _text(value) for name, value in found.items() if value is not None}
    if texts:
        draft.item["device"]["attributes"] = texts


def attributes(
    put: Put = in_item,
    *,
    what: str = "attributes",
    is_limited: bool = True,
    never: str | None = None,
) -> StepKind:
    """Make attributes of all columns that are left.

    Args:
        put: Puts them into their place.
        what: What they are to the user.
        is_limited: Whether the limits of attributes hold for them.
        never: A column that never becomes one.
    """

    def compile_step(context: StreamContext) -> Step:
        times = context.times
        read = iso8601 if context.rules.times_as_text else unix_seconds
        take = _taker(context, never)

        def step(draft: Draft) -> None:
            if times:
                read_times(draft.columns, times, read)
            take(draft)
            found = draft.attributes
            if is_limited and (broken := limits.check_attributes(found, encode)):
                raise Refused(broken)
            if found:
                put(draft, found)

        return step

    return StepKind(compile_step, frozenset({"attributes"}), rest=what)


def preferences() -> StepKind:
    """Set the topics that a record names, one by one, so that all others stay as they are."""

    def compile_step(context: StreamContext) -> Step:
        name_of, send_nulls = _name_of(context, None), context.rules.send_nulls

        def step(draft: Draft) -> None:
            name = name_of(PREFERENCES)
            if PREFERENCES not in draft.columns or not name:
                return
            # Also what is empty: sent as it is, it would take the other topics away.
            given = structure(draft.columns.pop(PREFERENCES))
            if given is None or given == "":
                return
            if not isinstance(given, dict):
                field = f"attributes.{PREFERENCES}"
                raise Refused(Rejection("invalid", field, "preferences must be an object"))
            topics = given.get(TOPICS)
            if topics is not None and not _is_choice_of_topics(topics):
                raise Refused(NOT_TOPICS)
            for path, choice in _leaves(name, given):
                if choice is not None or send_nulls:
                    draft.attributes[path] = choice

        return step

    return StepKind(compile_step, takes=(PREFERENCES,))


PREFERENCES = "cio_subscription_preferences"
TOPICS = "topics"
NOT_TOPICS = Rejection(
    "invalid", f"attributes.{PREFERENCES}.{TOPICS}", "topics must be an object of true and false"
)


def _is_choice_of_topics(value: object) -> bool:
    return isinstance(value, dict) and all(
        choice is None or isinstance(choice, bool) for choice in value.values()
    )


def update_only() -> StepKind:
    """Let the item change a person that exists, and create none, if the entry says so."""

    def compile_step(context: StreamContext) -> Step | None:
        def step(draft: Draft) -> None:
            draft.attributes["_update"] = True

        return step if context.entry.write_mode == "update_only" else None

    return StepKind(compile_step, frozenset({"write_mode"}))


def created_at() -> StepKind:
    """Put seconds where the attribute `created_at` says when, since Customer.io misreads others."""

    def compile_step(context: StreamContext) -> Step:
        def step(draft: Draft) -> None:
            value = draft.attributes.get("created_at")
            if value is not None and value != "":
                moment = read_time("attributes.created_at", value, context.counts)
                draft.attributes["created_at"] = moment // NANOSECONDS

        return step

    return StepKind(compile_step, takes=("created_at",))


def _leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield what a nested object holds, each named by its path with dots."""
    if not isinstance(value, dict):
        yield name, value
        return
    for member, inner in value.items():
        yield from _leaves(f"{name}.{member}", inner)


def _text(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _taker(context: StreamContext, never: str | None) -> Step:
    """Return what makes attributes of columns, at once where no name has to be looked up."""
    send_nulls = context.rules.send_nulls
    name_of = _name_of(context, never)
    names = {column: name_of(column) for column in context.columns}
    keeps_names = all(names[column] == column for column in context.foreseen())

    def take(draft: Draft) -> None:
        columns, found = draft.columns, draft.attributes
        if keeps_names and draft.shape.is_foreseen:
            for column in () if send_nulls else draft.shape.nulls:
                columns.pop(column, None)
        else:
            columns = {
                name: value
                for column, value in columns.items()
                if (value is not None or send_nulls)
                and (name := names[column] if column in names else name_of(column)) is not None
            }
        # What steps found is what the user asked for by name; a column may happen to have the same.
        draft.attributes = {**found, **columns, **found} if found else columns

    return take


def _name_of(context: StreamContext, never: str | None) -> Callable[[str], str | None]:
    choose = (context.entry.attributes or Attributes()).name_of

    def name_of(column: str) -> str | None:
        is_sent = column != never and not column.startswith(METADATA_PREFIX)
        return choose(column, column) if is_sent else None

    return name_of


def read_times(
    columns: dict[str, t.Any], times: dict[str, Times], read: Callable[[object], object]
) -> None:
    """Put points in time as they are sent in place of those that came.

    Args:
        columns: The columns that are left; changed.
        times: Those that hold points in time.
        read: Makes of a point in time what is sent.

    Raises:
        Refused: One cannot be read.
    """
    for column, places in times.items():
        if (value := columns.get(column)) is not None:
            try:
                columns[column] = places.convert(value, read)
            except ValueError:
                field = f"attributes.{column}"
                raise Refused(Rejection("parse_error", field, UNREADABLE_TIME)) from None
