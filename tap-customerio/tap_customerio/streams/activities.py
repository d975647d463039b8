"""Activities: what people did and what happened to them."""

from __future__ import annotations

import sys
import typing as t

import msgspec

from tap_customerio import state as bookmarks
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
    from tap_customerio.fetch import Chain
    from tap_customerio.shape import Record


class _Stamp(msgspec.Struct):
    """The one part of a row that decides whether the scan goes on."""

    timestamp: t.Any = None


_stamp = msgspec.json.Decoder(_Stamp).decode


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

    _oldest: int | None = None
    _newest: int | None = None

    @override
    def chains(self) -> t.Sequence[Chain]:
        settings = self.tap.settings
        bookmark = bookmarks.read(self.stream_state) if self.incremental else None
        wanted = [] if settings.start is None else [settings.start]
        if bookmark is not None:
            wanted.append(bookmark - settings.activities_lookback_minutes * 60)
        self._oldest, self._newest = max(wanted, default=None), None
        params = {"deleted": "true"} if settings.activities_include_deleted else {}
        return [self.chain(params=params, enough=self._whole_page_is_older)]

    def _whole_page_is_older(self, rows: list[msgspec.Raw]) -> bool:
        oldest = self._oldest
        if oldest is None:
            return False
        stamps = (to_seconds(_stamp(row).timestamp) for row in rows)
        return all(stamp is not None and stamp < oldest for stamp in stamps)

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        stamp = to_seconds(row.get("timestamp"))
        if stamp is not None:
            end = self.tap.settings.end
            if self._oldest is not None and stamp < self._oldest:
                return None
            if end is not None and stamp >= end:
                return None
            # A time in the future must not hide what happens until then.
            if stamp <= self.tap.started and (self._newest is None or stamp > self._newest):
                self._newest = stamp
        return row

    @override
    def finished(self) -> None:
        if self.incremental and self._newest is not None:
            bookmarks.advance(self.stream_state, self.replication_key, self._newest)
