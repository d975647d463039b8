"""Campaigns and their actions."""

from __future__ import annotations

import typing as t

from tap_customerio.pagination import start_token
from tap_customerio.streams.base import FanOutStream, ParentStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    flag,
    free_object,
    integer,
    integer_key,
    integers,
    moment,
    record,
    references,
    text,
    texts,
    untyped,
)

AUTOMATION: t.Final = (
    deduplicate_id(),
    text("name", "Name."),
    text("description", "Description, empty if none was written."),
    text("type", "Kind of trigger; deprecated by Customer.io, with values beyond its list."),
    text("state", "`running`, `draft` or `stopped`."),
    flag("active", "Whether it can still send."),
    references("actions", "Its actions: id and type."),
    texts("tags", "Tags."),
    text("created_by", "Who made it."),
    moment("created", "When it was made"),
    moment("updated", "When it was last changed; not moved by a change of an action"),
    moment("first_started", "When it was first started, null if never"),
    moment("scheduled_start", "When it is set to start, null if it is not"),
    moment("scheduled_stop", "When it is set to stop, null if it is not"),
    flag("scheduled_start_should_backfill", "Whether the start takes in earlier matches."),
    flag("scheduled_stop_should_sunset", "Whether the stop lets people finish."),
)
"""Properties that campaigns and broadcasts share."""

ACTION: t.Final = (
    deduplicate_id(),
    text("name", "Name."),
    text("type", "Kind of action, such as `email`, `twilio`, `webhook` or `attribute_update`."),
    text("sending_state", "`automatic`, `draft` or `off`."),
    text("layout", "Layout of the message."),
    text("subject", "Subject of an e-mail, as a template."),
    text("preheader_text", "Preview text of an e-mail."),
    text("body", "Body, as a template."),
    text("body_amp", "AMP body of an e-mail."),
    text("body_json", "Body for the visual editor, as JSON text."),
    text("body_plain", "Body of an e-mail as plain text."),
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
    text("url", "Address that a webhook calls."),
    text("method", "HTTP method of a webhook."),
    text("image_url", "Address of an image in an SMS."),
    text("editor", "Editor that it was made with."),
    integer("sender_identity_id", "Id of a WhatsApp sender."),
    integer("recipient_environment_id", "Workspace that an action on attributes writes to."),
    flag("send_to_unsubscribed", "Whether it goes to people who unsubscribed."),
    flag("tracked", "Whether its links are tracked."),
    moment("created", "When it was made"),
    moment("updated", "When it was last changed"),
)
"""Properties that actions of campaigns and broadcasts share."""


class Campaigns(ParentStream):
    """Automations that a segment, an event, a date or the like triggers."""

    name = "campaigns"
    keeps = (
        "id", "actions", "active", "state", "created", "updated", "first_started",
        "scheduled_start",
    )  # fmt: skip
    path = "/v1/campaigns"
    rows = "campaigns"
    primary_keys = ("id",)
    schema = record(
        integer_key("id", "Id of the campaign."),
        *AUTOMATION,
        integers("trigger_segment_ids", "Segments that trigger it."),
        integers("filter_segment_ids", "Segments that its audience is filtered by."),
        references("msg_templates", "Its templates: id and type; deprecated by Customer.io."),
        text("event_name", "Event that triggers it."),
        text("date_attribute", "Attribute with the date that triggers it."),
        text("frequency", "How often a date triggers it: `once`, `monthly` or `yearly`."),
        text("timezone", "Time zone of its date, such as `America/Chicago`."),
        flag("use_customer_timezone", "Whether the person's time zone counts."),
        integer("start_hour", "Hour of the day at which a date triggers it (0 to 23)."),
        integer("start_minutes", "Minute of that hour (0 to 59)."),
        integer("object_type_id", "Type of the objects that trigger it."),
        text("filter_object_attributes", "Filter on objects, as JSON text."),
        text("filter_relationship_attributes", "Filter on relationships, as JSON text."),
        free_object("audience", "Who of an object's people it goes to."),
        untyped("relationship_attribute_triggers", "Relationship attributes that trigger it."),
        untyped("object_attribute_triggers", "Object attributes that trigger it."),
        integer("webhook_id", "Webhook that triggers it."),
    )


class CampaignActions(FanOutStream):
    """The steps of campaigns: messages, webhooks, attribute updates."""

    name = "campaign_actions"
    calls = "1 for every 10 actions, at least 1 for each campaign"
    parent = Campaigns
    parent_key = "campaign_id"
    path = "/v1/campaigns/{campaign_id}/actions"
    rows = "actions"
    dialect = staticmethod(start_token)
    primary_keys = ("campaign_id", "id")
    schema = record(
        integer_key("campaign_id", "Id of the campaign."),
        integer_key("id", "Id of the action."),
        *ACTION,
        text("language", "Language tag of the variant, empty for the default."),
        integer("parent_action_id", "Id of the action that this one belongs to."),
        integer("multi_language_branch_action_id", "Id of the action that branches by language."),
        integer("broadcast_id", "Id of a broadcast; not set on campaigns."),
    )
