"""Broadcasts that the API triggers, and their actions."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.pagination import start_token
from tap_customerio.streams.base import FanOutStream, ParentStream
from tap_customerio.streams.campaigns import ACTION, AUTOMATION
from tap_customerio.streams.schema import integer, integer_key, record, references, text_key

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain
    from tap_customerio.shape import Record


class Broadcasts(ParentStream):
    """Messages that the API sends to many people at once."""

    name = "broadcasts"
    path = "/v1/broadcasts"
    rows = "broadcasts"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the broadcast."),
        *AUTOMATION,
        references("msg_template_ids", "Its templates: id and type; deprecated by Customer.io."),
    )


class BroadcastActions(FanOutStream):
    """The messages of broadcasts, one record for each language."""

    name = "broadcast_actions"
    parent = Broadcasts
    parent_key = "broadcast_id"
    path = "/v1/broadcasts/{broadcast_id}/actions"
    rows = "actions"
    dialect = staticmethod(start_token)
    primary_keys = ("broadcast_id", "id", "language")
    schema = record(
        integer_key("broadcast_id", "Id of the broadcast."),
        integer_key("id", "Id of the action."),
        text_key("language", "Language tag of the variant, empty for the default."),
        *ACTION,
        integer("campaign_id", "Id of a campaign; not set on broadcasts."),
        integer("parent_action_id", "Id of the action that this one belongs to."),
    )

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        row["language"] = row.get("language") or ""
        return super().prepare(row, chain)
