"""Streams that are the whole membership: what acts at the end of input, and when it must not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from target_customerio import mirrors as mirrors_room

from .conftest import COMMAND, as_lines
from .gathered import changes, entry, listed, members_of, people


@pytest.fixture
def mirroring(segment, app):
    """The settings of a mirror of the segment that may remove everybody."""
    return entry("segment_mirror", segment_id=segment) | app | {"max_removed_percent": 100}


@pytest.fixture
def mirror(run, mirroring):
    """Pipe messages into a mirror of the segment; all may be removed unless said otherwise."""

    def pipe(messages, **settings):
        return run(messages, **mirroring | settings)

    return pipe


def test_a_mirror_sends_only_the_difference(segment, mirror, singer, members, simulator):
    messages = [*people(singer, "e"), *members_of(singer, *"abce")]
    done = mirror(messages, max_removed_percent=25)
    assert (done.exit_code, members(segment)) == (0, set("abce"))
    assert [path.rsplit("/", 1)[1] for path in changes(simulator)] == [
        "add_customers",
        "remove_customers",
    ]
    assert json.loads(done.states[-1]) == {"members": 4}


def test_a_mirror_removes_no_larger_share_than_allowed(segment, mirror, singer, members):
    done = mirror(members_of(singer, *"abc"), max_removed_percent=10)
    assert (done.exit_code, members(segment), done.states) == (1, set("abcd"), [])
    assert "1 of 4 members would have been removed" in done.error
    assert "max_removed_percent" in done.error


def test_with_a_reject_a_mirror_only_adds(segment, mirror, singer, members):
    messages = [*people(singer, "e"), *members_of(singer, "a", None, "e")]
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcde"))


def test_members_marked_as_deleted_leave(segment, mirror, singer, members):
    messages = members_of(singer, *"abc")
    messages[3]["record"]["_sdc_deleted_at"] = "2026-01-01T00:00:00Z"
    done = mirror(messages, delete_on_sdc_deleted=True)
    assert (done.exit_code, members(segment)) == (0, set("ab"))


# Calls that are refused


def test_a_person_whom_customerio_refuses_keeps_nobody_else_out_and_lets_nobody_be_removed(
    segment, mirror, singer, members, simulator
):
    nobody = f"{'x' * 150}@y.z"
    messages = [
        singer.SCHEMA("person_identify", {"id": "string", "email": "string"}),
        singer.RECORD("person_identify", id="e", email="e@x.y"),
        *members_of(singer, "e@x.y", "a@x.y", nobody, "b@x.y", column="email"),
    ]
    done = mirror(messages)
    assert (done.exit_code, done.states, members(segment)) == (1, [], set("abcde"))
    assert f"refused to change segment {segment} for 1 of 4 people (status 400)" in done.error
    assert "4 people were not removed" in done.log
    assert "4 records, 0 accepted, 0 rejected" in done.log
    assert "y.z" not in done.log
    assert len(changes(simulator)) == 5


def test_a_refusal_of_one_call_that_holds_for_nobody_alone_is_none(
    segment, mirror, singer, members, simulator
):
    simulator.fault(path="*/remove_customers", status=400)
    done = mirror(members_of(singer, *"ab"))
    assert (done.exit_code, members(segment)) == (0, set("ab"))
    assert len(changes(simulator)) == 3


def test_a_mirror_stops_at_the_second_call_that_is_refused_one_by_one(
    segments, run, app, singer, members, *, simulator, monkeypatch
):
    monkeypatch.setattr(mirrors_room, "SEGMENT_IDS", 2)
    one, other = segments
    simulator.fault(times=None, path=f"*/{one}/add_customers", status=400)
    rows = [*((one, f"n{number}") for number in range(6)), *((other, each) for each in "wxy")]
    done = run(named_members(singer, *rows), **app, max_removed_percent=25)
    assert (done.exit_code, members(one), members(other)) == (1, set("abcd"), set("wxy"))
    assert f"refused to change segment {one} for 4 of 6 people" in done.error
    assert len(changes(simulator)) == 7


# The end of the stream


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (slice(0, -1), "no STATE or ACTIVATE_VERSION that calls the stream whole"),
        (slice(0, 1), "brought no records"),
    ],
)
def test_a_tap_that_failed_or_brought_nothing_removes_nobody(mirror, singer, simulator, keep, text):
    done = mirror(members_of(singer, "a")[keep])
    assert (done.exit_code, changes(simulator), done.states) == (1, [], [])
    assert text in done.error


def test_an_empty_table_with_a_state_removes_nobody(segment, mirror, singer, members):
    messages = [singer.SCHEMA("s", {"id": "string"}), singer.STATE(done=1)]
    done = mirror(messages)
    assert (done.exit_code, members(segment), done.states) == (1, set("abcd"), [])


CUT = {"progress_markers": {"Note": "Not read to its end."}}


@pytest.mark.parametrize("bookmark", [CUT, {"partitions": [{"context": {}}, CUT]}])
def test_a_state_that_calls_the_stream_cut_is_no_end(segment, mirror, singer, members, bookmark):
    done = mirror([*members_of(singer, "a"), singer.STATE(bookmarks={"s": bookmark})])
    assert (done.exit_code, members(segment), done.states) == (1, set("abcd"), [])
    assert "no STATE or ACTIVATE_VERSION that calls the stream whole" in done.error


def test_a_state_that_calls_another_stream_cut_is_an_end(segment, mirror, singer, members):
    whole = singer.STATE(bookmarks={"s": {"progress_markers": {}}, "other": CUT, "odd": None})
    done = mirror([*members_of(singer, "a"), whole])
    assert (done.exit_code, members(segment)) == (0, {"a"})


def test_a_version_counts_as_an_end(segment, mirror, singer, members):
    messages = [
        *members_of(singer, "a")[:-1],
        {"type": "ACTIVATE_VERSION", "stream": "s", "version": 1},
    ]
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (0, {"a"})


def test_a_version_of_another_stream_is_no_end(segment, mirror, singer, members):
    messages = [
        *members_of(singer, "a")[:-1],
        {"type": "ACTIVATE_VERSION", "stream": "other", "version": 1},
    ]
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcd"))


def test_a_broken_line_removes_nobody(segment, mirror, singer, members):
    messages = [*members_of(singer, "a"), b'{"type":"RECORD","stream":"s","rec']
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcd"))
    assert "nothing was removed or replaced" in done.log


def test_a_stream_that_brings_only_what_is_new_cannot_mirror(segment, run, singer, app):
    messages = members_of(singer, "a")
    messages[0]["bookmark_properties"] = ["updated_at"]
    done = run(messages, **entry("segment_mirror", segment_id=segment), **app)
    assert done.exit_code == 1
    assert "bookmark_properties" in done.error


def test_nothing_is_made_for_a_stream_that_is_refused(run, app, singer, simulator):
    message = singer.SCHEMA("s", {"id": "string"}) | {"bookmark_properties": ["at"]}
    done = run(
        [message], **entry("segment_mirror", segment_name="Never", create_missing=True), **app
    )
    assert done.exit_code == 1
    assert "Never" not in [row["name"] for row in listed(simulator, "segments")]


def test_a_copy_of_a_stream_that_is_filtered_to_nothing_removes_nobody(
    segments, run, app, singer, members
):
    one, other = segments
    done = run(
        members_of(singer, "a"),
        stream_maps={
            "s": {"__else__": None, "id": "id"},
            "t": {"__source__": "s", "__filter__": "id == 'none'"},
        },
        streams=[
            {"stream": name, "operation": "segment_mirror", "segment_id": number}
            for name, number in (("s", one), ("t", other))
        ],
        max_removed_percent=100,
        **app,
    )
    assert (done.exit_code, members(one), members(other)) == (1, {"a"}, set("wxyz"))
    assert (
        "'t' (segment_mirror): nothing was removed or replaced, since it brought no" in done.error
    )


TAP = """
import os, sys
sys.stdout.write(sys.argv[1])
sys.stdout.flush()
{end}
"""


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit(1)"])
def test_a_tap_that_dies_after_some_records_removes_nobody(
    mirroring, singer, configure, simulator, end
):
    """The pipe closes just as after a tap that is done, but the last word is a RECORD."""
    messages = [*members_of(singer, "a"), singer.RECORD("s", id="b")]
    tap = subprocess.Popen(
        [sys.executable, "-c", TAP.format(end=end), as_lines(messages).decode()],
        stdout=subprocess.PIPE,
    )
    command = [COMMAND, "--config", str(configure(**mirroring))]
    with tap:
        done = subprocess.run(
            command, stdin=tap.stdout, capture_output=True, check=False, timeout=60
        )
    assert tap.returncode != 0
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nothing was removed or replaced" in done.stderr
    assert changes(simulator) == []


# A segment that each record names


def named_members(singer, *rows, keys=()):
    columns = {"segment_id": "integer", "id": "string", "_sdc_deleted_at": "string"}
    return [
        singer.SCHEMA("segment_mirror", columns, keys),
        *(singer.RECORD("segment_mirror", segment_id=one, id=who) for one, who in rows),
        singer.STATE(rows=len(rows)),
    ]


def test_a_mirror_sets_every_segment_that_its_records_name(segments, run, app, singer, members):
    one, other = segments
    rows = [(one, "a"), (other, "w"), (one, "b"), (one, "c"), (other, "x"), (other, "a")]
    done = run(named_members(singer, *rows), **app, max_removed_percent=50)
    assert (done.exit_code, members(one), members(other)) == (0, set("abc"), set("wxa"))
    assert json.loads(done.states[-1]) == {"rows": 6}
    assert "6 records, 6 accepted, 0 rejected" in done.log


def test_what_is_too_much_for_one_segment_stops_no_other(segments, run, app, singer, members):
    one, other = segments
    rows = [(one, "a"), *((other, each) for each in "wxy")]
    done = run(named_members(singer, *rows), **app, max_removed_percent=25)
    assert (done.exit_code, members(one), members(other)) == (1, set("abcd"), set("wxy"))
    assert f"Of segment {one} 3 of 4 members would have been removed" in done.error
    assert f"segment {other} " not in done.error
    assert done.states == []
    assert "4 records, 3 accepted" in done.log


def test_what_stopped_a_segment_is_told_also_if_another_gets_no_answer(
    segments, run, app, singer, members, *, simulator
):
    one, other = segments
    simulator.fault(times=None, path=f"/v1/segments/{other}/membership", status=403)
    done = run(named_members(singer, (one, "a"), (other, "w")), **app, max_removed_percent=25)
    assert (done.exit_code, members(one), members(other)) == (1, set("abcd"), set("wxyz"))
    assert f"Of segment {one} 3 of 4 members would have been removed" in done.error
    assert "does not allow `app_api_key`" in done.error


def test_a_segment_that_no_record_names_stays_as_it_is(segments, run, app, singer, members):
    one, other = segments
    run(named_members(singer, (one, "a")), **app, max_removed_percent=100)
    assert (members(one), members(other)) == ({"a"}, set("wxyz"))


def test_the_last_one_who_left_empties_the_segment(segments, run, app, singer, members):
    one, other = segments
    messages = named_members(singer, (one, "a"), (other, "w"))
    messages[2]["record"]["_sdc_deleted_at"] = "2026-01-01T00:00:00Z"
    done = run(messages, delete_on_sdc_deleted=True, max_removed_percent=100, **app)
    assert (done.exit_code, members(one), members(other)) == (0, {"a"}, set())


@pytest.mark.parametrize("bad", [None, "", 0, -7, 7.5, True, "seven", 999, "9" * 5_000])
def test_a_record_that_names_no_segment_that_is_there_lets_nobody_be_removed(
    segments, run, app, singer, members, *, bad
):
    messages = named_members(singer, (segments[0], "a"), (bad, "b"))
    messages[0]["schema"]["properties"]["segment_id"] = {}
    done = run(messages, max_removed_percent=100, **app)
    assert (done.exit_code, members(segments[0])) == (1, set("abcd"))
    assert [one["rejection"]["field"] for one in done.rejects[1:]] == ["segment_id"]
    assert "3 people were not removed" in done.log


def test_a_stream_that_does_not_say_its_segment_is_refused_at_once(run, app, singer, simulator):
    done = run([singer.SCHEMA("segment_mirror", {"id": "string"})], **app)
    assert done.exit_code == 1
    assert "needs a column `segment_id`" in done.error


def test_a_mirror_shares_a_segment_that_its_records_name_with_nobody(
    segments, run, app, singer, members
):
    one, _ = segments
    columns = {"segment_id": "integer", "id": "string"}
    other = [
        singer.SCHEMA("segment_add", columns),
        singer.RECORD("segment_add", segment_id=one, id="w"),
    ]
    for messages in (
        [*other, *named_members(singer, (one, "a"))],
        [*named_members(singer, (one, "a")), *other],
    ):
        done = run(messages, **app, max_removed_percent=100)
        assert done.exit_code == 1
        assert f"both for segment {one}" in done.error
        assert set("abcd") <= members(one)
