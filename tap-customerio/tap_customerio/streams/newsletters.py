"""Newsletters."""

from __future__ import annotations

from tap_customerio.pagination import start_token
from tap_customerio.streams.base import ParentStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    integer,
    integer_key,
    integers,
    moment,
    record,
    text,
    texts,
)


class Newsletters(ParentStream):
    """Messages that are sent once, to a segment."""

    name = "newsletters"
    calls = "1 for every 100, and 1"
    keeps = ("id", "content_ids", "created", "updated", "sent_at")
    path = "/v1/newsletters"
    rows = "newsletters"
    page_size = 100  # the maximum
    dialect = staticmethod(start_token)
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the newsletter."),
        deduplicate_id(),
        text("name", "Name."),
        text("type", "Channel, such as `email`, `push` or `in_app`."),
        integers("content_ids", "Ids of its variants."),
        texts("tags", "Tags."),
        integers("recipient_segment_ids", "Segments that it goes to."),
        integer("subscription_topic_id", "Subscription topic that it belongs to."),
        moment("sent_at", "When it was last sent, null if never"),
        moment("created", "When it was made"),
        moment("updated", "When it was last changed"),
    )
