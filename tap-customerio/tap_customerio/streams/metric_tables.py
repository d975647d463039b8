"""The streams of metrics: whose they are, and which generation of the API gives them."""

from __future__ import annotations

import typing as t

from tap_customerio.streams.broadcasts import Broadcasts
from tap_customerio.streams.campaigns import Campaigns
from tap_customerio.streams.generations import FIRST, SECOND
from tap_customerio.streams.metrics import JourneyMetricsStream, LinkMetricsStream, MetricsStream
from tap_customerio.streams.newsletters import Newsletters
from tap_customerio.streams.schema import (
    Schema,
    integer,
    integer_key,
    moment_key,
    record,
    text,
    text_key,
)
from tap_customerio.streams.transactional import TransactionalMessages

if t.TYPE_CHECKING:
    from singer_sdk import typing as th

CAMPAIGN: t.Final = {"campaign_id": "Id of the campaign."}
BROADCAST: t.Final = {"broadcast_id": "Id of the broadcast."}
NEWSLETTER: t.Final = {"newsletter_id": "Id of the newsletter."}
TRANSACTIONAL: t.Final = {"transactional_id": "Id of the transactional message."}
ACTION: t.Final = {"action_id": "Id of the action."}
CONTENT: t.Final = {"content_id": "Id of the variant."}
LINK: t.Final = {"link_id": "Id of the link."}
LINK_SERIES: t.Final = (
    text("href", "Where the link leads."),
    integer("clicked", "Clicks."),
    integer("unique_clicked", "People who clicked; who clicked twice counts once."),
    integer("human_clicked", "Clicks, without those of machines."),
    integer("machine_clicked", "Clicks of machines."),
)

_COUNTED: t.Final = {
    "attempted": "Messages that were tried to be sent.",
    "sent": "Messages that were sent.",
    "delivered": "Messages that were delivered.",
    "opened": "Messages that were opened.",
    "human_opened": "Messages that were opened, without the opens of machines.",
    "prefetch_opened": "Messages that machines opened.",
    "clicked": "Messages in which a link was clicked.",
    "human_clicked": "Messages in which a link was clicked, without the clicks of machines.",
    "prefetch_clicked": "Messages in which machines followed a link.",
    "converted": "Messages that led to a conversion.",
    "bounced": "Messages that bounced.",
    "created": "Messages that were made.",
    "deferred": "Messages that were deferred.",
    "drafted": "Messages that became drafts.",
    "failed": "Messages that failed.",
    "spammed": "Complaints about spam.",
    "suppressed": "Messages that were suppressed.",
    "undeliverable": "Messages that could not be delivered.",
    "topic_unsubscribed": "People who unsubscribed from the topic.",
    "unsubscribed": "People who unsubscribed.",
    "2xx": "Answers 2xx to a webhook.",
    "3xx": "Answers 3xx to a webhook.",
    "4xx": "Answers 4xx to a webhook.",
    "5xx": "Answers 5xx to a webhook.",
}
DELIVERY_SERIES: t.Final = tuple(integer(name, text) for name, text in _COUNTED.items())
"""Columns of everything that sends messages; one of the two generations leaves some out."""

JOURNEY_SERIES: t.Final = (
    integer("started", "Journeys that started in the period."),
    integer("activated", "Those of them that were activated."),
    integer("exited_early", "Those of them that ended early."),
    integer("finished", "Those of them that reached the end."),
    integer("converted", "Those of them that led to a conversion."),
    integer("never_activated", "Those of them that were never activated."),
    integer("messaged", "Those of them in which a message was sent."),
)


def columns(keys: t.Mapping[str, str], *series: th.Property[t.Any]) -> Schema:
    """Schema of a stream of metrics.

    Args:
        keys: The ids of the parents, and what they are the ids of.
        *series: The properties that are counted.
    """
    return record(
        *(integer_key(name, text) for name, text in keys.items()),
        text_key("resolution", "Length of the period: `hours`, `days`, `weeks` or `months`."),
        moment_key("period_start", "Start of the period"),
        *series,
    )


class CampaignMetrics(MetricsStream):
    """What came of the messages of campaigns, by period."""

    name = "campaign_metrics"
    calls = "1 for each campaign"
    parent = Campaigns
    parent_key = "campaign_id"
    path = "/v1/campaigns/{campaign_id}/metrics"
    generation = SECOND
    primary_keys = ("campaign_id", "resolution", "period_start")
    schema = columns(CAMPAIGN, *DELIVERY_SERIES)


class CampaignActionMetrics(MetricsStream):
    """What came of each action of campaigns, by period."""

    name = "campaign_action_metrics"
    calls = "1 for each action"
    parent = Campaigns
    parent_key = "campaign_id"
    parts = "actions"
    part_key = "action_id"
    path = "/v1/campaigns/{campaign_id}/actions/{action_id}/metrics"
    generation = SECOND
    primary_keys = ("campaign_id", "action_id", "resolution", "period_start")
    schema = columns(CAMPAIGN | ACTION, *DELIVERY_SERIES)


class CampaignJourneyMetrics(JourneyMetricsStream):
    """What became of the journeys through campaigns, by the period in which they started."""

    name = "campaign_journey_metrics"
    calls = "1 for each campaign"
    parent = Campaigns
    parent_key = "campaign_id"
    path = "/v1/campaigns/{campaign_id}/journey_metrics"
    primary_keys = ("campaign_id", "resolution", "period_start")
    schema = columns(CAMPAIGN, *JOURNEY_SERIES)


class CampaignLinkMetrics(LinkMetricsStream):
    """Clicks on the links of campaigns, by period."""

    name = "campaign_link_metrics"
    calls = "2 for each campaign"
    parent = Campaigns
    parent_key = "campaign_id"
    path = "/v1/campaigns/{campaign_id}/metrics/links"
    primary_keys = ("campaign_id", "link_id", "resolution", "period_start")
    schema = columns(CAMPAIGN | LINK, *LINK_SERIES)


class BroadcastMetrics(MetricsStream):
    """What came of the messages of broadcasts, by period."""

    name = "broadcast_metrics"
    calls = "1 for each broadcast"
    parent = Broadcasts
    parent_key = "broadcast_id"
    path = "/v1/broadcasts/{broadcast_id}/metrics"
    generation = FIRST
    primary_keys = ("broadcast_id", "resolution", "period_start")
    schema = columns(BROADCAST, *DELIVERY_SERIES)


class BroadcastActionMetrics(MetricsStream):
    """What came of each action of broadcasts, by period."""

    name = "broadcast_action_metrics"
    calls = "1 for each action"
    parent = Broadcasts
    parent_key = "broadcast_id"
    parts = "actions"
    part_key = "action_id"
    path = "/v1/broadcasts/{broadcast_id}/actions/{action_id}/metrics"
    generation = FIRST
    primary_keys = ("broadcast_id", "action_id", "resolution", "period_start")
    schema = columns(BROADCAST | ACTION, *DELIVERY_SERIES)


class NewsletterMetrics(MetricsStream):
    """What came of newsletters, by period."""

    name = "newsletter_metrics"
    calls = "1 for each newsletter"
    parent = Newsletters
    parent_key = "newsletter_id"
    path = "/v1/newsletters/{newsletter_id}/metrics"
    generation = FIRST
    primary_keys = ("newsletter_id", "resolution", "period_start")
    schema = columns(NEWSLETTER, *DELIVERY_SERIES)


class NewsletterContentMetrics(MetricsStream):
    """What came of each variant of newsletters, by period."""

    name = "newsletter_content_metrics"
    calls = "1 for each variant"
    parent = Newsletters
    parent_key = "newsletter_id"
    parts = "content_ids"
    part_key = "content_id"
    path = "/v1/newsletters/{newsletter_id}/contents/{content_id}/metrics"
    generation = FIRST
    primary_keys = ("newsletter_id", "content_id", "resolution", "period_start")
    schema = columns(NEWSLETTER | CONTENT, *DELIVERY_SERIES)


class NewsletterLinkMetrics(LinkMetricsStream):
    """Clicks on the links of newsletters, by period."""

    name = "newsletter_link_metrics"
    calls = "2 for each newsletter"
    parent = Newsletters
    parent_key = "newsletter_id"
    path = "/v1/newsletters/{newsletter_id}/metrics/links"
    primary_keys = ("newsletter_id", "link_id", "resolution", "period_start")
    schema = columns(NEWSLETTER | LINK, *LINK_SERIES)


class TransactionalMetrics(MetricsStream):
    """What came of transactional messages, by period."""

    name = "transactional_metrics"
    calls = "1 for each transactional message"
    parent = TransactionalMessages
    parent_key = "transactional_id"
    path = "/v1/transactional/{transactional_id}/metrics"
    generation = FIRST
    primary_keys = ("transactional_id", "resolution", "period_start")
    schema = columns(TRANSACTIONAL, *DELIVERY_SERIES)


class TransactionalLinkMetrics(LinkMetricsStream):
    """Clicks on the links of transactional messages, by period."""

    name = "transactional_link_metrics"
    calls = "2 for each transactional message"
    parent = TransactionalMessages
    parent_key = "transactional_id"
    path = "/v1/transactional/{transactional_id}/metrics/links"
    primary_keys = ("transactional_id", "link_id", "resolution", "period_start")
    schema = columns(TRANSACTIONAL | LINK, *LINK_SERIES)


METRIC_STREAMS: t.Final = (
    CampaignMetrics,
    CampaignActionMetrics,
    CampaignJourneyMetrics,
    CampaignLinkMetrics,
    BroadcastMetrics,
    BroadcastActionMetrics,
    NewsletterMetrics,
    NewsletterContentMetrics,
    NewsletterLinkMetrics,
    TransactionalMetrics,
    TransactionalLinkMetrics,
)
"""In the order in which they are read."""
