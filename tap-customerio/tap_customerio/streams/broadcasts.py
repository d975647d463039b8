"""Broadcasts that the API triggers, and their actions."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.answers import decode_row
from tap_customerio.pagination import start_token
from tap_customerio.streams.base import FanOutStream, ParentStream
from tap_customerio.streams.campaigns import ACTION, AUTOMATION
from tap_customerio.streams.indexed import IndexedStream
from tap_customerio.streams.schema import (
    integer,
    integer_key,
    moment,
    record,
    references,
    text,
    text_key,
)

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.answers import Answer
    from tap_customerio.fetch import Chain, Row
    from tap_customerio.shape import Record


class Broadcasts(ParentStream):
    """Messages that the API sends to many people at once."""

    name = "broadcasts"
    keeps = (
        "id", "actions", "active", "state", "created", "updated", "first_started",
        "scheduled_start",
    )  # fmt: skip
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
    calls = "1 for each broadcast"
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


class BroadcastTriggers(FanOutStream):
    """The calls that sent broadcasts."""

    name = "broadcast_triggers"
    calls = "1 for each broadcast"
    selected_by_default = False
    parent = Broadcasts
    parent_key = "broadcast_id"
    path = "/v1/broadcasts/{broadcast_id}/triggers"
    rows = "triggers"
    primary_keys = ("broadcast_id", "id")
    schema = record(
        integer_key("broadcast_id", "Id of the broadcast."),
        integer_key("id", "Id of the trigger."),
        moment("created_at", "When it came in"),
        moment("processed_at", "When everything was sent, null if it is not yet"),
    )


class BroadcastTriggerErrors(IndexedStream):
    """What went wrong for the people that a trigger was for; may name them."""

    name = "broadcast_trigger_errors"
    calls = "1 for each page of errors, at least 1 for each trigger"
    selected_by_default = False
    parent = BroadcastTriggers
    parent_key = "trigger_id"
    path = "/v1/campaigns/{broadcast_id}/triggers/{trigger_id}/errors"
    rows = "errors"
    dialect = staticmethod(start_token)
    index_key = "index"
    primary_keys = ("broadcast_id", "trigger_id", "index")
    schema = record(
        integer_key("broadcast_id", "Id of the broadcast."),
        integer_key("trigger_id", "Id of the trigger."),
        integer_key("index", "Place of the error in the list, from 0."),
        text("error", "What went wrong, in the API's words."),
    )

    @property
    @override
    def parent_columns(self) -> t.Mapping[str, str]:
        return {"broadcast_id": "broadcast_id", "trigger_id": "id"}

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        return [{"error": decode_row(row, chain.call)} for row in answer.rows(chain.rows)]
