"""People, objects and what goes with them: searches whose pages open other requests."""

from __future__ import annotations

import collections

import pytest

from customerio_simulator import start

from .conftest import NOT_FOUND, Reply, run

EVERYONE = {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}


@pytest.fixture(scope="module")
def simulator():
    with start(people=2350, objects=40, seed=7, rate_limit=0) as simulator:
        yield simulator


def sync(simulator, *streams, **settings):
    simulator.reset()
    result = run(simulator.url, *streams, app_api_key=simulator.app_api_key, **settings)
    assert result.exit_code == 0
    return result, collections.Counter((call["method"], call["path"]) for call in simulator.calls())


@pytest.mark.parametrize("stream", ["people", "people_subscription_preferences"])
def test_everyone_is_read_a_hundred_at_a_time(simulator, stream):
    result, calls = sync(simulator, stream)
    found = [record["cio_id"] for record in result.records(stream)]
    assert sorted(found) == sorted(simulator.people())
    assert calls == {("POST", "/v1/customers"): 3, ("POST", "/v1/customers/attributes"): 24}


def test_quirk_27_people_without_an_id_are_included(simulator):
    result, _ = sync(simulator, "people")
    ids = {record["cio_id"]: record["id"] for record in result.records("people")}
    assert ids == {cio_id: person["id"] for cio_id, person in simulator.people().items()}
    assert None in ids.values()


def test_people_are_narrowed_by_segment_and_filter(simulator):
    members, _ = sync(simulator, "segments", "segment_membership")
    segment = members.records("segment_membership")[0]["segment_id"]
    expected = {
        row["cio_id"]
        for row in members.records("segment_membership")
        if row["segment_id"] == segment
    }
    result, _ = sync(simulator, "people", people_segment_id=segment)
    assert {row["cio_id"] for row in result.records("people")} == expected
    basic = {"attribute": {"field": "plan", "operator": "eq", "value": "basic"}}
    result, _ = sync(simulator, "people", people_segment_id=segment, people_filter=basic)
    narrowed = {row["cio_id"] for row in result.records("people")}
    assert set() < narrowed < expected
    assert {row["attributes"]["plan"] for row in result.records("people")} == {"basic"}


def person(number, **more):
    named = {"cio_id": f"c{number}", "id": str(number), "email": None}
    return {"id": str(number), "identifiers": named, "attributes": {}, **more}


def found(*numbers, token=""):
    named = [{"cio_id": f"c{number}", "id": None} for number in numbers]
    return {"identifiers": named or None, "ids": None, "next": token}


@pytest.mark.parametrize("wrapped", [False, True])
def test_quirk_19_people_come_flat_or_wrapped_and_unknown_ones_vanish(fake, wrapped):
    people = [person(1), person(3)]
    fake.routes["/v1/customers"] = found(1, 2, 3)
    fake.routes["/v1/customers/attributes"] = {
        "customers": [{"customer": each} for each in people] if wrapped else people
    }
    result = run(fake.url, "people")
    assert result.exit_code == 0
    assert [record["cio_id"] for record in result.records("people")] == ["c1", "c3"]
    assert fake.bodies == [{"filter": EVERYONE}, {"ids": ["c1", "c2", "c3"]}]


def test_quirk_12_a_search_that_finds_nothing_says_null(fake):
    fake.routes["/v1/customers"] = found()
    result = run(fake.url, "people")
    assert (result.exit_code, result.of("RECORD")) == (0, [])
    assert len(fake.calls) == 1


def test_quirk_22_preferences_are_json_text_in_an_attribute(fake):
    chosen = '{"topics":{"topic_7":false}}'
    computed = '{"topics":{"topic_6":true,"topic_7":false}}'
    attributes = {
        "cio_subscription_preferences": chosen,
        "_cio_subscription_preferences_computed": computed,
    }
    fake.routes["/v1/customers"] = found(1, 2)
    fake.routes["/v1/customers/attributes"] = {
        "customers": [
            person(1, attributes=attributes, unsubscribed=False),
            person(2, attributes={"cio_subscription_preferences": "broken"}),
        ]
    }
    one, two = run(fake.url, "people_subscription_preferences").records(
        "people_subscription_preferences"
    )
    assert one["chosen"] == {"topic_7": False}
    assert one["computed"] == {"topic_6": True, "topic_7": False}
    assert two["chosen"] is None


def test_the_search_runs_ahead_of_what_its_pages_open(fake):
    pages = {"": found(1, token="a"), "a": found(2, token="b"), "b": found(3)}
    fake.routes["/v1/customers"] = lambda query: pages[query.get("start", "")]
    fake.routes["/v1/customers/attributes"] = {"customers": []}
    run(fake.url, "people", max_concurrency=1)
    assert [path.rpartition("/")[2] for path in fake.paths()] == [
        "customers", "customers", "attributes", "customers", "attributes", "attributes",
    ]  # fmt: skip


def test_quirk_44_a_person_who_vanished_is_skipped(fake):
    fake.routes["/v1/customers"] = found(1, 2)
    fake.routes["/v1/customers/cio_c1/relationships"] = NOT_FOUND
    fake.routes["/v1/customers/cio_c2/relationships"] = {
        "cio_relationships": [
            {"object_type_id": 1, "identifiers": {"object_id": "a", "cio_object_id": "o1"}}
        ]
    }
    result = run(fake.url, "people_relationships")
    assert result.exit_code == 0
    (record,) = result.records("people_relationships")
    assert (record["cio_id"], record["object_type_id"], record["cio_object_id"]) == (
        "c2", "1", "o1",
    )  # fmt: skip


def test_a_search_that_fails_midway_ends_the_stream_with_an_error(fake):
    fake.routes["/v1/customers"] = lambda query: (
        Reply(500, b"") if query.get("start") else found(1, token="a")
    )
    fake.routes["/v1/customers/attributes"] = {"customers": [person(1)]}
    result = run(fake.url, "people")
    assert result.exit_code == 1


def test_objects_come_once_though_pages_of_the_search_overlap(fake):
    fake.routes["/v1/object_types"] = {"types": [{"id": "1"}]}
    pages = {
        "": {"identifiers": [{"cio_object_id": "a"}, {"cio_object_id": "b"}], "next": "x"},
        "x": {"identifiers": [{"cio_object_id": "b"}, {"cio_object_id": "c"}], "next": ""},
    }
    fake.routes["/v1/objects"] = lambda query: pages[query.get("start", "")]
    for name in "abc":
        fake.routes[f"/v1/objects/1/{name}/attributes"] = {
            "object": {"identifiers": {"object_id": name * 2}, "object_type_id": "1"}
        }
    result = run(fake.url, "objects")
    assert result.exit_code == 0
    assert sorted((r["cio_object_id"], r["object_id"]) for r in result.records("objects")) == [
        ("a", "aa"), ("b", "bb"), ("c", "cc"),
    ]  # fmt: skip
    assert len(fake.calls) == 6


def test_objects_and_both_sides_of_their_relationships_agree(simulator):
    result, _ = sync(simulator, "objects", "object_relationships", "people_relationships")
    assert len(result.records("objects")) == 40
    sides = [
        {
            (row["cio_id"], row["object_type_id"], row["cio_object_id"])
            for row in result.records(stream)
        }
        for stream in ("object_relationships", "people_relationships")
    ]
    assert sides[0] == sides[1] != set()


def test_optouts_are_a_record_for_each_channel_and_sender(fake):
    fake.routes["/v1/optouts"] = {
        "optouts": [
            {"cio_id": "c1", "customer_id": None, "optouts": [{"channel": "sms", "from": "+1"},
                                                              {"channel": "whatsapp"}]},
            {"cio_id": "c2", "optouts": None},
            None,
        ]
    }  # fmt: skip
    result = run(fake.url, "optouts")
    assert [(r["cio_id"], r["channel"], r["from"]) for r in result.records("optouts")] == [
        ("c1", "sms", "+1"), ("c1", "whatsapp", ""),
    ]  # fmt: skip
