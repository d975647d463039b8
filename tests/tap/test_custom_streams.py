"""Streams that the configuration defines."""

from __future__ import annotations

import json
import logging

import jsonschema
import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_customerio import definitions
from tap_customerio.streams import STREAMS
from tap_customerio.streams.custom import columns
from tap_customerio.tap import TapCustomerIO

from .conftest import NOT_FOUND, Reply, configuration, run

STATUS = {
    "name": "trigger_status",
    "path": "/v1/campaigns/{broadcast_id}/triggers/{id}",
    "parent": "broadcast_triggers",
    "records_path": "$",
    "primary_keys": ["broadcast_id", "id"],
    "pagination": "none",
}
LIST = {"name": "things", "path": "/v1/things", "primary_keys": ["id"], "records_path": "things"}


def read(fake, *found, stream=None):
    """Run with the defined streams, all but them deselected; give the records of one."""
    tap = TapCustomerIO(config=configuration(fake.url, custom_streams=list(found)))
    catalog = tap.catalog_dict
    names = {definition["name"] for definition in found}
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
        root["metadata"]["selected"] = entry["stream"] in names
    result = run(fake.url, catalog=catalog, custom_streams=list(found))
    assert result.exit_code == 0
    return result.records(stream or found[-1]["name"])


def test_the_status_of_a_trigger(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 5}]}
    fake.routes["/v1/broadcasts/5/triggers"] = {"triggers": [{"id": 1}, {"id": 2}]}
    status = {"id": 1, "broadcast_id": 5, "created_at": 1552341937, "processed_at": 1552341937}
    fake.routes["/v1/campaigns/5/triggers/1"] = status
    fake.routes["/v1/campaigns/5/triggers/2"] = NOT_FOUND
    assert read(fake, STATUS) == [{"broadcast_id": 5, "id": 1, "record": status}]


def test_the_status_of_a_trigger_of_the_simulated_workspace(customerio_simulator):
    simulator = customerio_simulator(people=20, rate_limit=0)
    key = {"app_api_key": simulator.app_api_key}
    result = run(simulator.url, custom_streams=[STATUS], **key)
    records = result.records("trigger_status")
    triggers = run(simulator.url, "broadcast_triggers", **key).records("broadcast_triggers")
    assert records
    assert sorted((row["broadcast_id"], row["id"]) for row in records) == sorted(
        (row["broadcast_id"], row["id"]) for row in triggers
    )


def test_discovery_knows_them_and_selects_them(fake):
    config = configuration(fake.url, custom_streams=[STATUS])
    catalog = json.loads(TapCustomerIO(config=config).catalog_json_text)
    entry = catalog["streams"][-1]
    assert (entry["stream"], entry["key_properties"]) == ("trigger_status", ["broadcast_id", "id"])
    assert entry["schema"]["properties"]["broadcast_id"]["type"] == "integer"
    assert set(entry["schema"]["properties"]) == {"broadcast_id", "id", "record"}
    assert entry["schema"]["required"] == ["broadcast_id", "id"]
    jsonschema.Draft202012Validator.check_schema(entry["schema"])
    (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
    assert root["metadata"]["selected"] is True
    assert entry["replication_method"] == "FULL_TABLE"
    assert fake.calls == []


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("things", {"things": [{"id": 1}, {"id": "b"}, None]}, [1, "b"]),
        ("$.things", {"things": [{"id": 1}]}, [1]),
        ("$.things[*]", {"things": [{"id": 1}]}, [1]),
        ("a.things", {"a": {"things": [{"id": 1}]}}, [1]),
        ("a.things", {"a": None}, []),
        ("things", {"things": None}, []),
        ("things", {}, []),
        ("$", [{"id": 1}, {"id": 2}], [1, 2]),
        ("thing", {"thing": {"id": 7}}, [7]),
    ],
)
def test_where_the_records_are(fake, path, body, expected):
    fake.routes["/v1/things"] = body
    records = read(fake, {**LIST, "records_path": path})
    assert [record["id"] for record in records] == expected
    assert [record["record"]["id"] for record in records] == expected


def test_what_is_no_object_becomes_one(fake):
    fake.routes["/v1/info/ip_addresses"] = {"ip_addresses": ["192.0.2.1"]}
    found = {
        "name": "ips",
        "path": "/v1/info/ip_addresses",
        "records_path": "ip_addresses",
        "primary_keys": ["value"],
    }
    assert read(fake, found) == [{"value": "192.0.2.1", "record": {"value": "192.0.2.1"}}]


@pytest.mark.parametrize(
    "body",
    [{"things": 5}, {"things": "x"}, [1], Reply(200, b'{"things":[{"id":"\xed\xa0\x80"}]}')],
)
def test_records_that_are_none_end_the_stream(fake, caplog, body):
    fake.routes["/v1/things"] = body
    catalog = TapCustomerIO(config=configuration(fake.url, custom_streams=[LIST])).catalog_dict
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
        root["metadata"]["selected"] = entry["stream"] == "things"
    assert run(fake.url, catalog=catalog, custom_streams=[LIST]).exit_code == 1
    assert "GET /v1/things answered 200 with " in caplog.text


def test_by_token_and_with_a_query(fake):
    fake.routes["/v1/things"] = lambda query: {
        "things": [{"id": 2 if "start" in query else 1}],
        "next": "" if "start" in query else "t",
    }
    found = {**LIST, "pagination": "start", "params": {"limit": 1, "kind": "x"}}
    assert [record["id"] for record in read(fake, found)] == [1, 2]
    first, second = fake.queries("/v1/things")
    assert first == {"limit": "1", "kind": "x"}
    assert second == {**first, "start": "t"}


def test_a_query_is_spelled_as_the_api_spells_it(fake):
    fake.routes["/v1/things"] = {"things": []}
    read(fake, {**LIST, "params": {"deleted": True, "hidden": False, "rate": 0.5, "name": "True"}})
    assert fake.queries("/v1/things") == [
        {"deleted": "true", "hidden": "false", "rate": "0.5", "name": "True"}
    ]


def test_a_parent_without_a_value_for_a_placeholder_is_passed_over(fake):
    fake.routes["/v1/newsletters"] = {
        "newsletters": [{"id": 1}, {"id": 2, "subscription_topic_id": 3}]
    }
    fake.routes["/v1/topics/3"] = {"id": 3}
    found = {
        "name": "topics",
        "path": "/v1/topics/{subscription_topic_id}",
        "parent": "newsletters",
        "primary_keys": ["id"],
    }
    assert read(fake, found) == [{"id": 3, "record": {"id": 3}}]


def test_a_parent_that_vanished_is_not_named_by_what_is_personal(fake, caplog):
    senders = [{"id": 1, "email": "canary@example.com"}]
    fake.routes["/v1/sender_identities"] = {"sender_identities": senders}
    fake.routes["/v1/esp/search_suppression/canary%40example.com"] = NOT_FOUND
    search = {
        "name": "suppressed",
        "path": "/v1/esp/search_suppression/{email}",
        "parent": "sender_identities",
        "primary_keys": ["email"],
    }
    with caplog.at_level(logging.DEBUG):
        assert read(fake, search) == []
    assert (
        "A record of `sender_identities` (known by `email`) is gone since it was listed and is "
        "skipped (reference 01REF)."
    ) in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize(("params", "limit"), [({}, 100), ({"limit": 2}, 2)])
def test_by_offset(fake, params, limit):
    rows = [{"id": number} for number in range(limit + 1)]

    def answer(query):
        start = int(query.get("offset", 0))
        return {"things": rows[start : start + int(query["limit"])]}

    fake.routes["/v1/things"] = answer
    records = read(fake, {**LIST, "pagination": "offset", "params": params})
    assert [record["record"] for record in records] == rows
    assert len(fake.calls) == 2


def test_with_a_schema_the_record_is_as_the_schema_says(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 5}]}
    fake.routes["/v1/broadcasts/5/more"] = {"id": "3", "at": 1552341937, "rate": "0.50", "x": 1}
    found = {
        "name": "more",
        "path": "/v1/broadcasts/{id}/more",
        "parent": "broadcasts",
        "primary_keys": ["id"],
        "schema": {
            "properties": {
                "id": {"type": "integer"},
                "at": {"type": ["string", "null"], "format": "date-time"},
                "rate": {"type": "number"},
            }
        },
    }
    assert read(fake, found) == [{"id": 3, "at": "2019-03-11T22:05:37Z", "rate": 0.5, "x": 1}]


def test_a_placeholder_is_no_column_unless_the_schema_or_the_key_says_so(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 5}]}
    fake.routes["/v1/broadcasts/5/more"] = {"name": "a"}
    found = {
        "name": "more",
        "path": "/v1/broadcasts/{id}/more",
        "parent": "broadcasts",
        "primary_keys": ["name"],
    }
    assert read(fake, found) == [{"name": "a", "record": {"name": "a"}}]


def test_a_key_that_the_record_lacks_comes_from_the_path(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 5}]}
    fake.routes["/v1/broadcasts/5/more"] = [{"name": "a"}]
    found = {
        "name": "more",
        "path": "/v1/broadcasts/{id}/more",
        "parent": "broadcasts",
        "primary_keys": ["id", "name"],
    }
    assert read(fake, found) == [{"id": 5, "name": "a", "record": {"name": "a"}}]
    found["schema"] = {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    assert read(fake, found) == [{"id": 5, "name": "a"}]


def test_a_custom_stream_can_be_the_parent_of_one_further_down(fake):
    fake.routes["/v1/things"] = {"things": [{"id": "a/b"}]}
    fake.routes["/v1/things/a%2Fb"] = {"id": "a/b"}
    child = {"name": "c", "path": "/v1/things/{id}", "parent": "things", "primary_keys": ["id"]}
    assert [record["id"] for record in read(fake, LIST, child)] == ["a/b"]


# Definitions that cannot be worked with

POSTS = "/v1/customers, /v1/customers/attributes, /v1/objects"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": None}, "`custom_streams.0`: `name` is required."),
        ({"name": "My Things"}, "`custom_streams.0`: `name` must be"),
        ({"name": "campaigns"}, "there is another stream"),
        ({"path": None}, "`path` is required"),
        ({"path": "/things"}, "`path` must be"),
        ({"path": "https://elsewhere.example/v1/things"}, "`path` must be"),
        ({"path": "/v1/things?limit=5"}, "`path` must be"),
        ({"path": "/v1/../v2/things"}, "`path` must be"),
        ({"path": "/v1/things/{id!r}"}, "`path` must be"),
        ({"path": "/v1/things/{id}"}, "`parent` is required"),
        ({"parent": "nothing", "path": "/v1/{id}"}, "`parent` must be the name"),
        ({"parent": "things", "path": "/v1/{id}"}, "`parent` must be the name"),
        ({"parent": "campaigns"}, "needs a `path` with placeholders"),
        ({"parent": "campaigns", "path": "/v1/{nothing}"}, "no property `nothing`"),
        ({"primary_keys": None}, "`primary_keys` is required"),
        ({"primary_keys": []}, "`primary_keys` must be"),
        ({"primary_keys": "id"}, "`primary_keys` must be"),
        ({"method": "DELETE"}, "`method` must be GET or POST"),
        ({"method": "POST"}, POSTS),
        ({"method": "POST", "path": "/v1/send/email"}, POSTS),
        ({"body": {"filter": {}}}, "needs the `method` POST"),
        ({"params": ["a"]}, "`params` must be"),
        ({"params": {"a": {}}}, "`params` must be"),
        ({"records_path": ""}, "`records_path` must be"),
        ({"records_path": "$..things"}, "`records_path` must be"),
        ({"pagination": "page"}, "`pagination` must be one of start, offset, none"),
        ({"schema": {"id": {}}}, "`schema` must be"),
        ({"schema": {"properties": {"other": {}}}}, "must be properties of `schema`"),
        ({"primary_key": ["id"]}, "`primary_key` is no property"),
    ],
)
def test_a_definition_that_cannot_be_worked_with_gets_one_clear_line(change, text):
    (found,) = definitions.problems([{**LIST, **change}], columns(STREAMS))
    assert text in found


def test_no_value_of_a_definition_is_shown():
    secret = {"params": [{"api_key": "hunter2"}], "name": "hunter2!"}
    found = definitions.problems([{**LIST, **secret}, "hunter2"], {})
    assert len(found) == 3
    assert "hunter2" not in str(found)


def test_two_of_the_same_name_and_a_parent_further_down():
    child = {**LIST, "name": "child", "parent": "things", "path": "/v1/{id}"}
    assert definitions.problems([LIST, child], {}) == []
    assert len(definitions.problems([child, LIST], {})) == 1
    assert len(definitions.problems([LIST, LIST], {})) == 1


def test_a_definition_that_cannot_be_worked_with_ends_the_run_before_it_begins(fake):
    with pytest.raises(ConfigValidationError) as caught:
        run(fake.url, custom_streams=[{**LIST, "pagination": "page"}])
    assert caught.value.errors == [
        "Custom stream `things`: `pagination` must be one of start, offset, none."
    ]
    assert fake.calls == []


def test_a_post_that_only_reads(customerio_simulator):
    simulator = customerio_simulator(people=20, rate_limit=0)
    everybody = {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}
    search = {
        "name": "search",
        "path": "/v1/customers",
        "method": "POST",
        "params": {"limit": 7},
        "body": {"filter": everybody},
        "records_path": "identifiers",
        "pagination": "start",
        "primary_keys": ["cio_id"],
    }
    result = run(simulator.url, custom_streams=[search], app_api_key=simulator.app_api_key)
    assert {row["cio_id"] for row in result.records("search")} == set(simulator.people())
    assert [call["method"] for call in simulator.calls()].count("POST") == 3
