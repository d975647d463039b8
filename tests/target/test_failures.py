"""Losses that Customer.io answers with 200: prevented, or told after the run."""

from __future__ import annotations

import time

import pytest

from target_customerio import api, app_api
from target_customerio.failures import report


@pytest.fixture
def app(simulator):
    """The settings that reach the App API of the simulator, whose time is not before ours."""
    simulator.clock(now=int(time.time()) + 60)
    return {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}


def test_quirk_54_what_was_accepted_and_not_applied_is_told(run, singer, app):
    messages = [
        singer.SCHEMA("person_identify", {"id": "string", "email": "string"}),
        singer.RECORD("person_identify", id="1", email="ada@example.com"),
        singer.RECORD("person_identify", id="2", email="other@example.com"),
        singer.SCHEMA("s", {"uid": "string", "email": "string"}),
        singer.RECORD("s", uid="2", email="ada@example.com"),
    ]
    streams = [{"stream": "s", "operation": "person_identify", "identifiers": {"id": "uid"}}]
    done = run(messages, streams=streams, max_concurrency=1, **app)  # or 1 could come last
    assert done.exit_code == 0
    assert "Accepted and not applied: 1 failed_attribute_change" in done.log
    assert "late" in done.log
    assert "ada@" not in done.log


def test_nothing_that_failed_is_told_as_nothing(run, singer, app):
    messages = [singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id="1")]
    assert "Accepted and not applied: nothing" in run(messages, **app).log


class Log:
    """Activities by kind, in pages, the newest first; knows how many pages were read."""

    def __init__(self, **pages):
        self.pages = pages
        self.read = 0

    def activities(self, kind):
        for page in self.pages.get(kind, []):
            self.read += 1
            yield [{"timestamp": timestamp, "customer_id": "secret"} for timestamp in page]


def test_every_kind_of_failure_since_the_start_is_counted():
    log = Log(
        failed_attribute_change=[[130, 120]],
        failed_event=[[110, 99, None, "late"]],
        failed_batch_update=[[100]],
        skipped_update=[[101, 90]],
    )
    (line,) = report(log, 100.7)
    assert (
        "2 failed_attribute_change, 1 failed_event, 1 failed_batch_update, 1 skipped_update ("
        in line
    )
    assert "secret" not in line


def test_the_activities_are_read_until_a_whole_page_is_older_than_the_run():
    log = Log(failed_event=[[150, 90, 140], [95, 105], [99, 98], [101]])
    (line,) = report(log, 100)
    assert "3 failed_event" in line
    assert log.read == 3


@pytest.mark.parametrize(
    "fault", [{"status": 403}, {"status": 503, "retry_after": 300}, {"status": 429}]
)
def test_a_report_that_cannot_be_read_fails_no_run(run, singer, app, simulator, fault):
    simulator.fault(times=None, path="/v1/activities", **{"retry_after": 9} | fault)
    messages = [singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id="1")]
    done = run(messages, **app)
    assert done.exit_code == 0
    assert "could not be read: The App API of Customer.io" in done.log
    assert [call["path"] for call in simulator.calls()].count("/v1/activities") == 1


def test_the_report_does_not_ask_for_the_region_again(run, singer, simulator, monkeypatch):
    monkeypatch.setitem(api.HOSTS, "us", simulator.url)
    monkeypatch.setitem(app_api.HOSTS, "us", simulator.url)
    messages = [singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id="1")]
    settings = {"app_api_key": simulator.app_api_key, "region": "auto"}
    done = run(messages, track_api_url="", **settings)
    assert done.exit_code == 0
    assert "Accepted and not applied" in done.log
    assert [call["path"] for call in simulator.calls()] == [
        "/api/v1/accounts/region",
        "/api/v2/batch",
        *["/v1/activities"] * 4,
    ]


def test_beside_another_track_host_the_usual_app_host_is_not_asked(run, singer):
    messages = [singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id="1")]
    done = run(messages, app_api_key="key")
    assert done.exit_code == 0
    assert "not applied" not in done.log


def test_without_app_key_nobody_is_asked(run, singer, simulator):
    run([singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id="1")])
    assert not [call for call in simulator.calls() if "activities" in call["path"]]


@pytest.mark.parametrize(("limit", "left"), [(2, {"d"}), (3, set()), (9, set())])
def test_a_run_deletes_no_more_people_than_allowed(run, singer, simulator, limit, left):
    ids = "abcd" if limit == 2 else "abc"
    messages = [
        singer.SCHEMA("person_identify", {"id": "string"}),
        *(singer.RECORD("person_identify", id=each) for each in ids),
        singer.SCHEMA("person_delete", {"id": "string"}),
        *(singer.RECORD("person_delete", id=each) for each in "abc"),
        singer.STATE(done=1),
    ]
    done = run(messages, max_deletes=limit)
    stopped = limit == 2
    assert {person["id"] for person in simulator.people().values()} == left | (
        {"c"} if stopped else set()
    )
    assert (done.exit_code, bool(done.states)) == ((1, False) if stopped else (0, True))
    assert ("`max_deletes`" in done.error) is stopped


def test_quirk_57_a_merge_waits_for_both_sides(run, singer, simulator):
    messages = [
        singer.SCHEMA("person_identify", {"id": "string", "email": "string"}),
        singer.RECORD("person_identify", id="1"),
        singer.RECORD("person_identify", email="old@example.com"),
        singer.SCHEMA("person_merge", {"primary_id": "string", "secondary_email": "string"}),
        singer.RECORD("person_merge", primary_id="1", secondary_email="old@example.com"),
    ]
    assert run(messages).exit_code == 0
    assert len(simulator.merges()) == 1
    assert len(simulator.people()) == 1


def test_times_in_milliseconds_are_counted(run, singer):
    messages = [
        singer.SCHEMA("person_identify", {"id": "string", "created_at": "integer"}),
        singer.RECORD("person_identify", id="1", created_at=1713484800123),
        singer.RECORD("person_identify", id="2", created_at=1713484800),
    ]
    assert "1 times came in milliseconds" in run(messages).log


@pytest.mark.parametrize(
    ("ids", "is_told"), [(["a@b.c", "x@y.z"], True), (["a@b.c", "7"], False), (["7"], False)]
)
def test_emails_in_the_column_of_ids_are_told_once(run, singer, ids, is_told):
    messages = [
        singer.SCHEMA("person_identify", {"id": "string"}),
        *(singer.RECORD("person_identify", id=each) for each in ids),
    ]
    done = run(messages)
    assert done.exit_code == 0
    assert done.log.count("holds e-mail addresses") == is_told
    assert "@b.c" not in done.log


def test_an_entry_that_names_a_column_that_is_not_there_sends_nothing(run, singer, simulator):
    streams = [{"stream": "s", "operation": "person_identify", "identifiers": {"id": "uid"}}]
    messages = [singer.SCHEMA("s", {"id": "string"}), singer.RECORD("s", id="1")]
    done = run(messages, streams=streams)
    assert done.exit_code == 1
    assert "lacks: uid" in done.error
    assert simulator.received()["items"] == 0


def test_a_backfill_is_asked_for_by_its_setting(run, singer, simulator):
    messages = [
        singer.SCHEMA("person_event", {"user_id": "string", "timestamp": "integer"}, ["user_id"]),
        *(
            singer.RECORD("person_event", user_id="1", event_name="seen", timestamp=moment)
            for moment in (1_713_484_800, int(time.time()))
        ),
    ]
    done = run(messages, backfill=True)
    assert (done.exit_code, len(simulator.events())) == (1, 1)
    assert done.rejects[-1]["rejection"]["reason"] == "too_recent"


@pytest.mark.parametrize(
    ("setting", "expected"), [("unix", 1713484800), ("iso8601", "2024-04-19T00:00:00Z")]
)
def test_times_are_sent_as_the_setting_says(run, singer, simulator, setting, expected):
    time_column = {"type": "string", "format": "date-time"}
    messages = [
        singer.SCHEMA("person_identify", {"id": "string", "seen": time_column}),
        singer.RECORD("person_identify", id="1", seen="2024-04-19T00:00:00+00:00"),
    ]
    assert run(messages, attribute_timestamps=setting).exit_code == 0
    (person,) = simulator.people().values()
    assert person["attributes"]["seen"] == expected
