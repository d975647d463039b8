"""The App API: what every path reads, as a table of routes."""

from __future__ import annotations

from customerio_simulator.app_api import content, deliveries, people
from customerio_simulator.app_api.call import Endpoint, item, whole

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/campaigns", whole("campaigns", "campaigns")),
    ("GET", "/campaigns/{id}", item("campaigns", "campaign")),
    ("GET", "/campaigns/{id}/actions", content.campaign_actions),
    ("GET", "/broadcasts", whole("broadcasts", "broadcasts")),
    ("GET", "/broadcasts/{id}", item("broadcasts", "broadcast")),
    ("GET", "/broadcasts/{id}/actions", content.broadcast_actions),
    ("GET", "/newsletters", content.newsletters),
    ("GET", "/newsletters/{id}", item("newsletters", "newsletter")),
    ("GET", "/transactional", whole("transactional", "messages")),
    ("GET", "/transactional/{id}", item("transactional", "message")),
    ("GET", "/segments", whole("segments", "segments")),
    ("GET", "/segments/{id}", item("segments", "segment")),
    ("GET", "/segments/{id}/membership", people.membership),
    ("GET", "/segments/{id}/customer_count", people.customer_count),
    ("GET", "/messages", deliveries.messages),
    ("GET", "/messages/{id}", deliveries.message),
    ("GET", "/activities", deliveries.activities),
    ("GET", "/collections", whole("collections", "collections", null=True)),
    ("GET", "/collections/{id}", item("collections", "collection")),
    ("GET", "/snippets", whole("snippets", "snippets")),
    ("GET", "/sender_identities", content.sender_identities),
    ("GET", "/sender_identities/{id}", item("sender_identities", "sender_identity")),
    ("GET", "/subscription_topics", whole("subscription_topics", "topics")),
    ("GET", "/workspaces", content.workspaces),
    ("GET", "/customers", people.find_customers),
    ("POST", "/customers", people.search_customers),
    ("POST", "/customers/attributes", people.customers_attributes),
    ("GET", "/customers/{id}/attributes", people.customer_attributes),
)
"""Method, path under /v1 and endpoint."""
