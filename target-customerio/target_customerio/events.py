"""The steps that make an event of a record: its name, its time, and the id it keeps for ever."""

from __future__ import annotations

import typing as t

from target_customerio import limits
from target_customerio.event_id import (
    canonical,
    canonical_times,
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

        def find(columns: dict[str, t.Any]) -> str:
            for column in sources:
                value = columns.get(column)
                if isinstance(value, str) and value.strip():
                    del columns[column]
                    return renamed.get(value, value) if renamed else value
                if value is not None and not isinstance(value, str):
                    raise Refused(Rejection("invalid", column, "the name of an event must be text"))
            names = ", ".join(sources)
            raise Refused(
                Rejection("required", "name", f"one of these must name the event: {names}")
            )

        def step(draft: Draft) -> None:
            name = constant or find(draft.columns)
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
            columns = draft.columns
            for column in sources:
                value = columns.pop(column, None)
                if value is not None:
                    draft.moment = moment = read_time(column, value, counts)
                    draft.time_column = column
                    draft.item["timestamp"] = moment // NANOSECONDS
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
            parts = [self._stream, item["name"]]
            if not (self._keys and self._add_key(parts, draft)):
                parts += ("record", self._whole(draft))
            item["id"] = derive(parts, draft.moment)
            return
        if isinstance(given, str) and is_ulid(given):
            item["id"] = given
        else:
            own = ["id", canonical(given)]
            item["id"] = derive([self._stream, item["name"], *own], draft.moment)
        self._refuse_if_taken(draft)

    def _add_key(self, parts: list[object], draft: Draft) -> bool:
        """Add what makes an event with a key the event that it is; False if it has none."""
        record, moment = draft.record, draft.moment
        if moment is None or any(record.get(name) is None for name in self._keys):
            return False
        key = {name: canonical(record[name]) for name in self._keys}
        canonical_times(key, self._key_times)
        parts += ("key", draft.identifier, moment, key)
        return True

    def _whole(self, draft: Draft) -> dict[str, object]:
        """Return the record in canonical form: times as nanoseconds, nulls left out."""
        whole, shape = draft.record.copy(), draft.shape
        for name in shape.nulls:
            del whole[name]
        for name, write in shape.variable:
            whole[name] = write(whole[name])
        if self._times:
            canonical_times(whole, self._times)
        if not shape.is_foreseen:
            without_metadata(whole)
        whole.pop(self._column, None)  # empty, whatever way a tap says that
        if draft.moment is not None:
            whole[draft.time_column] = draft.moment
        return whole

    def _refuse_if_taken(self, draft: Draft) -> None:
        """Refuse an id that another event has: Customer.io would drop this one in silence."""
        what = [draft.item["name"], draft.identifier, self._whole(draft)]
        own = draft.item["id"].upper()  # a ULID is the same in either case
        if not self._brought.note(own, hash(encode_canonically(what))):
            raise Refused(Rejection("id_taken", self._column, ID_TAKEN))


ID_TAKEN = "another event of this run has the same id: Customer.io keeps only the first of them"
