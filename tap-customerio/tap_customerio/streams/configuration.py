"""The account around the messages: workspaces, channels, webhooks, exports."""

from __future__ import annotations

import re
import sys
import typing as t
import urllib.parse

from tap_customerio.streams.base import CustomerIOStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    flag,
    integer,
    integer_key,
    moment,
    record,
    text,
    texts,
)

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain
    from tap_customerio.shape import Record

HIDDEN: t.Final = "***"
"""What stands in place of a secret."""

_SECRET_PARAMETER = re.compile(
    r"([^=]*(?:auth|credential|key|passw|pwd|secret|sig|token)[^=]*=).+", re.IGNORECASE
)


class SubscriptionChannels(CustomerIOStream):
    """Channels that people can subscribe to."""

    name = "subscription_channels"
    path = "/v1/subscription_channels"
    rows = "channels"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the channel."),
        text("identifier", "Name by which attributes refer to it."),
        text("name", "Name."),
        text("type", "Kind of channel, such as `email` or `sms`."),
        text("description", "Description."),
        flag("subscribed_by_default", "Whether people are subscribed unless they say no."),
    )


class ReportingWebhooks(CustomerIOStream):
    """Addresses that Customer.io reports to; without what is secret in them."""

    name = "reporting_webhooks"
    path = "/v1/reporting_webhooks"
    rows = "reporting_webhooks"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the webhook."),
        text("name", "Name."),
        text("type", "`webhook` or `js`."),
        text("endpoint", "Address, without user, password and the values of secret parameters."),
        texts("events", "What it reports, such as `email_clicked`."),
        flag("disabled", "Whether nothing is sent."),
        flag("full_resolution", "Whether every open and click is sent, or the first alone."),
        flag("with_content", "Whether the body of a message is sent along."),
    )

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        row["endpoint"] = without_secrets(row.get("endpoint"))
        return super().prepare(row, chain)


class Workspaces(CustomerIOStream):
    """The account's workspaces with their counts, which may be two hours old."""

    name = "workspaces"
    path = "/v1/workspaces"
    rows = "workspaces"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the workspace."),
        text("name", "Name."),
        integer("messages_sent", "Messages sent in the billing period, through any channel."),
        integer("billable_messages_sent", "E-mails sent that count for the bill of the period."),
        integer("people", "People in it."),
        integer("object_types", "Types of objects in it."),
        integer("objects", "Objects in it."),
    )


class Exports(CustomerIOStream):
    """Exports of people and of deliveries, and who made them."""

    name = "exports"
    selected_by_default = False
    path = "/v1/exports"
    rows = "exports"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the export."),
        deduplicate_id(),
        text("type", "`customers` or `deliveries`."),
        text("status", "`pending`, `done` or `failed`."),
        flag("failed", "Whether it failed."),
        text("description", "Description."),
        integer("total", "How many rows it has; 0 until it is done."),
        integer("downloads", "How often it was downloaded."),
        integer("user_id", "Id of the user who made it."),
        text("user_email", "E-mail address of the user who made it."),
        moment("created_at", "When it was made"),
        moment("updated_at", "When it was last changed"),
    )


def without_secrets(address: object) -> str | None:
    """Take out of an address what may be a secret: user, password, values of such parameters.

    Args:
        address: What the API sent.

    Returns:
        The rest; None if it is no address, since nobody knows then what would be left in.
    """
    if not isinstance(address, str):
        return None
    try:
        parts = urllib.parse.urlsplit(address.strip())
        _ = parts.port
    except ValueError:
        return None
    if "@" in parts.path and not parts.netloc:
        return None
    query = "&".join(
        _SECRET_PARAMETER.sub(rf"\g<1>{HIDDEN}", part) for part in parts.query.split("&")
    )
    netloc = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=netloc, query=query))
