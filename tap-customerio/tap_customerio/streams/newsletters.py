"""Newsletters."""

from __future__ import annotations

from tap_customerio.pagination import start_token
from tap_customerio.streams.base import CustomerIOStream
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


class Newsletters(CustomerIOStream):
    """Messages that are sent once, to a segment."""

    name = "newsletters"
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
