"""Whole runs against the simulator: every stream, keys, schemas, states, and what they cost."""

from __future__ import annotations

import collections
import json

import jsonschema
import pytest

from tap_customerio.streams import STREAMS
from tap_customerio.streams.search import SearchStream

from .conftest import run


@pytest.fixture(scope="module")
def simulator():
    from customerio_simulator import start

    with start(people=60, seed=7, rate_limit=0) as simulator:
        yield simulator


def sync(simulator, *streams, **settings):
    simulator.reset()
    return run(simulator.url, *streams, app_api_key=simulator.app_api_key, **settings)


@pytest.fixture(scope="module")
def first(simulator):
    names = [stream.name for stream in STREAMS]
    return sync(simulator, *names), simulator.calls()


def test_every_stream_brings_records(first):
    result, _ = first
    assert result.exit_code == 0
    counts = collections.Counter(message["stream"] for message in result.of("RECORD"))
    assert set(counts) == {stream.name for stream in STREAMS}


def test_no_key_is_null_and_none_comes_twice(first):
    result, _ = first
    for stream in STREAMS:
        keys = [
            tuple(record[key] for key in stream.primary_keys)
            for record in result.records(stream.name)
        ]
        assert all(part is not None for key in keys for part in key)
        assert len(set(keys)) == len(keys), stream.name


def test_there_is_one_schema_for_each_stream_and_its_records_hold_to_it(first):
    result, _ = first
    schemas = {message["stream"]: message["schema"] for message in result.of("SCHEMA")}
    assert len(schemas) == len(result.of("SCHEMA")) == len(STREAMS)
    for stream in STREAMS:
        validator = jsonschema.Draft202012Validator(
            schemas[stream.name], format_checker=jsonschema.FormatChecker()
        )
        for record in result.records(stream.name):
            validator.validate(record)


def test_the_properties_that_the_simulator_knows_are_all_described(first):
    result, _ = first
    for stream in STREAMS:
        for record in result.records(stream.name):
            assert set(record) <= set(stream.schema["properties"])


def test_the_counts_are_those_of_the_workspace(first, simulator):
    import requests

    def rows(path, key, **params):
        headers = {"Authorization": f"Bearer {simulator.app_api_key}"}
        found, token = [], None
        while token != "":
            query = {**params, **({"start": token} if token else {})}
            answer = requests.get(simulator.url + path, query, headers=headers, timeout=10).json()
            found += answer[key] or []
            token = answer.get("next") or ""
        return found

    result, _ = first
    for stream in STREAMS:
        special = {"messages", "activities", "sender_identities", "optouts"}
        if "{" in stream.path or stream.name in special or issubclass(stream, SearchStream):
            continue
        found = rows(stream.path, stream.rows, limit=100)
        assert len(result.records(stream.name)) == len(found), stream.name
    hidden = rows("/v1/sender_identities", "sender_identities", hidden="true", limit=100)
    visible = rows("/v1/sender_identities", "sender_identities", limit=100)
    senders = result.records("sender_identities")
    assert {row["id"]: row["hidden"] for row in senders} == {
        **{row["id"]: False for row in visible},
        **{row["id"]: True for row in hidden},
    }
    members = collections.Counter(
        record["segment_id"] for record in result.records("segment_membership")
    )
    for segment in rows("/v1/segments", "segments"):
        path = f"/v1/segments/{segment['id']}/membership"
        assert members[segment["id"]] == len(rows(path, "identifiers", limit=30000))


def test_the_final_state_holds_one_small_entry_for_each_stream(first):
    result, _ = first
    bookmarks = result.state["bookmarks"]
    assert set(bookmarks) == {stream.name for stream in STREAMS}
    keys = {
        stream.name: stream.replication_key
        for stream in STREAMS
        if isinstance(stream.replication_key, str)
    }
    # One of the segments is still being built.
    assert bookmarks["segment_membership"] == {"progress_markers": {"Note": "Not read to its end."}}
    whole = {name: value for name, value in bookmarks.items() if name != "segment_membership"}
    for name, bookmark in whole.items():
        assert bookmark.get("replication_key") == keys.get(name)
        assert set(bookmark) <= {"replication_key", "replication_key_value"}
    assert len(json.dumps(result.state)) < 4000


def test_the_size_of_state_does_not_grow_with_the_workspace(customerio_simulator):
    sizes = []
    for segments in (6, 60):
        simulator = customerio_simulator(
            segments=segments, campaigns=segments, people=20, rate_limit=0
        )
        states = sync(simulator).of("STATE")
        sizes.append(max(len(json.dumps(state)) for state in states))
        assert len(states) < 60
    assert sizes[0] == sizes[1]


def test_the_second_run_asks_for_less_and_misses_nothing_new(first, simulator):
    result, calls = first
    names = [stream.name for stream in STREAMS]
    second = sync(simulator, *names, state=result.state)
    asked = collections.Counter(call["path"] for call in simulator.calls())
    before = collections.Counter(call["path"] for call in calls)
    for path in ("/v1/messages", "/v1/activities"):
        assert asked[path] < before[path]
    assert len(simulator.calls()) < len(calls)
    assert second.exit_code == 0


def test_a_limit_of_ten_calls_a_second_is_kept_and_used(customerio_simulator):
    simulator = customerio_simulator(segments=34, people=20, latency_ms=300, rate_limit=10)
    result = sync(simulator, "segments", "segment_membership", requests_per_second=10)
    assert result.exit_code == 0
    calls = simulator.calls()
    assert all(call["status"] != 429 for call in calls)
    times = [call["time"] for call in calls]
    tens = (len(times) - 1) // 10 * 10  # up to ten may start together
    assert tens >= 30
    assert tens / (times[tens] - times[0]) >= 9.5


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429, "retry_after": 0},
        {"reset": True},
        {"truncate": True},
        {"html": True},
    ],
    ids=lambda fault: next(iter(fault.items())),
)
def test_what_passes_is_not_noticed(simulator, fault):
    simulator.reset()
    simulator.fault(times=2, path="/v1/segments*", **fault)
    streams = ("segments", "segment_membership")
    key = simulator.app_api_key
    result = run(simulator.url, *streams, app_api_key=key, max_retries=4)
    assert result.exit_code == 0
    simulator.reset()
    assert sorted(map(str, result.records("segment_membership"))) == sorted(
        map(str, sync(simulator, *streams).records("segment_membership"))
    )
