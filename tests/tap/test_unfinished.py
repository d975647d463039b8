"""How STATE says that a stream is not whole: what replaces or removes must be able to tell."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tap_customerio.progress import KEY
from tap_customerio.streams import STREAMS

from .conftest import Reply, configuration, run, selection

FORBIDDEN = Reply(403, {"errors": [{"detail": "forbidden", "status": "403"}]})
BROKEN = Reply(500, b"")


def fails(fake, reply):
    """Every call gets the same answer."""
    fake.answer = lambda *_: reply


@pytest.mark.parametrize("reply", [BROKEN, FORBIDDEN], ids=["500", "403"])
def test_every_stream_that_fails_is_marked_whether_it_has_rows_or_not(fake, reply):
    fails(fake, reply)
    names = [stream.name for stream in STREAMS]
    result = run(fake.url, *names)
    assert result.exit_code == 1
    assert [name for name in names if not result.bookmark(name).get(KEY)] == []


def people(fake):
    fake.routes["/v1/customers"] = {"identifiers": [{"cio_id": "c1"}, {"cio_id": "c2"}]}
    fake.routes["/v1/customers/attributes"] = {
        "customers": [
            {"identifiers": {"cio_id": name}, "attributes": {
                "cio_subscription_preferences": '{"topics": {"topic_1": true}}'
            }} for name in ("c1", "c2")
        ]
    }  # fmt: skip


def test_a_mark_is_there_from_the_first_state_on_and_gone_with_the_last(fake, monkeypatch):
    monkeypatch.setattr("tap_customerio.reading.STATE_SECONDS", 0.0)
    pages = {"": {"newsletters": [{"id": 1}], "next": "a"}, "a": {"newsletters": [{"id": 2}]}}
    fake.routes["/v1/newsletters"] = lambda query: pages[query.get("start", "")]
    result = run(fake.url, "newsletters")
    marks = [state["value"]["bookmarks"]["newsletters"].get(KEY) for state in result.of("STATE")]
    assert len(marks) > 2
    assert all(marks[:-1])
    assert result.bookmark("newsletters") == {}


def test_a_mark_of_an_earlier_run_is_gone_when_the_stream_is_whole(fake):
    fake.routes["/v1/snippets"] = BROKEN
    first = run(fake.url, "snippets")
    assert first.bookmark("snippets") == {KEY: {"Note": "Not read to its end."}}
    fake.routes["/v1/snippets"] = {"snippets": [{"name": "a"}]}
    second = run(fake.url, "snippets", state=first.state)
    assert [bool(state["value"]["bookmarks"]["snippets"]) for state in second.of("STATE")] == [
        True,  # the state that the run began with, before any record
        False,
    ]


def test_a_parent_that_cannot_be_listed_leaves_what_its_children_had_reached(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": n, "state": "finished"} for n in (1, 2)]}
    fake.routes["/v1/segments/1/membership"] = {"identifiers": [{"cio_id": "c1"}]}
    fake.routes["/v1/segments/2/membership"] = BROKEN
    first = run(fake.url, "segment_membership", max_concurrency=1)
    reached = first.bookmark("segment_membership")
    assert reached[KEY]["done"]
    fake.routes["/v1/segments"] = BROKEN
    second = run(fake.url, "segment_membership", state=first.state)
    assert second.bookmark("segment_membership") == reached


def segments(fake, *states):
    """Segments in these states; one that is not finished has but one of its two members."""
    fake.routes["/v1/segments"] = {
        "segments": [{"id": number, "state": state} for number, state in enumerate(states, start=1)]
    }
    for number, state in enumerate(states, start=1):
        members = [{"cio_id": "c1"}, {"cio_id": "c2"}][: 1 + (state == "finished")]
        fake.routes[f"/v1/segments/{number}/membership"] = {"identifiers": members}


def members(result):
    found = result.records("segment_membership")
    return sorted((row["segment_id"], row["cio_id"]) for row in found)


def test_quirk_31_members_are_not_whole_while_a_segment_is_built_and_then_read_anew(fake):
    settings = {"emit_activate_version_messages": True}
    segments(fake, "finished", "build")
    fake.routes["/v1/snippets"] = {"snippets": [{"name": "a"}]}
    first = run(fake.url, "segment_membership", "snippets", **settings)
    assert first.exit_code == 0
    assert members(first) == [(1, "c1"), (1, "c2"), (2, "c1")]
    assert not [m for m in first.of("ACTIVATE_VERSION") if m["stream"] == "segment_membership"]
    # Every STATE after its records says so, those of later streams included.
    assert first.bookmark("segment_membership") == {KEY: {"Note": "Not read to its end."}}
    assert first.bookmark("snippets") == {}
    again = run(fake.url, "segment_membership", state=first.state, **settings)
    assert members(again) == members(first)
    assert again.bookmark("segment_membership") == first.bookmark("segment_membership")
    segments(fake, "finished", "finished")
    whole = run(fake.url, "segment_membership", state=again.state, **settings)
    assert members(whole) == [(1, "c1"), (1, "c2"), (2, "c1"), (2, "c2")]
    assert whole.bookmark("segment_membership") == {}
    assert len(whole.of("ACTIVATE_VERSION")) == 1


def test_quirk_31_a_segment_that_was_being_built_before_a_cut_is_read_again_after_it(fake):
    segments(fake, "finished", "build", "finished")
    fake.routes["/v1/segments/3/membership"] = BROKEN
    cut = run(fake.url, "segment_membership", max_concurrency=1)
    assert members(cut) == [(1, "c1"), (1, "c2"), (2, "c1")]
    segments(fake, "finished", "finished", "finished")
    result = run(fake.url, "segment_membership", state=cut.state, max_concurrency=1)
    assert {(2, "c1"), (2, "c2"), (3, "c1"), (3, "c2")} <= set(members(result))
    assert result.bookmark("segment_membership") == {}


@pytest.mark.parametrize(
    "old",
    [
        {"unfinished": {"done": [["ab", 1, "cd"]], "open": {"ab": [{"start": "x"}, "m", 1]}}},
        {KEY: {"Note": "Progress is not resumable if interrupted."}},
        {KEY: {"replication_key": "id", "replication_key_value": "5"}},
        {KEY: "?"},
    ],
)
def test_marks_that_are_none_of_ours_make_the_stream_begin_anew(fake, old):
    fake.routes["/v1/snippets"] = {"snippets": [{"name": "a"}]}
    result = run(fake.url, "snippets", state={"bookmarks": {"snippets": old}})
    assert result.exit_code == 0
    assert len(result.records("snippets")) == 1
    assert KEY not in result.bookmark("snippets")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_stopped_leaves_the_mark_in_its_last_state(tmp_path, fake, end):
    fake.routes["/v1/newsletters"] = lambda query: {
        "newsletters": [{"id": int(query.get("start", 0)), "name": "x" * 9000}],
        "next": str(int(query.get("start", 0)) + 1),
    }
    for name, content in (
        ("config", configuration(fake.url)), ("catalog", selection("newsletters")),
    ):  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    code = (
        "from tap_customerio import reading; reading.STATE_SECONDS = 0.0;"
        "from tap_customerio.tap import TapCustomerIO; TapCustomerIO.cli()"
    )
    options = [f"--{name}={tmp_path / name}.json" for name in ("config", "catalog")]
    command = [sys.executable, "-c", code, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(end)
        lines += process.stdout.readlines()
    assert process.returncode in {128 + end, -end}
    written = [json.loads(line) for line in lines if line.endswith(b"\n")]
    last = [message for message in written if message["type"] == "STATE"][-1]
    assert last["value"]["bookmarks"]["newsletters"][KEY]["open"]


# People and their preferences, which come from the same answers

BOTH = ("people", "people_subscription_preferences")
ATTRIBUTES = "/v1/customers/attributes"


def test_preferences_come_along_with_people_without_a_call_of_their_own(fake):
    people(fake)
    result = run(fake.url, *BOTH)
    assert result.exit_code == 0
    assert fake.paths() == ["/v1/customers", ATTRIBUTES]
    people_alone, preferences_alone = (run(fake.url, stream) for stream in BOTH)
    assert {message.get("stream") for message in people_alone.messages} == {BOTH[0], None}
    assert result.records(BOTH[0]) == people_alone.records(BOTH[0])
    assert result.records(BOTH[1]) == preferences_alone.records(BOTH[1])
    assert result.records(BOTH[1])[0]["chosen"] == {"topic_1": True}
    assert "attributes" not in result.records(BOTH[1])[0]
    order = [(message["type"], message["stream"]) for message in result.messages[:2]]
    assert order == [("SCHEMA", BOTH[0]), ("SCHEMA", BOTH[1])]
    assert len(result.of("SCHEMA")) == 2
    assert [result.bookmark(name) for name in BOTH] == [{}, {}]


def test_preferences_that_come_along_are_counted(fake, caplog):
    caplog.set_level("INFO")
    people(fake)
    run(fake.url, *BOTH)
    table = {line.split()[0]: line.split()[1:3] for line in caplog.messages if "  " in line}
    assert table[BOTH[0]] == ["2", "2"]
    assert table[BOTH[1]] == ["2", "0"]
    counted = [line for line in caplog.messages if '"record_count","value":2' in line]
    assert [name for name in BOTH if any(f'"{name}"' in line for line in counted)] == [*BOTH]


def cut_people(fake, *streams):
    """A run that is cut after the second page of the search; it has read the third."""
    people(fake)
    pages = {
        "": {**fake.routes["/v1/customers"], "next": "a"},
        "a": {"identifiers": [{"cio_id": "c3"}], "next": "b"},
        "b": {"identifiers": [{"cio_id": "c4"}], "next": "c"},
    }
    fake.routes["/v1/customers"] = lambda query: pages.get(query.get("start", ""), BROKEN)
    result = run(fake.url, *streams, max_concurrency=1)
    assert result.exit_code == 1
    fake.calls.clear()
    return result.state, pages


def test_a_cut_marks_both_and_both_go_on_at_the_same_place(fake, caplog):
    state, pages = cut_people(fake, *BOTH)
    marks = [state["bookmarks"][name][KEY] for name in BOTH]
    assert marks[0] == marks[1]
    assert marks[0]["open"]
    assert "2 of 2 selected streams ended with an error" in caplog.text
    pages["c"] = {"identifiers": None}
    second = run(fake.url, *BOTH, state=state)
    assert [query.get("start") for query in fake.queries("/v1/customers")] == ["a", "b", "c"]
    assert [second.bookmark(name) for name in BOTH] == [{}, {}]


def test_preferences_that_lack_what_people_have_are_read_alone(fake):
    state, pages = cut_people(fake, "people")
    pages["c"] = {"identifiers": None}
    second = run(fake.url, *BOTH, state=state)
    assert [query.get("start") for query in fake.queries("/v1/customers")] == [
        "a", "b", "c", None, "a", "b", "c",
    ]  # fmt: skip
    assert second.exit_code == 0
    assert len(second.of("SCHEMA")) == 2


def test_both_announce_their_version_after_their_last_record(fake):
    people(fake)
    result = run(fake.url, *BOTH, emit_activate_version_messages=True)
    for name in BOTH:
        kinds = [(m["type"], m["version"]) for m in result.messages
                 if m.get("stream") == name and m["type"] != "SCHEMA"]  # fmt: skip
        version = kinds[0][1]
        assert kinds == [("RECORD", version)] * 2 + [("ACTIVATE_VERSION", version)]
        assert version > 0


def test_a_selection_of_properties_and_stream_maps_hold_for_what_comes_along(fake):
    people(fake)
    catalog = selection(*BOTH)
    entry = next(entry for entry in catalog["streams"] if entry["stream"] == BOTH[1])
    for part in entry["metadata"]:
        if part["breadcrumb"] == ["properties", "computed"]:
            part["metadata"]["selected"] = False
    maps = {BOTH[1]: {"email": "__NULL__", "mapped": "cio_id"}}
    result = run(fake.url, catalog=catalog, stream_maps=maps)
    found = result.records(BOTH[1])
    assert [record["mapped"] for record in found] == ["c1", "c2"]
    assert all("computed" not in record and "email" not in record for record in found)
    assert all("attributes" in record for record in result.records(BOTH[0]))
