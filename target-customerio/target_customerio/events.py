"""The steps that make an event of a record: its name, its time, and the id it keeps for ever."""

from __future__ import annotations

import typing as t

from target_customerio import limits
from target_customerio.event_id import (
    canonical,
    canonical_record,
    derive,
    encode_canonically,
    is_ulid,
    without_metadata,
)
from target_customerio.items import Rejection
from target_customerio.steps import Draft, Refused, Step, StepKind, StreamContext, read_time
from target_customerio.times import NANOSECONDS

if t.TYPE_CHECKING:
    from collections.abc import Sequence


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

    keys = frozenset({"event_name", "event_name_column", "event_names"})
    return StepKind(compile_step, keys, requires=tuple(columns))


def timestamp(columns: Sequence[str], *, starts_campaigns: bool = False) -> StepKind:
    """Say when it happened, if the record does.

    Args:
        columns: The columns unless the entry names one; the first that is not null is taken.
        starts_campaigns: Whether the item may start a campaign, unless it is old enough.
    """

    def compile_step(context: StreamContext) -> Step | None:
        sources = time_columns(context, columns)
        rules, counts = context.rules, context.counts
        is_guarded = starts_campaigns and rules.backfill

        def step(draft: Draft) -> None:
            for column in sources:
                value = draft.columns.pop(column, None)
                if value is not None:
                    draft.moment, draft.time_column = read_time(column, value, counts), column
                    draft.item["timestamp"] = draft.moment // NANOSECONDS
                    break
            if is_guarded:
                _refuse_recent(draft.moment, rules.now())

        return step if sources else None

    return StepKind(compile_step, frozenset({"timestamp"}), takes=tuple(columns))


def time_columns(context: StreamContext, columns: Sequence[str]) -> Sequence[str]:
    """Return where the time of an item may stand: the column of the entry, or the usual ones."""
    return columns if context.entry.timestamp is None else [context.entry.timestamp]


CAMPAIGN_WINDOW_SECONDS = 72 * 3600
"""Older events start no campaign (documented: 72 hours)."""


def _refuse_recent(moment: int | None, now: float) -> None:
    if moment is None or moment // NANOSECONDS > now - CAMPAIGN_WINDOW_SECONDS:
        message = "with `backfill` an event must be older than 72 hours, or it starts campaigns"
        raise Refused(Rejection("too_recent", "timestamp", message))


def event_id(default: str, times_in: Sequence[str]) -> StepKind:
    """Give the event its ULID: its own, or one made of what it is.

    Args:
        default: The column that may hold an id, unless the entry names another.
        times_in: The columns that may say when it happened, unless the entry names one.
    """

    def compile_step(context: StreamContext) -> Step:
        return _EventId(context, context.entry.event_id or default, times_in)

    return StepKind(compile_step, frozenset({"event_id"}), takes=(default,))


class _EventId:
    """Gives events of one stream their ids.

    Args:
        context: What is known about the stream.
        column: The column that may hold an id.
        times_in: The columns that may say when it happened, unless the entry names one.
    """

    def __init__(self, context: StreamContext, column: str, times_in: Sequence[str]) -> None:
        of_event = time_columns(context, times_in)
        self._column = column
        self._stream, self._keys, self._brought = context.stream, context.keys, context.brought
        self._times = {
            name: places for name, places in context.times.items() if name not in of_event
        }
        self._key_times = {
            name: places for name, places in self._times.items() if name in context.keys
        }

    def __call__(self, draft: Draft) -> None:
        given = draft.columns.pop(self._column, None)
        item = draft.item
        if given is None or given == "":
            draft.has_derived_id = True
            item["id"] = derive([self._stream, item["name"], *self._parts(draft)], draft.moment)
            return
        if isinstance(given, str) and is_ulid(given):
            item["id"] = given
        else:
            own = ["id", canonical(given)]
            item["id"] = derive([self._stream, item["name"], *own], draft.moment)
        self._refuse_if_taken(draft)

    def _parts(self, draft: Draft) -> list[object]:
        """Return what makes the event the event that it is."""
        keys = self._keys
        if keys and draft.moment is not None:
            values = {name: draft.record.get(name) for name in keys}
            key = canonical_record(values, self._key_times)
            if len(key) == len(keys):  # none of them is null
                return ["key", draft.identifier, draft.moment, key]
        return ["record", self._whole(draft)]

    def _whole(self, draft: Draft) -> dict[str, object]:
        whole = canonical_record(draft.record, self._times, draft.shape.special)
        if not draft.is_foreseen:
            without_metadata(whole)
        whole.pop(self._column, None)  # empty, whatever way a tap says that
        if draft.moment is not None:
            whole[draft.time_column] = draft.moment
        return whole

    def _refuse_if_taken(self, draft: Draft) -> None:
        """Refuse an id that another event has: Customer.io would drop this one in silence."""
        what = [draft.item["name"], draft.identifier, self._whole(draft)]
        if not self._brought.note(draft.item["id"], hash(encode_canonically(what))):
            raise Refused(Rejection("id_taken", self._column, ID_TAKEN))


ID_TAKEN = "another event of this run has the same id: Customer.io keeps only the first of them"
