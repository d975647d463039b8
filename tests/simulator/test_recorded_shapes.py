"""Our answers have the keys and JSON types of recorded bodies, where those lie beside.

Each recorded body is compared with the union of our rows: a key that the service sends must be sent
by some row of ours, and a JSON type that the service sends for it must occur.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "contract" / "examples" / "live"
EXAMPLES = RECORDED.parent / "official" / "app"
EVERYBODY = {"filter": {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}}


def listed(path, **parameters):
    return lambda client: client.get(path, **parameters)


def searched(client):
    return client.post("/v1/customers", EVERYBODY, limit=20).json()


def nobody(client):
    return client.post("/v1/customers", {"filter": {"not": EVERYBODY["filter"]}}).json()


def profiles(client):
    people = [each["cio_id"] for each in searched(client)["identifiers"]]
    return client.post("/v1/customers/attributes", {"ids": people}, id_type="cio_id").json()


def refused(client):
    client.simulator.fault(status=429)
    return client.ask("/v1/messages").json()


def forbidden(client):
    client.simulator.edit(options={"forbidden": ["/v1/messages"]})
    return client.ask("/v1/messages").json()


def by_id(client):
    rows = client.get("/v1/messages", limit=1000)["messages"]
    opened = next(row for row in rows if row["newsletter_id"] and "link:2" in row["metrics"])
    return client.get(f"/v1/messages/{opened['id']}")


def edge(client):
    return client.session.get(f"{client.url}/api/v1/accounts/region", timeout=30).json()


def region(client):
    answer = client.session.get(
        f"{client.url}/api/v1/accounts/region", auth=client.basic, timeout=30
    )
    return answer.json()


def mixed(client):
    return client.batch({"type": "person", "action": "event"}).json()


def refused_members(client):
    return client.track("/api/v1/segments/1/add_customers", {"ids": ["1"]}).json()


ANSWERS = {
    "activities.page1.json": listed("/v1/activities", limit=100),
    "activities.last_page.json": listed("/v1/activities", start="900000000000009999"),
    "broadcasts.json": listed("/v1/broadcasts"),
    "esp_suppression.empty_null.json": listed("/v1/esp/suppression/bounces", offset=99),
    "esp_suppression.json": listed("/v1/esp/suppression/bounces"),
    "newsletter_contents.json": listed("/v1/newsletters/2/contents"),
    "object_types.json": listed("/v1/object_types"),
    "optouts.json": listed("/v1/optouts"),
    "optouts.empty.json": listed("/v1/optouts", **{"from": "nobody"}),
    "reporting_webhooks.json": listed("/v1/reporting_webhooks"),
    "segment_used_by.json": listed("/v1/segments/1/used_by"),
    "subscription_channels.empty.json": listed("/v1/subscription_channels"),
    "track_v1_400.json": refused_members,
    "transactional_contents.json": listed("/v1/transactional/1/contents"),
    "campaign_actions.json": listed("/v1/campaigns/3/actions"),
    "campaign_actions.empty.json": listed("/v1/campaigns/2/actions"),
    "campaigns.json": listed("/v1/campaigns"),
    "collections.json": listed("/v1/collections"),
    "customers_attributes_batch.json": profiles,
    "customers_search.empty.json": nobody,
    "customers_search.json": searched,
    "error_400_malformed_token.json": lambda client: client.ask("/v1/messages", start="x").json(),
    "error_401_app_api.json": lambda client: client.session.get(
        f"{client.url}/v1/messages", timeout=30
    ).json(),
    "error_401_edge_shape.json": edge,
    "error_403_app_api.json": forbidden,
    "error_404_missing_parent.json": lambda client: client.ask("/v1/campaigns/999/actions").json(),
    "error_429_app_api.json": refused,
    "messages.by_id.json": by_id,
    "messages.empty.json": listed("/v1/messages", start_ts=1, end_ts=2),
    "messages.limit1_page1.json": listed("/v1/messages", limit=999),
    "messages.limit1_page2_last.json": listed("/v1/messages", limit=999),
    "messages.out_of_range_token_restarts.json": listed("/v1/messages", limit=999),
    "messages.page_last.json": listed("/v1/messages", limit=999),
    "messages.transactional_email_only_person.json": listed("/v1/messages", limit=999),
    "newsletters.draft.json": listed("/v1/newsletters"),
    "newsletters.page1.json": listed("/v1/newsletters"),
    "newsletters.page2_empty.json": listed("/v1/newsletters", start="OTk5"),
    "segment_membership.empty_null_arrays.json": listed("/v1/segments/2/membership"),
    "segment_membership.json": listed("/v1/segments/1/membership"),
    "segment_membership.member_without_id.json": listed("/v1/segments/1/membership"),
    "segment_membership.page1.json": listed("/v1/segments/1/membership", limit=9),
    "segment_membership.page2_last.json": listed("/v1/segments/1/membership"),
    "segments.json": listed("/v1/segments"),
    "sender_identities.empty.json": listed("/v1/sender_identities", start="OTk5"),
    "sender_identities.page1.json": listed("/v1/sender_identities"),
    "snippets.json": listed("/v1/snippets"),
    "subscription_topics.json": listed("/v1/subscription_topics"),
    "track_401.json": edge,
    "track_region.json": region,
    "track_v2_batch_200.json": lambda client: client.batch().json(),
    "track_v2_batch_207.json": mixed,
    "track_v2_entity_400.json": lambda client: client.track("/api/v2/entity", {}).json(),
    "transactional.json": listed("/v1/transactional"),
    "workspaces.json": listed("/v1/workspaces"),
}
CAMPAIGN, WEEK = "/v1/campaigns/1", {"start": 1_789_900_000, "end": 1_790_000_000}
DOCUMENTED = {
    "GET_v1_broadcasts_broadcast_id_metrics.json": listed("/v1/broadcasts/1/metrics"),
    "GET_v1_broadcasts_broadcast_id_triggers.json": listed("/v1/broadcasts/1/triggers"),
    "GET_v1_campaigns_broadcast_id_triggers_trigger_id.json": listed(f"{CAMPAIGN}/triggers/1"),
    "GET_v1_campaigns_broadcast_id_triggers_trigger_id_errors.json": listed(
        f"{CAMPAIGN}/triggers/1/errors"
    ),
    "GET_v1_campaigns_campaign_id_journey_metrics.json": listed(
        f"{CAMPAIGN}/journey_metrics", res="days", **WEEK
    ),
    "GET_v1_campaigns_campaign_id_metrics.json": listed(f"{CAMPAIGN}/metrics", version=2, **WEEK),
    "GET_v1_campaigns_campaign_id_metrics_links.json": listed(f"{CAMPAIGN}/metrics/links"),
    "GET_v1_customers_customer_id_relationships.json": listed("/v1/customers/100016/relationships"),
    "GET_v1_customers_customer_id_segments.json": listed("/v1/customers/100001/segments"),
    "GET_v1_customers_customer_id_subscription_preferences.json": listed(
        "/v1/customers/100001/subscription_preferences"
    ),
    "GET_v1_exports.json": listed("/v1/exports"),
    "GET_v1_exports_export_id.json": listed("/v1/exports/2"),
    "GET_v1_newsletters_newsletter_id_test_groups.json": listed("/v1/newsletters/2/test_groups"),
    "GET_v1_object_types.json": listed("/v1/object_types"),
    "GET_v1_reporting_webhooks_webhook_id.json": listed("/v1/reporting_webhooks/1"),
    "GET_v1_segments_segment_id_customer_count.json": listed("/v1/segments/1/customer_count"),
    "POST_v1_collections.json": lambda client: client.post(
        "/v1/collections", {"name": "a", "data": [{"a": 1}]}
    ).json(),
    "POST_v1_customers_attributes.json": profiles,
    "POST_v1_objects.json": lambda client: client.post(
        "/v1/objects", {"object_type_id": "1", "filter": {"and": []}}, limit=2
    ).json(),
    "POST_v1_segments.json": lambda client: client.post(
        "/v1/segments", {"segment": {"name": "a"}}
    ).json(),
}
"""Answers whose shape nobody recorded, beside the documentation's examples."""
FREE = {"conditions", "attributes", "timestamps", "data"}
"""Objects whose keys are the customer's own."""


def shape(value, path="$"):
    """Return every path of a body with its JSON type."""
    found = {(path, "number" if type(value) in {int, float} else type(value).__name__)}
    if isinstance(value, dict) and path.rsplit(".", 1)[-1] not in FREE:
        for key, each in value.items():
            found |= shape(each, f"{path}.{key}")
    if isinstance(value, list):
        for each in value:
            found |= shape(each, f"{path}[]")
    return found


def recorded(name, folder=RECORDED):
    """Return a body's shape, or nothing to compare where the recordings do not lie beside."""
    path = folder / name
    return shape(json.loads(path.read_text())) if path.exists() else set()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answers_have_the_shape_of_recorded_ones(serve, name):
    answer = ANSWERS[name](serve(messages=900))
    assert isinstance(answer, dict)
    assert recorded(name) - shape(answer) == set()


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_answers_have_the_shape_of_documented_ones(serve, name):
    answer = DOCUMENTED[name](serve(documented_shapes=True))
    assert recorded(name, EXAMPLES) - shape(answer) == set()


def test_a_missing_key_and_a_wrong_type_are_seen():
    ours, theirs = {"a": [{"b": 1}]}, {"a": [{"b": "1"}, {"b": 1, "c": None}]}
    assert shape(theirs) - shape(ours) == {("$.a[].b", "str"), ("$.a[].c", "NoneType")}
