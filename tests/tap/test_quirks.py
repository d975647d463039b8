"""Quirks of the API that belong to no single room of the tap."""

from __future__ import annotations

import pytest

from tap_customerio.streams import STREAMS

from .conftest import Reply, run


def test_quirk_09_nothing_is_asked_that_the_api_does_not_know(customerio_simulator):
    simulator = customerio_simulator(people=20, rate_limit=0)
    names = [stream.name for stream in STREAMS]
    assert run(simulator.url, *names, app_api_key=simulator.app_api_key).exit_code == 0
    asked = {name for call in simulator.calls() for name in call["query"]}
    assert asked.isdisjoint({"updated_since", "page", "per_page", "sort"})
    unpaged = {stream.path for stream in STREAMS if stream.dialect.__name__ == "unpaged"}
    for call in simulator.calls():
        if call["path"] in unpaged - {"/v1/objects", "/v1/customers"}:
            assert not {"limit", "start", "offset"} & set(call["query"]), call["path"]


def test_quirk_11_the_deduplicate_id_of_an_action_may_name_another(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}]}
    fake.routes["/v1/campaigns/1/actions"] = {
        "actions": [{"id": "25", "deduplicate_id": "11:1692284573"},
                    {"id": "26", "deduplicate_id": "11:1692284573"}]
    }  # fmt: skip
    found = run(fake.url, "campaign_actions").records("campaign_actions")
    assert [(row["id"], row["deduplicate_id"]) for row in found] == [
        (25, "11:1692284573"), (26, "11:1692284573"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [1, "1"])
def test_quirk_23_the_type_of_an_object_is_of_one_json_type_in_each_stream(fake, kind):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1, "object_type_id": kind}]}
    fake.routes["/v1/object_types"] = {"types": [{"id": kind}]}
    fake.routes["/v1/objects"] = {"identifiers": [{"cio_object_id": "ob1"}]}
    fake.routes["/v1/objects/1/ob1/attributes"] = {"object": {"object_type_id": kind}}
    fake.routes["/v1/objects/1/ob1/relationships"] = {
        "cio_relationships": [{"identifiers": {"cio_id": "c1"}, "object_type_id": kind}]
    }
    fake.routes["/v1/customers"] = {"identifiers": [{"cio_id": "c1"}]}
    fake.routes["/v1/customers/cio_c1/relationships"] = {
        "cio_relationships": [{"identifiers": {"cio_object_id": "ob1"}, "object_type_id": kind}]
    }
    result = run(
        fake.url,
        "campaigns", "object_types", "objects", "object_relationships", "people_relationships",
    )  # fmt: skip
    assert result.records("campaigns")[0]["object_type_id"] == 1
    assert result.records("object_types")[0]["id"] == "1"
    for stream in ("objects", "object_relationships", "people_relationships"):
        assert result.records(stream)[0]["object_type_id"] == "1"


TIMES = {"created", "updated", "created_at", "updated_at", "processed_at", "sent_at"}


def test_quirk_25_times_of_every_name_are_date_times():
    named = {
        (stream.name, name): schema
        for stream in STREAMS
        for name, schema in stream.schema["properties"].items()
        if name in TIMES and not stream.name.endswith("_metrics")
    }
    assert {name for _, name in named} == TIMES
    assert [where for where, schema in named.items() if schema.get("format") != "date-time"] == []


def test_quirk_30_only_segments_that_the_api_lists_are_asked_for(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": 2, "state": "finished"}]}
    fake.routes["/v1/segments/2/membership"] = {"identifiers": [{"cio_id": "c1"}]}
    result = run(fake.url, "segments", "segment_membership")
    assert result.exit_code == 0
    assert fake.paths() == ["/v1/segments", "/v1/segments/2/membership"]


def test_quirk_32_one_workspace_or_all_of_the_account_with_counts_as_they_are(fake):
    for rows in ([{"id": 1, "people": 5}], [{"id": 1, "people": 5}, {"id": 2, "people": 0}]):
        fake.routes["/v1/workspaces"] = {"workspaces": rows}
        assert run(fake.url, "workspaces").records("workspaces") == rows


def test_quirk_35_deliveries_are_asked_for_at_one_address_and_never_without_both_bounds(fake):
    fake.routes["/v1/messages"] = {"messages": None}
    run(fake.url, "messages", include_drafts=True)
    assert all({"start_ts", "end_ts"} <= set(query) for query in fake.queries("/v1/messages"))
    assert len(fake.calls) > 50
    others = [stream.path for stream in STREAMS if stream.path.endswith("/messages")]
    assert others == ["/v1/messages"]


def test_quirk_39_what_hangs_on_a_campaign_is_read_though_the_campaign_did_not_change(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1, "updated": 1_600_000_000}]}
    fake.routes["/v1/campaigns/1/actions"] = {"actions": [{"id": 2}]}
    first = run(fake.url, "campaigns", "campaign_actions")
    second = run(fake.url, "campaigns", "campaign_actions", state=first.state)
    for stream in ("campaigns", "campaign_actions"):
        assert second.records(stream) == first.records(stream) != []


def test_quirk_48_an_export_counts_nothing_until_it_is_done_and_is_not_downloaded(fake):
    fake.routes["/v1/exports"] = {"exports": [{"id": 1, "status": "pending", "total": 0}]}
    (row,) = run(fake.url, "exports").records("exports")
    assert row["total"] == 0
    assert fake.paths() == ["/v1/exports"]


@pytest.mark.parametrize("body", [b"null", b"[]", b" null\n"])
def test_quirk_12_an_empty_collection_may_be_null(fake, body):
    fake.routes["/v1/collections"] = {"collections": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/collections/1/content"] = Reply(200, body)
    fake.routes["/v1/collections/2/content"] = [{"a": 1}]
    result = run(fake.url, "collection_contents")
    assert result.exit_code == 0
    assert len(result.records("collection_contents")) == 1
