"""Transactional messages."""

from __future__ import annotations

from tap_customerio.streams.base import ParentStream
from tap_customerio.streams.schema import flag, integer_key, moment, record, text


class TransactionalMessages(ParentStream):
    """Templates of messages that the API sends one by one; their deliveries are messages."""

    name = "transactional_messages"
    # Not when they were touched: they send as long as they are there.
    path = "/v1/transactional"
    rows = "messages"  # of all names: see /v1/messages
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the transactional message."),
        text("name", "Name."),
        text("description", "Description."),
        text("trigger_name", "Name that the API can send it by."),
        flag("send_to_unsubscribed", "Whether it goes to people who unsubscribed."),
        flag("link_tracking", "Whether its links are tracked."),
        flag("open_tracking", "Whether its opens are tracked."),
        flag("hide_message_body", "Whether the content of deliveries is not kept."),
        flag("queue_drafts", "Whether deliveries wait as drafts."),
        moment("created_at", "When it was made"),
        moment("updated_at", "When it was last changed"),
    )
