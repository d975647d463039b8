"""Lists of what a workspace is set up with."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.pagination import start_token_until_empty
from tap_customerio.streams.base import CustomerIOStream, ParentStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    flag,
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
    from tap_customerio.shape import Record


class Collections(ParentStream):
    """Tables that messages can look values up in."""

    name = "collections"
    path = "/v1/collections"
    rows = "collections"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the collection."),
        text("name", "Name, by which messages refer to it."),
        texts("schema", "Names of its columns."),
        integer("rows", "How many rows it has."),
        integer("bytes", "Its size (bytes)."),
        moment("created_at", "When it was made"),
        moment("updated_at", "When it was last changed"),
    )


class Snippets(CustomerIOStream):
    """Pieces of content that messages share."""

    name = "snippets"
    path = "/v1/snippets"
    rows = "snippets"
    primary_keys = ("name",)
    schema = record(
        text_key("name", "Name, unique in the workspace."),
        text("value", "Content."),
        moment("updated_at", "When it was last changed"),
    )


class SenderIdentities(CustomerIOStream):
    """Addresses and numbers that messages are sent from, visible and hidden ones.

    The API gives either the visible or the hidden ones, so the list is read twice, one after the
    other: were `hidden=true` to mean all of them, as its documents say, those of the first pass
    would be known in the second.
    """

    name = "sender_identities"
    calls = "2 for every 100, and 2"
    path = "/v1/sender_identities"
    rows = "sender_identities"
    page_size = 100
    dialect = staticmethod(start_token_until_empty)
    concurrency = 1
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the sender identity."),
        deduplicate_id(),
        text("name", "Name of the sender."),
        text("email", "E-mail address."),
        text("address", "Name and address, as `name <name@example.com>`."),
        text("phone", "Telephone number."),
        text("template_type", "`email` or `phone`."),
        flag("auto_generated", "Whether Customer.io made it by itself."),
        flag("hidden", "Whether it is hidden in Customer.io."),
    )

    @override
    def chains(self) -> t.Sequence[Chain]:
        return [
            self.chain(params={"hidden": "true" if hidden else "false"}, subject=hidden)
            for hidden in (False, True)
        ]

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        if row.get("hidden") is None:
            row["hidden"] = chain.subject
        return row

    @override
    def repeats_within(self, chain: Chain) -> object:
        return self.name


class SubscriptionTopics(CustomerIOStream):
    """Topics that people can subscribe to."""

    name = "subscription_topics"
    path = "/v1/subscription_topics"
    rows = "topics"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the topic."),
        text("identifier", "Name by which attributes refer to it, such as `topic_1`."),
        text("name", "Name."),
        text("description", "Description."),
        flag("subscribed_by_default", "Whether people are subscribed unless they say no."),
    )
