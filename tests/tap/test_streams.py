"""Streams against answers written by hand, quirk by quirk."""

from __future__ import annotations

import collections
import logging

import pytest
import time_machine

from tap_customerio import times
from tap_customerio.streams import STREAMS

from .conftest import HTML, NOT_FOUND, UNROUTED, Reply, run, selection

NOW = times.to_seconds("2026-11-21T20:14:03Z")


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=True):
        yield


def paged(key, *pages, **more):
    """Answer with a page for each value of `start`; each page names the next by its number."""

    def answer(query):
        index = int(query.get("start", "0").removeprefix("token="))
        following = f"token={index + 1}" if index + 1 < len(pages) else ""
        return {key: pages[index], "next": following, **more}

    return answer


# Pagination


def test_quirk_03_newsletters_and_senders_end_on_an_empty_page(fake):
    fake.routes["/v1/newsletters"] = paged("newsletters", [{"id": 1}], [])
    fake.routes["/v1/sender_identities"] = paged("sender_identities", [{"id": 1}], [])
    result = run(fake.url, "newsletters", "sender_identities")
    assert result.exit_code == 0
    assert len(result.records("newsletters")) == len(result.records("sender_identities")) == 1


def test_quirk_04_an_empty_page_with_a_token_does_not_end_messages_and_memberships(fake):
    fake.routes["/v1/messages"] = paged("messages", None, [], [{"id": "m", "created": NOW}])
    fake.routes["/v1/segments"] = {"segments": [{"id": 1}]}
    fake.routes["/v1/segments/1/membership"] = paged(
        "identifiers", [{"cio_id": "a"}], None, [{"cio_id": "b"}]
    )
    result = run(fake.url, "messages", "segment_membership", start_date="2026-11-20")
    assert len(result.records("messages")) == 1
    assert [row["cio_id"] for row in result.records("segment_membership")] == ["a", "b"]


def test_quirk_04_an_empty_page_ends_activities_even_with_a_token(fake):
    fake.routes["/v1/activities"] = lambda query: {
        "activities": [] if "start" in query else [{"id": "a", "timestamp": NOW}],
        "next": "900000000000000014" + query.get("start", ""),
    }
    assert run(fake.url, "activities").exit_code == 0
    assert len(fake.calls) == 2


def test_quirk_05_a_row_that_moves_while_a_list_is_read_comes_once(fake):
    fake.routes["/v1/newsletters"] = paged("newsletters", [{"id": 1}, {"id": 2}], [{"id": 2}])
    result = run(fake.url, "newsletters")
    assert [row["id"] for row in result.records("newsletters")] == [1, 2]


def test_quirk_06_tokens_are_sent_back_as_they_came(fake):
    token = "Tk/aB+c=="
    fake.routes["/v1/messages"] = collections.deque(
        [{"messages": [], "next": token}, {"messages": [], "next": ""}]
    )
    run(fake.url, "messages", start_date="2026-11-20")
    assert fake.calls[1][1]["start"] == token


def test_quirk_02_a_repeated_token_ends_the_stream_with_an_error_and_keeps_the_bookmark(fake):
    fake.routes["/v1/messages"] = collections.deque(
        [
            {"messages": [{"id": "1", "created": NOW}], "next": "a"},
            {"messages": [{"id": "2", "created": NOW}], "next": "b"},
            {"messages": [{"id": "1", "created": NOW}], "next": "a"},
        ]
    )
    result = run(fake.url, "messages", start_date="2026-11-20")
    assert result.exit_code == 1
    assert len(fake.calls) == 3
    assert len(result.records("messages")) == 2
    assert result.bookmark("messages") == {
        "resume_from": "2026-11-20T00:00:00Z",
        "progress_markers": {"Note": "Not read to its end."},
    }


def test_quirk_07_unpaged_lists_are_asked_without_limit(fake):
    unpaged = {
        "/v1/campaigns": "campaigns", "/v1/broadcasts": "broadcasts",
        "/v1/transactional": "messages", "/v1/segments": "segments",
        "/v1/collections": "collections", "/v1/snippets": "snippets",
        "/v1/subscription_topics": "topics",
    }  # fmt: skip
    for path, key in unpaged.items():
        fake.routes[path] = {key: [], "next": "MQ=="}
    names = [stream.name for stream in STREAMS if stream.path in unpaged]
    assert run(fake.url, *names).exit_code == 0
    assert sorted(fake.calls) == sorted((path, {}) for path in unpaged)


def test_quirk_07_the_largest_pages_are_asked_for(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": 1}]}
    fake.routes["/v1/segments/1/membership"] = {"identifiers": []}
    for path in ("messages", "activities", "newsletters"):
        fake.routes[f"/v1/{path}"] = {path: []}
    names = ("segment_membership", "messages", "activities", "newsletters")
    run(fake.url, *names, start_date="2026-11-20")
    limits = {path: query["limit"] for path, query in fake.calls if "limit" in query}
    assert limits == {
        "/v1/segments/1/membership": "30000",
        "/v1/messages": "1000",
        "/v1/activities": "100",
        "/v1/newsletters": "100",
    }


def test_quirk_07_a_page_shorter_than_asked_for_is_not_the_last(fake):
    fake.routes["/v1/newsletters"] = paged("newsletters", [{"id": 1}], [{"id": 2}])
    assert len(run(fake.url, "newsletters").records("newsletters")) == 2


def test_quirk_08_campaign_actions_come_ten_at_a_time_without_a_limit(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 4}]}
    fake.routes["/v1/campaigns/4/actions"] = paged(
        "actions", [{"id": str(n)} for n in range(1, 11)], [{"id": "11"}]
    )
    result = run(fake.url, "campaign_actions")
    assert len(result.records("campaign_actions")) == 11
    assert fake.queries("/v1/campaigns/4/actions") == [{}, {"start": "token=1"}]


# Shapes and types


def test_quirk_10_ids_of_actions_are_integers_in_both_places(fake):
    fake.routes["/v1/campaigns"] = {
        "campaigns": [{"id": 4, "actions": [{"id": 25, "type": "email"}]}]
    }
    fake.routes["/v1/campaigns/4/actions"] = {
        "actions": [{"id": "25", "campaign_id": 4, "deduplicate_id": "11:1692284573"}]
    }
    result = run(fake.url, "campaigns", "campaign_actions")
    assert result.records("campaigns")[0]["actions"] == [{"id": 25, "type": "email"}]
    assert result.records("campaign_actions") == [
        {"id": 25, "campaign_id": 4, "deduplicate_id": "11:1692284573"}  # quirk 11: as it is
    ]


@pytest.mark.parametrize("empty", [None, []])
def test_quirk_12_null_lists_are_empty(fake, empty):
    fake.routes.update(
        {
            "/v1/collections": {"collections": empty},
            "/v1/messages": {"messages": empty, "next": ""},
            "/v1/activities": {"activities": empty, "next": ""},
            "/v1/segments": {"segments": [{"id": 1, "tags": None}]},
            "/v1/segments/1/membership": {"ids": empty, "identifiers": empty, "next": ""},
        }
    )
    names = ("collections", "messages", "activities", "segments", "segment_membership")
    result = run(fake.url, *names, start_date="2026-11-20")
    assert result.exit_code == 0
    assert len(result.of("RECORD")) == 1


@pytest.mark.parametrize(("tags", "expected"), [("nil", None), (None, None), (["a"], ["a"])])
def test_quirk_13_tags_are_a_list_or_null(fake, tags, expected):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 2, "tags": tags}]}
    assert run(fake.url, "broadcasts").records("broadcasts")[0]["tags"] == expected


def test_quirk_14_zero_means_never(fake):
    names = ("first_started", "scheduled_start", "scheduled_stop")
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1, **dict.fromkeys(names, 0)}]}
    record = run(fake.url, "campaigns").records("campaigns")[0]
    assert [record[name] for name in names] == [None] * 3


def test_quirk_15_17_properties_and_values_beyond_the_documents_are_kept(fake):
    row = {"id": 1, "type": "seg_attr", "new_thing": {"deep": [1.10]}}
    fake.routes["/v1/campaigns"] = {"campaigns": [row]}
    assert run(fake.url, "campaigns").records("campaigns") == [row]


def test_quirk_15_16_message_properties_of_both_times(fake):
    row = {
        "id": "m", "msg_template_id": 2, "message_template_id": 3, "created": NOW - 60,
        "transactional_message_id": 7, "metrics": {"sent": NOW, "link:2": NOW, "human_link:2": NOW},
    }  # fmt: skip
    fake.routes["/v1/messages"] = {"messages": [row]}
    (record,) = run(fake.url, "messages", start_date="2026-11-20").records("messages")
    now = "2026-11-21T20:14:03Z"
    assert record == {
        **row,
        "created": "2026-11-21T20:13:03Z",
        "metrics": {"sent": now, "link:2": now, "human_link:2": now},
    }


def test_quirk_18_envelopes_that_are_not_named_like_the_path(fake):
    fake.routes["/v1/transactional"] = {"messages": [{"id": 1}]}
    fake.routes["/v1/subscription_topics"] = {"topics": [{"id": 1}]}
    result = run(fake.url, "transactional_messages", "subscription_topics")
    assert len(result.of("RECORD")) == 2


def test_quirk_24_json_in_strings_stays_a_string_and_objects_stay_objects(fake):
    filters = '{"and":[]}'
    fake.routes["/v1/campaigns"] = {
        "campaigns": [
            {"id": 1, "filter_object_attributes": filters, "object_attribute_triggers": filters},
            {"id": 2, "object_attribute_triggers": {"and": []}, "audience": {"type": 1}},
        ]
    }
    fake.routes["/v1/campaigns/1/actions"] = {"actions": [{"id": "1", "headers": "[]"}]}
    fake.routes["/v1/campaigns/2/actions"] = {"actions": [{"id": "2", "headers": [{"a": 1}]}]}
    result = run(fake.url, "campaigns", "campaign_actions")
    first, second = result.records("campaigns")
    assert first["filter_object_attributes"] == first["object_attribute_triggers"] == filters
    assert second["object_attribute_triggers"] == {"and": []}
    headers = {row["id"]: row["headers"] for row in result.records("campaign_actions")}
    assert headers == {1: "[]", 2: '[{"a":1}]'}


def test_quirk_26_27_people_of_every_kind(fake):
    rows = [
        {"id": "1", "timestamp": NOW, "customer_id": None, "customer_identifiers": {"cio_id": "a"}},
        {"id": "2", "timestamp": NOW, "customer_identifiers": None, "data": {"opened": NOW}},
        {"id": "3", "timestamp": NOW, "customer_id": 42, "customer_identifiers": {"id": 42}},
    ]
    fake.routes["/v1/activities"] = {"activities": rows}
    first, second, third = run(fake.url, "activities").records("activities")
    assert first["customer_identifiers"] == {"cio_id": "a"}
    assert second["data"] == {"opened": NOW}
    assert third["customer_id"] == third["customer_identifiers"]["id"] == "42"


def test_quirk_27_members_are_known_by_cio_id_as_text(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": 7}]}
    fake.routes["/v1/segments/7/membership"] = {
        "segment_id": 7,
        "ids": ["1", "", "3"],
        "identifiers": [
            {"cio_id": "30000001", "email": "one@example.com", "id": "1"},
            {"cio_id": "30e00001", "email": "two@example.com", "id": None},
            {"cio_id": 30000003, "id": "3"},
        ],
    }
    assert run(fake.url, "segment_membership").records("segment_membership") == [
        {"segment_id": 7, "cio_id": "30000001", "email": "one@example.com", "id": "1"},
        {"segment_id": 7, "cio_id": "30e00001", "email": "two@example.com", "id": None},
        {"segment_id": 7, "cio_id": "30000003", "id": "3"},
    ]


def test_quirk_27_a_member_without_cio_id_ends_the_stream(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": 7}]}
    fake.routes["/v1/segments/7/membership"] = {"identifiers": [{"id": "1"}]}
    assert run(fake.url, "segment_membership").exit_code == 1


VISIBLE, HIDDEN = [{"id": 1}, {"id": 2}], [{"id": 3}]


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        # What the API does:
        (lambda hidden: HIDDEN if hidden else VISIBLE, {1: False, 2: False, 3: True}),
        # What its documents say:
        (lambda hidden: VISIBLE + HIDDEN if hidden else VISIBLE, {1: False, 2: False, 3: True}),
        # A server that knows no such parameter, but says what is hidden:
        (lambda _: [*VISIBLE, {"id": 3, "hidden": True}], {1: False, 2: False, 3: True}),
    ],
    ids=["live", "documents", "ignored"],
)
def test_quirk_28_senders_are_read_in_two_passes_without_repetition(fake, server, expected):
    fake.routes["/v1/sender_identities"] = lambda query: {
        "sender_identities": server(query["hidden"] == "true")
    }
    records = run(fake.url, "sender_identities").records("sender_identities")
    assert {record["id"]: record["hidden"] for record in records} == expected
    assert len(records) == 3
    assert [query["hidden"] for _, query in fake.calls] == ["false", "true"]


def test_quirk_29_drafts_are_not_asked_for(fake):
    fake.routes["/v1/messages"] = {"messages": []}
    run(fake.url, "messages", start_date="2026-11-20")
    assert all("drafts" not in query for _, query in fake.calls)


def test_quirk_31_members_of_an_unfinished_segment_come_with_a_warning(fake, caplog):
    fake.routes["/v1/segments"] = {
        "segments": [{"id": 1, "state": "build"}, {"id": 2, "state": "finished"}, {"id": 3}]
    }
    for number in (1, 2, 3):
        fake.routes[f"/v1/segments/{number}/membership"] = {"identifiers": [{"cio_id": "a"}]}
    result = run(fake.url, "segment_membership")
    assert result.exit_code == 0
    assert len(result.records("segment_membership")) == 3
    assert "1 segment" in caplog.text


def test_broadcast_actions_have_a_language_and_their_parent_in_the_key(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 2}]}
    fake.routes["/v1/broadcasts/2/actions"] = {
        "actions": [{"id": 9}, {"id": "9", "language": "fr"}, {"id": 10, "language": None}]
    }
    records = run(fake.url, "broadcast_actions").records("broadcast_actions")
    keys = [(record["broadcast_id"], record["id"], record["language"]) for record in records]
    assert keys == [(2, 9, ""), (2, 9, "fr"), (2, 10, "")]


# Parents


def test_parents_are_listed_once_for_the_list_and_what_fans_out(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/campaigns/1/actions"] = fake.routes["/v1/campaigns/2/actions"] = {
        "actions": [{"id": "1"}]
    }
    for streams in (("campaigns", "campaign_actions"), ("campaign_actions",)):
        fake.calls.clear()
        result = run(fake.url, *streams)
        assert len(result.records("campaign_actions")) == 2
        assert fake.paths().count("/v1/campaigns") == 1
        assert {m["stream"] for m in result.of("SCHEMA")} == set(streams)


def test_quirk_44_a_vanished_parent_is_skipped_and_said(fake, caplog):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/campaigns/1/actions"] = NOT_FOUND
    fake.routes["/v1/campaigns/2/actions"] = {"actions": [{"id": "1"}]}
    result = run(fake.url, "campaign_actions")
    assert result.exit_code == 0
    assert len(result.records("campaign_actions")) == 1
    assert "campaign_id 1 is gone" in caplog.text
    assert "01REF" in caplog.text


@pytest.mark.parametrize(
    "reply", [UNROUTED, Reply(404, HTML, {"Content-Type": "text/html"}), Reply(403, {})]
)
def test_quirk_44_an_unknown_address_under_a_parent_is_an_error(fake, reply):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}]}
    fake.routes["/v1/campaigns/1/actions"] = reply
    assert run(fake.url, "campaign_actions").exit_code == 1


def test_quirk_44_a_list_that_is_not_found_is_an_error(fake):
    fake.routes["/v1/campaigns"] = NOT_FOUND
    assert run(fake.url, "campaigns").exit_code == 1


# Messages


def windows(fake):
    return sorted(
        (int(query["start_ts"]), int(query["end_ts"])) for query in fake.queries("/v1/messages")
    )


def test_messages_are_bookmarked_at_the_end_of_what_was_read(fake):
    fake.routes["/v1/messages"] = {"messages": []}
    with time_machine.travel(NOW, tick=False):  # the run may start a second later
        result = run(fake.url, "messages", start_date="2026-11-01")
    assert result.bookmark("messages") == {
        "replication_key": "created",
        "replication_key_value": "2026-11-21T20:14:03Z",
    }
    assert windows(fake)[0][0] == times.to_seconds("2026-11-01")
    assert windows(fake)[-1][1] == NOW


def test_the_second_run_asks_for_less(fake):
    fake.routes["/v1/messages"] = {"messages": []}
    state = run(fake.url, "messages").state
    first = len(fake.calls)
    fake.calls.clear()
    run(fake.url, "messages", state=state)
    assert len(fake.calls) == 5
    assert first == 27
    assert windows(fake)[0][0] == NOW - 30 * times.DAY


def test_quirk_38_bookmarks_never_pass_the_end_date(fake):
    fake.routes["/v1/messages"] = {"messages": []}
    fake.routes["/v1/activities"] = {
        "activities": [{"id": str(day), "timestamp": NOW - day * times.DAY} for day in range(5)]
    }
    result = run(fake.url, "messages", "activities", start_date="2026-11-01", end_date="2026-11-20")
    assert result.bookmark("messages")["replication_key_value"] == "2026-11-19T23:59:59Z"
    assert result.bookmark("activities")["replication_key_value"] == "2026-11-19T20:14:03Z"
    assert [row["id"] for row in result.records("activities")] == ["2", "3", "4"]


def test_an_unfinished_run_keeps_its_whole_windows_and_the_next_goes_on_there(fake):
    third = times.to_seconds("2026-11-15")

    def breaks(query):
        if int(query["start_ts"]) == third:
            return Reply(500, b"")
        return {"messages": [{"id": query["start_ts"], "created": int(query["start_ts"])}]}

    fake.routes["/v1/messages"] = breaks
    result = run(fake.url, "messages", start_date="2026-11-01", max_concurrency=1)
    assert result.exit_code == 1
    state = dict(result.bookmark("messages"))
    assert state.pop("progress_markers").keys() == {"Note", "done"}
    assert state == {
        "replication_key": "created",
        "replication_key_value": "2026-11-14T23:59:59Z",
        "resume_from": "2026-11-15T00:00:00Z",
    }
    fake.calls.clear()
    fake.routes["/v1/messages"] = {"messages": []}
    result = run(fake.url, "messages", start_date="2026-11-01", state=result.state)
    assert windows(fake)[0][0] == third
    assert result.bookmark("messages").keys() == {"replication_key", "replication_key_value"}
    # The clock goes on while the first run lasts.
    assert result.bookmark("messages")["replication_key_value"] >= "2026-11-21T20:14:03Z"


def test_state_leaves_after_the_records_of_each_whole_window(fake):
    fake.routes["/v1/messages"] = lambda query: {
        "messages": [{"id": query["start_ts"], "created": int(query["start_ts"])}]
    }
    result = run(fake.url, "messages", start_date="2026-11-01", max_concurrency=1)
    written = -1
    for message in result.messages:
        if message["type"] == "RECORD":
            written = max(written, times.to_seconds(message["record"]["created"]))
        elif message["type"] == "STATE":
            resume = message["value"]["bookmarks"]["messages"].get("resume_from")
            assert resume is None or written >= times.to_seconds(resume) - 7 * times.DAY
    assert len(result.of("STATE")) == 4


@pytest.mark.parametrize("stream", ["messages", "activities"])
def test_full_table_reads_everything_and_writes_no_bookmark(fake, stream):
    rows = [{"id": str(day), "created": 1, "timestamp": NOW - day * times.DAY} for day in range(3)]
    fake.routes[f"/v1/{stream}"] = {stream: rows}
    key = {"messages": "created", "activities": "timestamp"}[stream]
    old = {"replication_key": key, "replication_key_value": "2026-11-21T20:00:00Z"}
    catalog = selection(stream, method="FULL_TABLE")
    result = run(fake.url, catalog=catalog, state={"bookmarks": {stream: old}})
    assert result.bookmark(stream) == old
    assert result.exit_code == 0
    if stream == "messages":
        assert len(fake.calls) == 27
    else:
        assert len(result.records(stream)) == 3


# Activities


def activity(number, timestamp):
    return {"id": str(number), "timestamp": timestamp}


def bookmarked(text):
    value = {"replication_key": "timestamp", "replication_key_value": text}
    return {"bookmarks": {"activities": value}}


def test_quirk_38_the_scan_stops_after_a_whole_page_that_is_older(fake):
    old = NOW - 2 * times.DAY
    fake.routes["/v1/activities"] = paged(
        "activities",
        [activity(1, NOW - 10)],
        [activity(2, old - 1), activity(3, NOW - 20)],
        [activity(4, old - 1), activity(5, old - 2)],
        [activity(6, NOW - 30)],
    )
    state = bookmarked(times.to_text(old + 3600))
    result = run(fake.url, "activities", state=state)
    assert [row["id"] for row in result.records("activities")] == ["1", "3"]
    assert len(fake.calls) == 3
    assert result.bookmark("activities")["replication_key_value"] == "2026-11-21T20:13:53Z"


def test_quirk_38_times_in_the_future_are_records_but_never_bookmarks(fake):
    fake.routes["/v1/activities"] = {
        "activities": [activity(1, NOW + 10**6), activity(2, NOW - 5), activity(3, NOW - 1)]
    }
    result = run(fake.url, "activities")
    assert len(result.records("activities")) == 3
    assert result.bookmark("activities")["replication_key_value"] == "2026-11-21T20:14:02Z"


def test_the_first_run_goes_back_to_the_start_date(fake):
    fake.routes["/v1/activities"] = paged(
        "activities", [activity(1, NOW), activity(2, NOW - 9 * times.DAY)], [activity(3, 5)], []
    )
    result = run(fake.url, "activities", start_date="2026-11-20")
    assert [row["id"] for row in result.records("activities")] == ["1"]
    assert len(fake.calls) == 2


def test_the_bookmark_stays_when_the_scan_breaks(fake):
    fake.routes["/v1/activities"] = collections.deque(
        [{"activities": [activity(1, NOW)], "next": "1"}, Reply(500, b"")]
    )
    state = bookmarked("2026-11-01T00:00:00Z")
    result = run(fake.url, "activities", state=state)
    assert result.exit_code == 1
    assert len(result.records("activities")) == 1
    assert result.bookmark("activities") == {
        "replication_key": "timestamp",
        "replication_key_value": "2026-11-01T00:00:00Z",
        "progress_markers": {"Note": "Not read to its end."},
    }


@pytest.mark.parametrize(("wanted", "query"), [(True, {"deleted": "true"}), (False, {})])
def test_activities_of_deleted_people_are_a_matter_of_the_settings(fake, wanted, query):
    fake.routes["/v1/activities"] = {"activities": []}
    run(fake.url, "activities", activities_include_deleted=wanted)
    assert fake.calls == [("/v1/activities", {"limit": "100", **query})]


def test_decimals_in_event_data_keep_their_digits(fake):
    body = b'{"activities":[{"id":"1","timestamp":5,"data":{"price":0.10000000000000000001}}]}'
    fake.routes["/v1/activities"] = Reply(body=body)
    assert '"data":{"price":0.10000000000000000001}' in run(fake.url, "activities").text


# Ends


def test_quirk_47_a_403_ends_its_stream_alone_and_the_run_with_exit_code_1(fake, caplog):
    fake.routes["/v1/campaigns"] = Reply(403, {"errors": [{"detail": "forbidden"}]})
    fake.routes["/v1/snippets"] = {"snippets": [{"name": "a"}]}
    result = run(fake.url, "campaigns", "snippets")
    assert result.exit_code == 1
    assert len(result.records("snippets")) == 1
    errors = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert "campaigns" in errors[0]
    assert "scope" in errors[0]
    assert errors[-1].startswith("1 of 2 selected streams")


def test_a_401_ends_the_run_at_once(fake, caplog):
    fake.routes["/v1/campaigns"] = Reply(401, {})
    fake.routes["/v1/snippets"] = {"snippets": [{"name": "a"}]}
    result = run(fake.url, "campaigns", "snippets")
    assert result.exit_code == 1
    assert fake.paths() == ["/v1/campaigns"]
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


def test_rows_that_are_no_objects_end_the_stream_and_those_before_are_written_and_counted(
    fake, caplog
):
    caplog.set_level(logging.INFO)
    fake.routes["/v1/snippets"] = {"snippets": [None, {"name": "a"}, "b", {"name": "c"}]}
    result = run(fake.url, "snippets")
    assert result.exit_code == 1
    assert [record["name"] for record in result.records("snippets")] == ["a"]
    table = {line.split()[0]: line.split()[1:3] for line in caplog.messages if "  " in line}
    assert table["snippets"] == ["1", "1"]


@pytest.mark.parametrize("value", ["soon", 5])
def test_a_bookmark_that_cannot_be_read_ends_the_stream_with_a_text(fake, value, caplog):
    result = run(fake.url, "activities", state=bookmarked(value))
    assert result.exit_code == 1
    assert "replication_key_value" in caplog.text
    assert fake.calls == []


def test_streams_are_read_in_the_order_of_their_declaration(fake):
    keys = {stream.path: stream.rows for stream in STREAMS if "{" not in stream.path}
    fake.routes.update({path: {key: []} for path, key in keys.items()})
    result = run(fake.url, start_date="2026-11-20")
    selected = [stream.name for stream in STREAMS if stream.selected_by_default]
    assert [message["stream"] for message in result.of("SCHEMA")] == selected
    assert fake.paths()[0] == "/v1/campaigns"
