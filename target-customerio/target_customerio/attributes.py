"""The step that makes attributes of all columns that no step before it took."""

from __future__ import annotations

import typing as t

from target_customerio import limits
from target_customerio.event_id import METADATA_PREFIX
from target_customerio.identifiers import NEVER_AN_ATTRIBUTE
from target_customerio.items import Rejection
from target_customerio.steps import (
    UNREADABLE_TIME,
    Draft,
    Refused,
    Step,
    StepKind,
    StreamContext,
    encode,
)
from target_customerio.streams import Attributes
from target_customerio.times import Times, unix_seconds

if t.TYPE_CHECKING:
    from collections.abc import Callable


def attributes(*, of_person: bool) -> StepKind:
    """Make attributes of all columns that are left.

    Args:
        of_person: Whether the limits of a person's attributes hold for them.
    """

    def compile_step(context: StreamContext) -> Step:
        times = context.times
        take = _taker(context, NEVER_AN_ATTRIBUTE if of_person else None)

        def step(draft: Draft) -> None:
            found = draft.attributes
            if times:
                read_times(draft.columns, times)
            take(draft)
            if of_person and (broken := limits.check_person_attributes(found, encode)):
                raise Refused(broken)
            if found:
                draft.item["attributes"] = found

        return step

    return StepKind(compile_step, frozenset({"attributes"}))


def _taker(context: StreamContext, never: str | None) -> Step:
    """Return what makes attributes of columns, at once where no name has to be looked up."""
    send_nulls = context.send_nulls
    name_of = _name_of(context, never)
    names = {column: name_of(column) for column in context.columns}
    keeps_names = all(names[column] == column for column in context.foreseen())

    def take(draft: Draft) -> None:
        columns, found = draft.columns, draft.attributes
        if keeps_names and draft.is_foreseen and not send_nulls:
            found.update({name: value for name, value in columns.items() if value is not None})
            return
        for column, value in columns.items():
            if value is not None or send_nulls:
                name = names[column] if column in names else name_of(column)
                if name is not None:
                    found[name] = value

    return take


def _name_of(context: StreamContext, never: str | None) -> Callable[[str], str | None]:
    choose = (context.entry.attributes or Attributes()).name_of

    def name_of(column: str) -> str | None:
        is_sent = column != never and not column.startswith(METADATA_PREFIX)
        return choose(column, column) if is_sent else None

    return name_of


def read_times(columns: dict[str, t.Any], times: dict[str, Times]) -> None:
    """Put unix seconds in place of every point in time.

    Args:
        columns: The columns that are left; changed.
        times: Those that hold points in time.

    Raises:
        Refused: One cannot be read.
    """
    for column, places in times.items():
        value = columns.get(column)
        if value is not None:
            try:
                columns[column] = places.convert(value, unix_seconds)
            except ValueError:
                field = f"attributes.{column}"
                raise Refused(Rejection("parse_error", field, UNREADABLE_TIME)) from None
