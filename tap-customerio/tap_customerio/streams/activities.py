"""Activities: what people did and what happened to them."""

from __future__ import annotations

import sys
import typing as t
from dataclasses import dataclass

import msgspec

from tap_customerio import state as bookmarks
from tap_customerio import times
from tap_customerio.answers import UNREADABLE
from tap_customerio.pagination import start_token_until_empty
from tap_customerio.shape import to_seconds
from tap_customerio.streams.base import CustomerIOStream
from tap_customerio.streams.schema import (
    free_object,
    identifiers,
    moment,
    record,
    text,
    text_key,
)

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain, End, Row
    from tap_customerio.shape import Record


NEWEST: t.Final = "newest"
"""The note about an unfinished scan: the newest time that it has seen, as a date-time."""


class _Stamp(msgspec.Struct):
    """The one part of a row that decides whether the scan goes on."""

    timestamp: t.Any = None


_STAMP = msgspec.json.Decoder(_Stamp | None)


class Activities(CustomerIOStream):
    """Events, attribute changes, deliveries and the like, newest first.

    The API knows no filter on time: the list is read until a whole page is older than what is
    wanted, since single rows are out of order.
    """

    name = "activities"
    calls = "1 for every 100, and 1"
    path = "/v1/activities"
    rows = "activities"
    page_size = 100  # the maximum
    dialect = staticmethod(start_token_until_empty)
    primary_keys = ("id",)
    replication_key = "timestamp"
    schema = record(
        text_key("id", "Id of the activity (ULID)."),
        text("type", "Kind, such as `event`, `attribute_change` or `opened_email`."),
        moment("timestamp", "When it happened; may lie in the future"),
        text("name", "Name of an event or a screen."),
        text("url", "Address of a page."),
        text("customer_id", "Id of the person; `customer_identifiers` says more."),
        identifiers("customer_identifiers", "Whose it is; of deleted people only `cio_id`."),
        text("delivery_id", "Id of the delivery that it is about."),
        text("delivery_type", "Channel of that delivery, such as `email` or `ios`."),
        free_object("data", "Its details; their shape depends on the type."),
    )

    concurrency = 1

    _oldest: int | None = None
    _end: int | None = None
    _newest: int = 0

    @property
    @override
    def replaceable(self) -> bool:
        return False  # the API keeps 30 days at least, not all

    @override
    def chains(self) -> t.Sequence[Chain]:
        self._newest = 0
        settings = self.tap.settings
        lookback = settings.activities_lookback_minutes * 60
        bookmark = bookmarks.read(self.stream_state) if self.incremental else None
        wanted = [] if settings.start is None else [settings.start]
        if bookmark is not None:
            wanted.append(bookmark - lookback)
        self._oldest, self._end = max(wanted, default=None), settings.end
        rest = self._scan(self._oldest)
        # After a cut, what is new is read first: down to where the run before had begun.
        newest = bookmarks.read(self.progress.notes, NEWEST)
        if newest is None or not self.progress.reached(rest):
            return [rest]
        return [self._scan(newest - lookback, remembered=False), rest]

    def _scan(self, oldest: int | None, **details: t.Any) -> Chain:  # noqa: ANN401 - of a chain
        included = self.tap.settings.activities_include_deleted
        params = {"deleted": "true"} if included else {}
        return self.chain(params=params, enough=_Older(oldest), **details)

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        stamp = to_seconds(row.get("timestamp"))
        if stamp is None:
            return row
        if self._oldest is not None and stamp < self._oldest:
            return None
        if self._end is not None and stamp >= self._end:
            return None
        # A time in the future must not hide what happens until then.
        if self._newest < stamp <= self.tap.started:
            self._newest = stamp
        return row

    @override
    def records_made(self, records: t.Sequence[Record], chain: Chain) -> None:
        if chain.remembered:
            self._note_newest()

    @override
    def chain_ended(self, end: End) -> None:
        super().chain_ended(end)
        self._note_newest()

    def _note_newest(self) -> None:
        noted = bookmarks.read(self.progress.notes, NEWEST) or 0
        if self._newest > noted:
            self.progress.notes[NEWEST] = times.to_text(self._newest)

    @override
    def finished(self) -> None:
        newest = bookmarks.read(self.progress.notes, NEWEST)
        if self.incremental and newest is not None:
            bookmarks.advance(self.stream_state, self.replication_key, newest)


@dataclass(frozen=True)
class _Older:
    """Whether a whole page is older than what is wanted: single rows are out of order."""

    oldest: int | None

    def __call__(self, rows: t.Sequence[Row]) -> bool:
        if self.oldest is None:
            return False
        stamps = (_time(t.cast("msgspec.Raw", row)) for row in rows)
        return all(stamp is not None and stamp < self.oldest for stamp in stamps)


def _time(row: msgspec.Raw) -> int | None:
    """When a row happened; None if it does not say so."""
    try:
        found = _STAMP.decode(row)
    except UNREADABLE:
        return None  # what is wrong with it is said where a record is made of it
    return None if found is None else to_seconds(found.timestamp)
