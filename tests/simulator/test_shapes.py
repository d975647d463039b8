"""Quirks 10 to 32: types and envelopes of rows."""

from __future__ import annotations

import json

import pytest


def test_quirk_10_action_ids_are_text_below_a_campaign_and_numbers_in_it(client):
    campaign = client.get("/v1/campaigns")["campaigns"][0]
    actions = client.get("/v1/campaigns/1/actions")["actions"]
    assert [int(row["id"]) for row in actions] == [each["id"] for each in campaign["actions"]]
    assert {type(row["id"]) for row in actions} == {str}
    assert {type(each["id"]) for each in campaign["actions"]} == {int}


def test_quirk_10_broadcast_action_ids_are_text_or_numbers(client):
    actions = client.get("/v1/broadcasts/1/actions")["actions"]
    assert {type(row["id"]) for row in actions} == {str, int}


def test_broadcast_actions_have_a_row_for_each_language(client):
    actions = client.rows("/v1/broadcasts/3/actions", "actions")
    languages = {row.get("language", "absent") for row in actions}
    assert {"", None, "fr", "absent"} <= languages
    keys = {(int(row["id"]), row.get("language") or "") for row in actions}
    assert len(keys) == len(actions) == 14
    assert {"broadcast_id" in row for row in actions} == {True, False}


def test_quirk_11_deduplicate_id_has_another_number_than_the_action(client):
    for row in client.get("/v1/campaigns/1/actions")["actions"]:
        assert row["deduplicate_id"].split(":")[0] != row["id"]


def test_quirk_12_null_stands_for_an_empty_list(serve):
    client = serve(people=0, collections=0, messages=0)
    assert client.get("/v1/collections") == {"collections": None}
    assert client.get("/v1/segments/1/membership")["ids"] is None
    search = {"filter": {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}}
    found = client.post("/v1/customers", search).json()
    assert found == {"identifiers": None, "ids": None, "next": ""}
    assert client.get("/v1/messages") == {"messages": [], "next": ""}


def test_quirk_12_any_empty_list_can_be_null(serve):
    client = serve(messages=0, campaigns=0, activities=0, null_lists=True)
    assert client.get("/v1/messages") == {"messages": None, "next": ""}
    assert client.get("/v1/activities")["activities"] is None
    assert client.get("/v1/campaigns") == {"campaigns": None}


def test_quirk_13_tags_are_lists_null_or_the_text_nil(client):
    tags = [row["tags"] for row in client.get("/v1/broadcasts")["broadcasts"]]
    assert tags[:3] == [None, "nil", ["Sample"]]


def test_quirk_14_times_that_are_unset_are_zero(client):
    campaigns = client.get("/v1/campaigns")["campaigns"]
    assert {row["first_started"] == 0 for row in campaigns} == {True, False}
    assert {row.get("scheduled_start", 0) for row in campaigns} == {0}


def test_quirk_15_and_16_undocumented_fields_are_there(client):
    assert "scheduled_stop_should_sunset" in client.get("/v1/campaigns")["campaigns"][0]
    assert "conditions" in client.get("/v1/segments")["segments"][0]
    assert "trigger_name" in client.get("/v1/transactional")["messages"][0]
    action = client.get("/v1/campaigns/1/actions")["actions"][0]
    assert {"editor", "recipient_environment_id"} <= set(action)
    messages = client.rows("/v1/messages", "messages", limit=1000)
    assert all("msg_template_id" in row for row in messages)
    assert any("human_link:2" in row["metrics"] for row in messages)


def test_quirk_17_enums_are_open(client):
    assert "seg_attr" in {row["type"] for row in client.get("/v1/campaigns")["campaigns"]}
    rows = client.rows("/v1/campaigns/3/actions", "actions")
    assert "attribute_update" in {row["type"] for row in rows}


def test_quirk_18_envelopes_differ_from_paths(client):
    assert set(client.get("/v1/transactional")) == {"messages"}
    assert set(client.get("/v1/subscription_topics")) == {"topics"}
    assert set(client.get("/v1/campaigns/1")) == {"campaign"}


def test_quirk_19_attributes_are_flat_and_unknown_ids_vanish(client):
    body = client.post("/v1/customers/attributes", {"ids": ["100001", "nobody"]}).json()
    assert [row["id"] for row in body["customers"]] == ["100001"]
    assert body["customers"][0]["attributes"]["first_name"]


def test_attributes_take_at_most_a_hundred_ids(client):
    assert client.post("/v1/customers/attributes", {"ids": ["1"] * 101}).status_code == 400
    assert client.post("/v1/customers/attributes", {}).status_code == 400


def test_quirk_22_attribute_values_are_text(client):
    people = [client.profile(str(100_001 + nth)) for nth in (0, 1, 2)]
    values = [value for each in people for value in each["attributes"].values()]
    assert {type(value) for value in values} == {str}
    preferences = json.loads(people[2]["attributes"]["cio_subscription_preferences"])
    assert set(preferences) == {"topics"}


def test_quirk_24_headers_are_text(client):
    rows = client.rows("/v1/campaigns/11/actions", "actions")
    assert {type(row["headers"]) for row in rows if "headers" in row} == {str}


def test_quirk_26_opens_are_times_and_ids_may_be_missing(client):
    rows = client.rows("/v1/activities", "activities", limit=100, deleted="true")
    opened = [row["data"]["opened"] for row in rows if row["type"] == "opened_email"]
    assert {type(each) for each in opened} == {int}
    named = [set(row["customer_identifiers"]) for row in rows]
    assert {"cio_id", "email"} in named
    assert {"cio_id"} in named
    for row in rows:
        assert row["customer_id"] == row["customer_identifiers"].get("id")


def test_quirk_27_members_without_id(client):
    body = client.get("/v1/segments/1/membership")
    without = [nth for nth, each in enumerate(body["identifiers"]) if each["id"] is None]
    assert without
    assert {body["ids"][nth] for nth in without} == {""}
    assert any(each["email"] is None for each in body["identifiers"])


def test_quirk_27_an_id_only_workspace_has_no_email_key(serve):
    client = serve(id_only=True)
    members = client.get("/v1/segments/1/membership")["identifiers"]
    assert {frozenset(each) for each in members} == {frozenset({"cio_id", "id"})}
    messages = client.rows("/v1/messages", "messages", limit=1000)
    assert not any("email" in (row["customer_identifiers"] or {}) for row in messages)


def test_quirk_27_internal_ids_look_like_numbers(client):
    ids = [each["cio_id"] for each in client.get("/v1/segments/1/membership")["identifiers"]]
    assert "30000000" in ids
    assert "30e00001" in ids
    assert all(isinstance(each, str) for each in ids)


def test_quirk_27_forgotten_people(client):
    rows = [row for row in client.rows("/v1/messages", "messages", limit=1000) if row["forgotten"]]
    assert {row["customer_id"] for row in rows} == {None}
    shapes = {frozenset(row["customer_identifiers"] or {}) for row in rows}
    assert shapes == {frozenset(), frozenset({"cio_id"})}


def test_quirk_28_hidden_senders_are_a_list_of_their_own(client):
    visible = client.rows("/v1/sender_identities", "sender_identities")
    hidden = client.rows("/v1/sender_identities", "sender_identities", hidden="true")
    assert {row["hidden"] for row in visible} == {False}
    assert {row["hidden"] for row in hidden} == {True}
    assert len(visible) + len(hidden) == 5


def test_quirk_29_drafts_are_a_list_of_their_own(client):
    drafts = client.rows("/v1/messages", "messages", drafts="true")
    sent = client.rows("/v1/messages", "messages", limit=1000)
    assert len(drafts) == 5
    assert not {row["id"] for row in drafts} & {row["id"] for row in sent}
    assert {tuple(row["metrics"]) for row in drafts} == {("drafted",)}


def test_quirk_31_a_building_segment_shows_part_of_its_members(client):
    segment = client.get("/v1/segments/6")["segment"]
    assert segment["state"] == "build"
    partial = client.rows("/v1/segments/6/membership", "identifiers")
    client.simulator.edit(change={"segments": {6: {"state": "finished", "progress": None}}})
    whole = client.rows("/v1/segments/6/membership", "identifiers")
    assert 0 < len(partial) < len(whole)
    assert whole[: len(partial)] == partial


def test_quirk_32_workspaces_count(client):
    (row,) = client.get("/v1/workspaces")["workspaces"]
    assert row["people"] == 40


def test_customer_count_agrees_with_membership(client):
    for segment in client.get("/v1/segments")["segments"]:
        path = f"/v1/segments/{segment['id']}"
        members = client.rows(f"{path}/membership", "identifiers", limit=7)
        assert client.get(f"{path}/customer_count")["count"] == len(members)


def test_metrics_are_sparse(client):
    rows = client.rows("/v1/messages", "messages", limit=1000)
    assert len({frozenset(row["metrics"]) for row in rows}) > 3
    assert all(value > 0 for row in rows for value in row["metrics"].values())
    assert all(row["failure_message"] for row in rows if "failed" in row["metrics"])


def test_a_delivery_by_id_equals_the_one_in_the_list(client):
    row = client.get("/v1/messages", limit=30)["messages"][-1]
    assert client.get(f"/v1/messages/{row['id']}") == {"message": row}
    draft = client.get("/v1/messages", drafts="true")["messages"][0]
    assert client.get(f"/v1/messages/{draft['id']}") == {"message": draft}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}, 40),
        ({"attribute": {"field": "email", "operator": "eq", "value": "person3@example.com"}}, 1),
        ({"not": {"attribute": {"field": "id", "operator": "exists"}}}, 4),
        ({"or": [{"segment": {"id": 2}}, {"segment": {"id": 4}}]}, 20),
        ({"and": [{"segment": {"id": 1}}, {"not": {"segment": {"id": 1}}}]}, 0),
    ],
)
def test_people_search(client, condition, expected):
    body = client.post("/v1/customers", {"filter": condition}, limit=1000).json()
    assert len(body["identifiers"] or []) == expected
    assert body["next"] == ""


def test_people_search_in_pages(client):
    everyone = {"filter": {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}}
    first = client.post("/v1/customers", everyone, limit=30).json()
    second = client.post("/v1/customers", everyone, limit=30, start=first["next"]).json()
    assert (len(first["ids"]), len(second["ids"])) == (30, 10)


@pytest.mark.parametrize("body", [{}, {"filter": {}}, {"filter": {"and": [], "or": []}}, [1], "x"])
def test_a_filter_outside_the_grammar_is_a_bad_request(client, body):
    assert client.post("/v1/customers", body).status_code == 400


def test_one_person_by_each_identifier(client):
    for id_type, value in (
        ("id", "100001"),
        ("email", "PERSON1@example.com"),
        ("cio_id", "cio_30000000"),
    ):
        body = client.get(f"/v1/customers/{value}/attributes", id_type=id_type)
        assert body["customer"]["identifiers"]["cio_id"] == "30000000"
    assert client.get("/v1/customers", email="person1@example.com")["results"][0]["id"] == "100001"
    assert client.get("/v1/customers", email="nobody@example.com") == {"results": []}
    assert client.ask("/v1/customers/nobody/attributes").status_code == 404
    assert client.ask("/v1/customers/1/attributes", id_type="shoe").status_code == 400
