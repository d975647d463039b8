"""What newsletters, transactional messages and collections hold."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.streams.base import FanOutStream
from tap_customerio.streams.indexed import IndexedStream
from tap_customerio.streams.newsletters import Newsletters
from tap_customerio.streams.schema import (
    deduplicate_id,
    flag,
    free_object,
    integer,
    integer_key,
    integers,
    moment,
    record,
    text,
)
from tap_customerio.streams.transactional import TransactionalMessages
from tap_customerio.streams.workspace import Collections

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain
    from tap_customerio.shape import Record

CONTENT: t.Final = (
    text("name", "Name."),
    text("type", "Channel, such as `email`, `push` or `in_app`."),
    text("language", "Language tag of the variant, empty for the default."),
    text("subject", "Subject of an e-mail, as a template."),
    text("preheader_text", "Preview text of an e-mail."),
    text("body", "Body, as a template."),
    text("body_amp", "AMP body of an e-mail."),
    text("body_plain", "Body of an e-mail as plain text."),
    text("layout", "Layout of the message."),
    text("from", "Address that it is sent from."),
    integer("from_id", "Id of the sender identity that it is sent from."),
    text("reply_to", "Address for replies."),
    integer("reply_to_id", "Id of the sender identity for replies."),
    text("recipient", "Recipient, as a template."),
    text("cc", "Copies."),
    text("bcc", "Blind copies."),
    flag("fake_bcc", "Whether blind copies are separate messages."),
    text("preprocessor", "Processor of its CSS."),
    text("headers", "Headers, as JSON text."),
    moment("created", "When it was made"),
    moment("updated", "When it was last changed"),
)
"""Properties that the contents of newsletters and of transactional messages share."""


class NewsletterContents(FanOutStream):
    """What newsletters say: a record for each language and each variant of a test."""

    name = "newsletter_contents"
    calls = "1 for each newsletter"
    selected_by_default = False
    parent = Newsletters
    parent_key = "newsletter_id"
    path = "/v1/newsletters/{newsletter_id}/contents"
    rows = "contents"
    primary_keys = ("newsletter_id", "id")
    schema = record(
        integer_key("newsletter_id", "Id of the newsletter."),
        integer_key("id", "Id of the variant."),
        deduplicate_id(),
        *CONTENT,
        integer("test_group_id", "Group of the A/B test that it goes to."),
    )


class NewsletterTestGroups(FanOutStream):
    """The groups of newsletters' A/B tests."""

    name = "newsletter_test_groups"
    calls = "1 for each newsletter"
    selected_by_default = False
    parent = Newsletters
    parent_key = "newsletter_id"
    path = "/v1/newsletters/{newsletter_id}/test_groups"
    rows = "test_groups"
    primary_keys = ("newsletter_id", "id")
    schema = record(
        integer_key("newsletter_id", "Id of the newsletter."),
        integer_key("id", "Id of the group; 0 is one too."),
        text("name", "Name, such as `A`."),
        text("label", "Label that was given to it."),
        flag("winner", "Whether it won the test."),
        integers("content_ids", "Variants that it gets."),
    )


class TransactionalContents(FanOutStream):
    """What transactional messages say: a record for each language."""

    name = "transactional_contents"
    calls = "1 for each transactional message"
    selected_by_default = False
    parent = TransactionalMessages
    parent_key = "transactional_id"
    path = "/v1/transactional/{transactional_id}/contents"
    rows = "contents"
    primary_keys = ("transactional_id", "id")
    schema = record(
        integer_key("transactional_id", "Id of the transactional message."),
        integer_key("id", "Id of the variant."),
        *CONTENT,
    )


class CollectionContents(IndexedStream):
    """The rows of collections."""

    name = "collection_contents"
    calls = "1 for each collection"
    selected_by_default = False
    parent = Collections
    parent_key = "collection_id"
    path = "/v1/collections/{collection_id}/content"
    rows = "$"  # an array, as it was sent
    index_key = "row_index"
    primary_keys = ("collection_id", "row_index")
    schema = record(
        integer_key("collection_id", "Id of the collection."),
        integer_key("row_index", "Place of the row in the collection, from 0."),
        free_object("row", "The row, as it was sent to Customer.io."),
    )

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        return super().prepare({"row": row}, chain)
