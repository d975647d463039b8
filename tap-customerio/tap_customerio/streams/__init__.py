"""The streams, by domain; in the order in which they are read."""

from __future__ import annotations

import typing as t

from tap_customerio.streams.activities import Activities
from tap_customerio.streams.broadcasts import (
    BroadcastActions,
    Broadcasts,
    BroadcastTriggerErrors,
    BroadcastTriggers,
)
from tap_customerio.streams.campaigns import CampaignActions, Campaigns
from tap_customerio.streams.configuration import (
    Exports,
    ReportingWebhooks,
    SubscriptionChannels,
    Workspaces,
)
from tap_customerio.streams.content import (
    CollectionContents,
    NewsletterContents,
    NewsletterTestGroups,
    TransactionalContents,
)
from tap_customerio.streams.messages import Messages
from tap_customerio.streams.metric_tables import METRIC_STREAMS
from tap_customerio.streams.newsletters import Newsletters
from tap_customerio.streams.objects import ObjectRelationships, Objects, ObjectTypes
from tap_customerio.streams.people import (
    Optouts,
    People,
    PeopleRelationships,
    PeopleSubscriptionPreferences,
)
from tap_customerio.streams.segments import (
    SegmentCustomerCounts,
    SegmentMembership,
    Segments,
    SegmentUsage,
)
from tap_customerio.streams.suppressions import EspSuppressions
from tap_customerio.streams.transactional import TransactionalMessages
from tap_customerio.streams.workspace import (
    Collections,
    SenderIdentities,
    Snippets,
    SubscriptionTopics,
)

if t.TYPE_CHECKING:
    from tap_customerio.streams.base import CustomerIOStream

STREAMS: t.Final[tuple[type[CustomerIOStream], ...]] = (
    Campaigns,
    CampaignActions,
    Broadcasts,
    BroadcastActions,
    BroadcastTriggers,
    BroadcastTriggerErrors,
    Newsletters,
    NewsletterContents,
    NewsletterTestGroups,
    TransactionalMessages,
    TransactionalContents,
    Segments,
    SegmentUsage,
    SegmentCustomerCounts,
    SegmentMembership,
    Messages,
    Activities,
    People,
    PeopleSubscriptionPreferences,
    PeopleRelationships,
    Optouts,
    ObjectTypes,
    Objects,
    ObjectRelationships,
    *METRIC_STREAMS,
    Collections,
    CollectionContents,
    Snippets,
    SenderIdentities,
    SubscriptionTopics,
    SubscriptionChannels,
    ReportingWebhooks,
    EspSuppressions,
    Exports,
    Workspaces,
)
"""Parents come before what fans out from them, so that each is listed once."""

__all__ = ["STREAMS"]
