"""Runs that are killed, and the runs after them, by what a target would have kept."""

from __future__ import annotations

import collections
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from customerio_simulator import start
from tap_customerio import times

from .conftest import Reply, configuration, run, selection

COMMAND = str(Path(sys.executable).with_name("tap-customerio"))
NOW = 1_795_300_000
UNFINISHED = {"progress_markers": {"Note": "Not read to its end."}}
# The command with small pages, and a STATE after each of them.
EVERY_PAGE = (
    "from tap_customerio import reading;"
    "from tap_customerio.streams import activities, people, search;"
    "reading.STATE_SECONDS = 0.0; people.AT_ONCE = 10; search.PAGE = 100;"
    "activities.Activities.page_size = 10;"
    "from tap_customerio.tap import TapCustomerIO; TapCustomerIO.cli()"
)


@pytest.fixture(scope="module")
def many_parents():
    with start(people=100, segments=420, campaigns=420, seed=7, rate_limit=0, now=NOW) as simulator:
        # Those that are being built are read again after a cut.
        built = {"state": "finished", "progress": None}
        simulator.edit(change={"segments": dict.fromkeys(range(1, 421), built)})
        yield simulator


@pytest.fixture(scope="module")
def many_people():
    with start(
        people=4100, segments=2, activities=4200, messages=1500, seed=7, rate_limit=0, now=NOW
    ) as simulator:
        yield simulator


class Runs:
    """Runs of the command as a process, on one simulator."""

    def __init__(self, simulator, folder):
        self.simulator = simulator
        self.folder = folder

    def __call__(self, stream, *, state=None, kill_after=None, **settings):
        """Run, and kill it after so many calls; the messages that came out, whole lines only."""
        self.simulator.reset()
        config = configuration(
            self.simulator.url,
            app_api_key=self.simulator.app_api_key,
            max_concurrency=8,
            **settings,
        )
        command = [sys.executable, "-c", EVERY_PAGE]
        for name, content in (
            ("config", config), ("catalog", selection(stream)), ("state", state or {}),
        ):  # fmt: skip
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(content))
            command += [f"--{name}", str(path)]
        lines = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tap:
            for number, line in enumerate(tap.stdout):
                lines.append(line)
                if kill_after and number % 20 == 0 and self.calls() >= kill_after:
                    os.kill(tap.pid, signal.SIGKILL)
                    break
            lines += tap.stdout.readlines()
        assert tap.returncode == (-signal.SIGKILL if kill_after else 0)
        return [json.loads(line) for line in lines if line.endswith(b"\n")], self.calls()

    def calls(self):
        return len(self.simulator.calls())


def keys(messages, stream, *names):
    return {
        tuple(message["record"][name] for name in names)
        for message in messages
        if message["type"] == "RECORD" and message["stream"] == stream
    }


def states(messages):
    return [message["value"] for message in messages if message["type"] == "STATE"]


@pytest.mark.parametrize(
    ("stream", "names", "settings"),
    [
        ("segment_membership", ("segment_id", "cio_id"), {}),
        (
            "campaign_metrics",
            ("campaign_id", "period_start"),
            {"metrics_parent_days": 0, "start_date": "2026-11-18"},
        ),
        ("people", ("cio_id",), {}),
        ("activities", ("id",), {}),
        ("messages", ("id",), {"start_date": "2025-06-01", "messages_window_days": 1}),
    ],
)
def test_a_run_that_is_killed_after_60_percent_is_finished_by_the_next(
    request, tmp_path, stream, names, settings
):
    fans_out = stream in {"segment_membership", "campaign_metrics"}
    many = "many_parents" if fans_out else "many_people"
    runs = Runs(request.getfixturevalue(many), tmp_path)
    whole, calls = runs(stream, **settings)
    assert calls >= 400
    first, _ = runs(stream, kill_after=int(calls * 0.6), **settings)
    second, after = runs(stream, state=states(first)[-1], **settings)
    expected = keys(whole, stream, *names)
    read = keys(first, stream, *names)
    assert 0 < len(read) < len(expected)
    assert len(expected - read - keys(second, stream, *names)) == 0
    assert after <= calls * 0.5
    assert max(len(json.dumps(state)) for state in states(first)) < 4096
    assert "progress_markers" not in json.dumps(states(second)[-1])


def test_state_leaves_while_rows_flow_and_never_before_its_records(many_people, tmp_path):
    messages, _ = Runs(many_people, tmp_path)("people", kill_after=200)
    seen = 0
    for message in messages:
        if message["type"] == "RECORD":
            seen += 1
        elif message["type"] == "STATE":
            reached = message["value"]["bookmarks"]["people"].get("progress_markers", {})
            for params, _, pages in reached.get("open", {}).values():
                assert params.keys() == {"start"}
                assert seen >= (pages + 1) * 100
    assert seen > 500


# On a small server, where everything can be changed between the runs


def members(fake, *segments):
    fake.routes["/v1/segments"] = {"segments": [{"id": n, "state": "finished"} for n in segments]}
    for number in segments:
        fake.routes[f"/v1/segments/{number}/membership"] = {
            "identifiers": [{"cio_id": f"c{number}"}]
        }


def segments_of(result):
    return {record["segment_id"] for record in result.records("segment_membership")}


@pytest.fixture
def cut(fake):
    """A run over six segments that is cut at the fourth; its state."""
    members(fake, 1, 2, 3, 4, 5, 6)
    fake.routes["/v1/segments/4/membership"] = Reply(503, b"")
    result = run(fake.url, "segment_membership", max_concurrency=1)
    assert result.exit_code == 1
    assert segments_of(result) == {1, 2, 3}
    return result.state


def test_a_fan_out_goes_on_with_the_parents_that_are_left(fake, cut):
    members(fake, 1, 2, 3, 4, 5, 6)
    result = run(fake.url, "segment_membership", state=cut, max_concurrency=1)
    assert segments_of(result) == {4, 5, 6}
    assert result.bookmark("segment_membership") == {}


@pytest.mark.parametrize("segments", [(7, 1, 2, 3, 4), (1, 2, 9, 3, 4), (1, 3, 4), (4, 5)])
def test_no_parent_is_skipped_when_their_list_has_changed(fake, cut, segments):
    members(fake, *segments)
    result = run(fake.url, "segment_membership", state=cut, max_concurrency=1)
    known = {1, 2, 3} if segments[:1] == (7,) else set()
    assert segments_of(result) == set(segments) - known


def test_a_permanent_error_is_not_gone_on_from(fake):
    members(fake, 1, 2, 3)
    fake.routes["/v1/segments/3/membership"] = Reply(403, {})
    result = run(fake.url, "segment_membership", max_concurrency=1)
    assert result.exit_code == 1
    assert result.bookmark("segment_membership") == UNFINISHED


def activities(*ids, token=""):
    return {"activities": [{"id": one, "timestamp": 1_790_000_000 + int(one)} for one in ids],
            "next": token}  # fmt: skip


def scan(fake, pages):
    fake.calls.clear()
    fake.routes["/v1/activities"] = lambda query: pages.get(query.get("start", ""), Reply(503, b""))


def test_quirk_05_activities_read_what_is_new_first_and_then_go_on_at_the_token(fake):
    scan(fake, {"": activities("9", "8", token="a"), "a": activities("7", "6", token="b")})
    first = run(fake.url, "activities", activities_lookback_minutes=0)
    assert first.exit_code == 1
    assert "replication_key_value" not in first.bookmark("activities")
    scan(fake, {
        "": activities("11", "10", token="n"), "n": activities("9", "8", token="o"),
        "o": activities("7", token="p"), "a": activities("7", "6", token="b"),
        "b": activities("5", token="c"), "c": activities(),
    })  # fmt: skip
    second = run(fake.url, "activities", state=first.state, activities_lookback_minutes=0)
    assert [query.get("start") for query in fake.queries("/v1/activities")] == [
        None, "n", "o", "a", "b", "c",
    ]  # fmt: skip
    assert {row["id"] for row in second.records("activities")} == {
        "11",
        "10",
        "9",
        "7",
        "6",
        "5",
    } | {"8"}
    assert second.bookmark("activities") == {
        "replication_key": "timestamp", "replication_key_value": times.to_text(1_790_000_011),
    }  # fmt: skip


def test_quirk_05_a_token_whose_page_has_other_rows_is_not_believed(fake):
    scan(fake, {"": activities("9", "8", token="a"), "a": activities("7", "6", token="b")})
    first = run(fake.url, "activities", activities_lookback_minutes=0)
    scan(fake, {
        "": activities("9", "8", token="a"), "a": activities("8", "7", token="b"),
        "b": activities("6", "5", token="c"), "c": activities(),
    })  # fmt: skip
    second = run(fake.url, "activities", state=first.state, activities_lookback_minutes=0)
    assert second.exit_code == 0
    assert {row["id"] for row in second.records("activities")} == set("98765")


def test_quirk_05_a_token_that_is_refused_begins_anew(fake):
    scan(fake, {"": activities("9", token="a"), "a": activities("8", token="b")})
    first = run(fake.url, "activities")
    scan(fake, {"": activities("9", token="x"), "x": activities(), "a": Reply(400, {})})
    second = run(fake.url, "activities", state=first.state)
    assert second.exit_code == 0
    assert collections.Counter(row["id"] for row in second.records("activities"))["9"] >= 1


# Deletes


def versions(result, stream="segment_membership"):
    return [
        (message["type"], message.get("version"))
        for message in result.messages
        if message.get("stream") == stream and message["type"] != "SCHEMA"
    ]


def test_a_complete_read_announces_its_version_after_the_last_record(fake):
    members(fake, 1, 2)
    result = run(fake.url, "segment_membership", emit_activate_version_messages=True)
    (first, version), *rest = versions(result)
    assert first == "RECORD"
    assert version > 1_700_000_000
    assert rest == [("RECORD", version), ("ACTIVATE_VERSION", version)]
    assert result.bookmark("segment_membership") == {}


def test_no_version_without_the_setting(fake):
    members(fake, 1)
    assert versions(run(fake.url, "segment_membership")) == [("RECORD", None)]


def test_a_cut_announces_nothing_and_the_run_after_it_keeps_the_version(fake):
    members(fake, 1, 2, 3)
    fake.routes["/v1/segments/3/membership"] = Reply(503, b"")
    settings = {"emit_activate_version_messages": True, "max_concurrency": 1}
    first = run(fake.url, "segment_membership", **settings)
    version = versions(first)[0][1]
    assert versions(first) == [("RECORD", version)] * 2
    state = first.state
    state["bookmarks"]["segment_membership"]["progress_markers"]["version"] = 1234
    members(fake, 1, 2, 3)
    second = run(fake.url, "segment_membership", state=state, **settings)
    assert versions(second) == [("RECORD", 1234), ("ACTIVATE_VERSION", 1234)]


def test_records_that_went_out_without_a_version_are_read_again_with_one(fake, cut):
    members(fake, 1, 2, 3, 4, 5, 6)
    settings = {"emit_activate_version_messages": True}
    result = run(fake.url, "segment_membership", state=cut, **settings)
    assert segments_of(result) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("stream", ["messages", "activities"])
def test_no_version_where_a_read_holds_not_everything(fake, stream):
    fake.routes[f"/v1/{stream}"] = {stream: [{"id": "1", "created": 5, "timestamp": 5}]}
    for method in ("INCREMENTAL", "FULL_TABLE"):
        result = run(
            fake.url, catalog=selection(stream, method=method), start_date="2026-11-20",
            emit_activate_version_messages=True,
        )  # fmt: skip
        assert not result.of("ACTIVATE_VERSION")


def test_quirk_31_no_version_while_a_segment_is_being_built(fake):
    members(fake, 1, 2)
    fake.routes["/v1/segments"]["segments"][1]["state"] = "build"
    result = run(fake.url, "segment_membership", emit_activate_version_messages=True)
    assert not result.of("ACTIVATE_VERSION")


def test_no_version_for_people_who_are_narrowed(fake):
    fake.routes["/v1/customers"] = {"identifiers": None}
    settings = {"emit_activate_version_messages": True}
    assert run(fake.url, "people", **settings).of("ACTIVATE_VERSION")
    assert not run(fake.url, "people", people_segment_id=3, **settings).of("ACTIVATE_VERSION")
