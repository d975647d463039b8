"""Segments and who is in them."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.pagination import start_token
from tap_customerio.streams.base import FanOutStream, ParentStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    free_object,
    integer,
    integer_key,
    moment,
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
        unfinished = sum(row["state"] not in {FINISHED, None} for row in self.parents())
        if unfinished:
            self.logger.warning(
                "%d segments are still being built: their members are incomplete.", unfinished
            )
        return super().chains()
