"""Content, segments, suppressions and lists of the workspace against answers written by hand."""

from __future__ import annotations

import pytest
import time_machine

from tap_customerio import times
from tap_customerio.streams.configuration import without_secrets
from tap_customerio.streams.suppressions import SUPPRESSION_TYPES

from .conftest import NOT_FOUND, UNROUTED, Reply, run

NOW = times.to_seconds("2026-11-21T20:14:03Z")


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=True):
        yield


# Content


def test_contents_and_test_groups_carry_their_newsletter(fake):
    fake.routes["/v1/newsletters"] = {"newsletters": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/newsletters/1/contents"] = {
        "contents": [{"id": 2, "newsletter_id": 1, "updated": NOW, "headers": "[]", "body": ""}]
    }
    fake.routes["/v1/newsletters/2/contents"] = {"contents": None}
    fake.routes["/v1/newsletters/1/test_groups"] = {
        "test_groups": [{"id": 0, "name": "A", "winner": False, "content_ids": ["25", 26]}]
    }
    fake.routes["/v1/newsletters/2/test_groups"] = NOT_FOUND
    result = run(fake.url, "newsletter_contents", "newsletter_test_groups")
    assert result.exit_code == 0
    assert result.records("newsletter_contents") == [
        {
            "id": 2, "newsletter_id": 1, "updated": "2026-11-21T20:14:03Z", "headers": "[]",
            "body": "",
        }
    ]  # fmt: skip
    assert result.records("newsletter_test_groups") == [
        {"newsletter_id": 1, "id": 0, "name": "A", "winner": False, "content_ids": [25, 26]}
    ]


def test_quirk_21_transactional_contents_get_the_id_that_they_lack_and_nulls_stay(fake):
    fake.routes["/v1/transactional"] = {"messages": [{"id": 7}]}
    fake.routes["/v1/transactional/7/contents"] = {"contents": [{"id": 1, "bcc": None, "body": ""}]}
    result = run(fake.url, "transactional_contents")
    assert result.records("transactional_contents") == [
        {"transactional_id": 7, "id": 1, "bcc": None, "body": ""}
    ]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ([{"id": 9, "row_index": "x"}, {"p": 1.10}], [{"id": 9, "row_index": "x"}, {"p": 1.10}]),
        ({"event": "christmas"}, [{"event": "christmas"}]),
        ([], []),
    ],
)
def test_rows_of_collections_are_numbered_and_kept_apart_from_the_columns(fake, content, rows):
    fake.routes["/v1/collections"] = {"collections": [{"id": 3}, {"id": 4}]}
    fake.routes["/v1/collections/3/content"] = content
    fake.routes["/v1/collections/4/content"] = [{"of": "another"}]
    records = run(fake.url, "collection_contents").records("collection_contents")
    assert [record for record in records if record["collection_id"] == 3] == [
        {"collection_id": 3, "row_index": index, "row": row} for index, row in enumerate(rows)
    ]
    assert {"collection_id": 4, "row_index": 0, "row": {"of": "another"}} in records


@pytest.mark.parametrize("token", ["2", 2])
def test_errors_of_triggers_are_numbered_over_all_pages_and_know_broadcast_and_trigger(fake, token):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 5}]}
    fake.routes["/v1/broadcasts/5/triggers"] = {
        "triggers": [{"id": 1, "broadcast_id": 5, "created_at": NOW, "processed_at": 0}, {"id": 2}]
    }
    fake.routes["/v1/campaigns/5/triggers/1/errors"] = lambda query: (
        {"errors": ["c"], "next": ""}
        if query.get("start") == "2"
        else {"errors": ["a", "a"], "next": token}
    )
    fake.routes["/v1/campaigns/5/triggers/2/errors"] = {"errors": None, "next": 0}
    result = run(fake.url, "broadcast_triggers", "broadcast_trigger_errors")
    assert result.exit_code == 0
    first, second = result.records("broadcast_triggers")
    assert (first["created_at"], first["processed_at"]) == ("2026-11-21T20:14:03Z", None)
    assert second == {"id": 2, "broadcast_id": 5}
    assert result.records("broadcast_trigger_errors") == [
        {"broadcast_id": 5, "trigger_id": 1, "index": index, "error": error}
        for index, error in enumerate("aac")
    ]
    assert fake.paths().count("/v1/broadcasts/5/triggers") == 1


def test_two_levels_are_read_when_only_the_last_is_selected(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 5}]}
    fake.routes["/v1/broadcasts/5/triggers"] = {"triggers": [{"id": 1, "broadcast_id": 5}]}
    fake.routes["/v1/campaigns/5/triggers/1/errors"] = {"errors": ["a"]}
    result = run(fake.url, "broadcast_trigger_errors")
    assert len(result.of("RECORD")) == 1


# Segments

USED_BY = {"campaigns": [1], "sent_newsletters": [], "draft_newsletters": None}


@pytest.mark.parametrize(
    "answer",
    [
        {"used_by": {"segment_id": 7, **USED_BY}},
        {"segment_id": 7, "used_by": {**USED_BY, "campaigns": ["1"]}},
    ],
    ids=["live", "documents"],
)
def test_quirk_20_usage_of_segments_in_both_nestings(fake, answer):
    fake.routes["/v1/segments"] = {"segments": [{"id": 7}]}
    fake.routes["/v1/segments/7/used_by"] = answer
    assert run(fake.url, "segment_usage").records("segment_usage") == [{"segment_id": 7, **USED_BY}]


def test_counts_of_segments_carry_the_time_of_the_run(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": 7}, {"id": 8}]}
    fake.routes["/v1/segments/7/customer_count"] = {"segment_id": 7, "count": 12}
    fake.routes["/v1/segments/8/customer_count"] = {"count": "3"}
    for day in (21, 22):
        with time_machine.travel(f"2026-11-{day}T06:00:00Z", tick=False):
            records = run(fake.url, "segment_customer_counts").records("segment_customer_counts")
        assert sorted(records, key=lambda record: record["segment_id"]) == [
            {"segment_id": 7, "counted_at": f"2026-11-{day}T06:00:00Z", "count": 12},
            {"segment_id": 8, "counted_at": f"2026-11-{day}T06:00:00Z", "count": 3},
        ]


# Suppressions


def suppressed(rows):
    def answer(query):
        start, limit = int(query.get("offset", 0)), int(query["limit"])
        page = rows[start : start + limit]
        return {"category": "x", "suppressions": page} if page else {"suppressions": None}

    return answer


def test_suppressions_of_all_four_types_go_on_by_offset(fake):
    rows = [{"email": f"{n}@example.com", "created": NOW} for n in range(1500)]
    fake.routes["/v1/esp/suppression/bounces"] = suppressed(rows)
    fake.routes["/v1/esp/suppression/blocks"] = suppressed(rows[:1000])
    fake.routes["/v1/esp/suppression/spam_reports"] = suppressed([])
    fake.routes["/v1/esp/suppression/invalid_emails"] = suppressed(rows[:1])
    result = run(fake.url, "esp_suppressions")
    keys = [(row["suppression_type"], row["email"]) for row in result.records("esp_suppressions")]
    assert len(keys) == len(set(keys)) == 2501
    assert {row["domain"] for row in result.records("esp_suppressions")} == {""}
    asked = [query.get("offset") for query in fake.queries("/v1/esp/suppression/bounces")]
    assert asked == [None, "1000"]
    # A whole page may be the last one: then an empty one follows.
    assert len(fake.queries("/v1/esp/suppression/blocks")) == 2


def test_suppressions_of_named_domains(fake):
    for kind in ("bounces", "blocks", "spam_reports", "invalid_emails"):
        fake.routes[f"/v1/esp/suppression/{kind}"] = lambda query: {
            "suppressions": [{"email": f"a@{query['domain']}"}]
        }
    result = run(
        fake.url, "esp_suppressions", esp_suppression_domains=["one.example", "two.example"]
    )
    found = {(row["domain"], row["email"]) for row in result.records("esp_suppressions")}
    assert found == {("one.example", "a@one.example"), ("two.example", "a@two.example")}
    assert len(result.of("RECORD")) == 8


def lists(fake, replies):
    """Answer for the types that are named, and say of the others that they do not exist."""
    for kind in SUPPRESSION_TYPES:
        fake.routes[f"/v1/esp/suppression/{kind}"] = replies.get(kind, NOT_FOUND)


ONE = {"suppressions": [{"email": "a@example.com"}]}


@pytest.mark.parametrize("domains", [[], ["one.example", "two.example"]])
def test_a_list_of_suppressions_that_is_not_there_is_skipped_and_said(fake, caplog, domains):
    lists(fake, {"bounces": ONE, "spam_reports": ONE, "invalid_emails": ONE})
    result = run(
        fake.url, "esp_suppressions", esp_suppression_domains=domains,
        emit_activate_version_messages=True,
    )  # fmt: skip
    assert result.exit_code == 0
    assert len(result.records("esp_suppressions")) == 3 * (len(domains) or 1)
    assert caplog.text.count("There is no list of blocks") == (len(domains) or 1)
    assert caplog.text.count("01REF") == (len(domains) or 1)
    assert ("of the domain 'two.example'" in caplog.text) is bool(domains)
    assert not result.of("ACTIVATE_VERSION")
    assert result.bookmark("esp_suppressions")["progress_markers"]


def test_a_list_that_an_earlier_run_did_not_find_deletes_nothing_either(fake):
    settings = {"emit_activate_version_messages": True, "max_concurrency": 1}
    lists(fake, {"bounces": ONE, "spam_reports": Reply(503, b""), "invalid_emails": ONE})
    cut = run(fake.url, "esp_suppressions", **settings)
    assert cut.exit_code == 1
    lists(fake, dict.fromkeys(SUPPRESSION_TYPES, ONE))
    fake.calls.clear()
    result = run(fake.url, "esp_suppressions", state=cut.state, **settings)
    assert result.exit_code == 0
    assert "/v1/esp/suppression/blocks" not in fake.paths()
    assert not result.of("ACTIVATE_VERSION")
    assert run(fake.url, "esp_suppressions", **settings).of("ACTIVATE_VERSION")


@pytest.mark.parametrize("reply", [NOT_FOUND, UNROUTED])
def test_suppressions_without_any_list_or_at_a_wrong_address_are_an_error(fake, reply, caplog):
    lists(fake, {"bounces": reply} if reply is UNROUTED else {})
    result = run(fake.url, "esp_suppressions")
    assert result.exit_code == 1
    assert "answered 404" in caplog.text
    assert result.bookmark("esp_suppressions")["progress_markers"]


@pytest.mark.parametrize("created", [NOW, "2026-11-21T20:14:03Z", str(NOW)])
def test_quirk_33_suppressions_are_created_at_a_number_or_a_date_time(fake, created):
    for kind in ("bounces", "blocks", "spam_reports", "invalid_emails"):
        fake.routes[f"/v1/esp/suppression/{kind}"] = {
            "suppressions": [{"email": "a@example.com", "created": created}]
        }
    records = run(fake.url, "esp_suppressions").records("esp_suppressions")
    assert {record["created"] for record in records} == {"2026-11-21T20:14:03Z"}


# Lists


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://example.com/hooks/1?a=b#c", "https://example.com/hooks/1?a=b#c"),
        ("https://user:hunter2@example.com:8443/h", "https://example.com:8443/h"),
        ("https://hunter2@example.com/h", "https://example.com/h"),
        ("https://u:hunt@er2@example.com/h?to=a@b.example", "https://example.com/h?to=a@b.example"),
        ("https://example.com/h?api_key=hunter2&x=1", "https://example.com/h?api_key=***&x=1"),
        ("https://example.com/h?Access-Token=hunter2", "https://example.com/h?Access-Token=***"),
        ("https://example.com/h?token=", "https://example.com/h?token="),
        ("https://user:hunt#er2@example.com/h", None),
        ("https://user:hunt/er2@example.com/h", None),
        ("user:hunter2@example.com", None),
        (None, None),
        (17, None),
    ],
)
def test_no_secret_of_a_webhook_is_shown(fake, address, shown):
    fake.routes["/v1/reporting_webhooks"] = {"reporting_webhooks": [{"id": 1, "endpoint": address}]}
    result = run(fake.url, "reporting_webhooks")
    assert result.records("reporting_webhooks") == [{"id": 1, "endpoint": shown}]
    assert without_secrets(address) == shown
    assert "hunter2" not in result.text


@pytest.mark.parametrize(
    ("stream", "path", "key"),
    [
        ("exports", "/v1/exports", "exports"),
        ("reporting_webhooks", "/v1/reporting_webhooks", "reporting_webhooks"),
        ("subscription_channels", "/v1/subscription_channels", "channels"),
        ("workspaces", "/v1/workspaces", "workspaces"),
    ],
)
def test_quirk_12_18_lists_of_the_workspace_may_be_null(fake, stream, path, key):
    fake.routes[path] = {key: None}
    assert run(fake.url, stream).exit_code == 0
    fake.routes[path] = {key: [{"id": "3"}]}
    assert run(fake.url, stream).records(stream)[0]["id"] == 3


# Messages


def test_quirk_29_drafts_are_asked_for_apart(fake):
    fake.routes["/v1/messages"] = lambda query: {
        "messages": [{"id": query.get("drafts", "sent") + query["start_ts"], "created": NOW}]
    }
    result = run(
        fake.url,
        "messages",
        start_date="2026-11-10",
        include_drafts=True,
        include_tracked_responses=True,
    )
    ids = [record["id"] for record in result.records("messages")]
    assert len(ids) == len(set(ids)) == 4
    assert sum(identifier.startswith("true") for identifier in ids) == 2
    queries = fake.queries("/v1/messages")
    assert [query.get("drafts") for query in queries].count("true") == 2
    assert all(query["get_tracked_responses"] == "true" for query in queries)


def test_a_window_is_whole_when_its_drafts_are_read_too(fake):
    def answer(query):
        return NOT_FOUND if "drafts" in query else {"messages": []}

    fake.routes["/v1/messages"] = answer
    settings = {"start_date": "2026-11-10", "include_drafts": True, "max_concurrency": 1}
    result = run(fake.url, "messages", **settings)
    assert result.exit_code == 1
    assert "replication_key_value" not in result.bookmark("messages")
