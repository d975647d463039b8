"""Our answers have the keys and JSON types of recorded bodies, where those lie beside.

Each recorded body is compared with the union of our rows: a key that the service sends must be sent
by some row of ours, and a JSON type that the service sends for it must occur.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "contract" / "examples" / "live"
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


ANSWERS = {
    "activities.page1.json": listed("/v1/activities", limit=100),
    "activities.last_page.json": listed("/v1/activities", start="900000000000009999"),
    "broadcasts.json": listed("/v1/broadcasts"),
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


def recorded(name):
    """Return the recorded body, or nothing to compare where the recordings do not lie beside."""
    path = RECORDED / name
    return shape(json.loads(path.read_text())) if path.exists() else set()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answers_have_the_shape_of_recorded_ones(serve, name):
    answer = ANSWERS[name](serve(messages=900))
    assert isinstance(answer, dict)
    assert recorded(name) - shape(answer) == set()


def test_a_missing_key_and_a_wrong_type_are_seen():
    ours, theirs = {"a": [{"b": 1}]}, {"a": [{"b": "1"}, {"b": 1, "c": None}]}
    assert shape(theirs) - shape(ours) == {("$.a[].b", "str"), ("$.a[].c", "NoneType")}
