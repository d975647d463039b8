"""Segments and who is in them."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.errors import UnreadableAnswerError
from tap_customerio.pagination import start_token
from tap_customerio.streams.base import FanOutStream, ParentStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    free_object,
    integer,
    integer_key,
    integers,
    moment,
    moment_key,
    record,
    text,
    text_key,
    texts,
)

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain
    from tap_customerio.shape import Record

FINISHED: t.Final = "finished"
"""State of a segment that is not being built."""


class Segments(ParentStream):
    """Groups of people; archived ones are not listed by the API."""

    name = "segments"
    path = "/v1/segments"
    rows = "segments"
    keeps = ("id", "state")
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the segment."),
        deduplicate_id(),
        text("name", "Name."),
        text("description", "Description."),
        text("type", "`dynamic` (by conditions) or `manual`."),
        text("state", "`finished`, or how far it is built; its members are incomplete till then."),
        integer("progress", "How much of it is built (percent), null when it is finished."),
        texts("tags", "Tags."),
        free_object("conditions", "Its conditions; not documented by Customer.io."),
        moment("created_at", "When it was made"),
        moment("updated_at", "When it was last changed"),
    )


class SegmentMembership(FanOutStream):
    """The people in each segment, with and without an `id`."""

    name = "segment_membership"
    calls = "1 for every 30,000 members, at least 1 for each segment"
    parent = Segments
    parent_key = "segment_id"
    path = "/v1/segments/{segment_id}/membership"
    rows = "identifiers"  # `ids` beside it leaves out people without an id
    page_size = 30_000  # the maximum
    dialect = staticmethod(start_token)
    primary_keys = ("segment_id", "cio_id")
    schema = record(
        integer_key("segment_id", "Id of the segment."),
        text_key("cio_id", "Customer.io's own id of the person, the only one that never changes."),
        text("id", "Id of the person, null if unset."),
        text("email", "E-mail address of the person, null if unset or not an identifier here."),
    )

    @override
    def chains(self) -> t.Sequence[Chain]:
        segments = self.parents()
        unfinished = sum(not _is_built(segment) for segment in segments)
        if unfinished:
            self.logger.warning(
                "%d segments are still being built: their members are incomplete.", unfinished
            )
        # One that was being built when it was read has other members when a cut run goes on.
        return [
            self.chain(ids=self.ids(segment), remembered=_is_built(segment)) for segment in segments
        ]

    @override
    def complete(self) -> bool:
        return all(map(_is_built, self.parents()))


def _is_built(segment: Record) -> bool:
    return segment["state"] in {FINISHED, None}


class SegmentUsage(FanOutStream):
    """What refers to each segment."""

    name = "segment_usage"
    calls = "1 for each segment"
    selected_by_default = False
    parent = Segments
    parent_key = "segment_id"
    path = "/v1/segments/{segment_id}/used_by"
    rows = "$"
    primary_keys = ("segment_id",)
    schema = record(
        integer_key("segment_id", "Id of the segment."),
        integers("campaigns", "Campaigns that refer to it."),
        integers("sent_newsletters", "Newsletters that were sent and refer to it."),
        integers("draft_newsletters", "Newsletters that were not sent yet and refer to it."),
    )

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        # The id of the segment is beside these in the documents, among them in fact.
        used_by = row.get("used_by") or {}
        if not isinstance(used_by, dict):
            raise UnreadableAnswerError(chain.call, "no object under `used_by`")
        return super().prepare(used_by, chain)


class SegmentCustomerCounts(FanOutStream):
    """How many people each segment has at the time of the run; each run adds its records."""

    name = "segment_customer_counts"
    replaceable = False  # each run adds to what is there
    calls = "1 for each segment"
    selected_by_default = False
    parent = Segments
    parent_key = "segment_id"
    path = "/v1/segments/{segment_id}/customer_count"
    rows = "$"
    primary_keys = ("segment_id", "counted_at")
    schema = record(
        integer_key("segment_id", "Id of the segment."),
        moment_key("counted_at", "When the run started that counted"),
        integer("count", "How many people are in the segment."),
    )

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        row["counted_at"] = self.tap.started
        return super().prepare(row, chain)
