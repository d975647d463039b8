from __future__ import annotations

import itertools
import logging

import pytest
import time_machine

from tap_customerio import state as bookmarks
from tap_customerio import times
from tap_customerio.errors import StreamError
from tap_customerio.settings import SETTINGS, parse
from tap_customerio.state import Window, WindowBookmark, plan_windows
from tap_customerio.streams import STREAMS

from .conftest import run, selection

NOW = times.to_seconds("2026-11-21T20:14:03Z")
DEFAULTS = {
    name: setting.get("default") for name, setting in SETTINGS.to_dict()["properties"].items()
} | {"app_api_key": "k", "region": "us"}


def settings(**config):
    return parse({**DEFAULTS, **config}, user_agent="")


def plan(state=None, **config):
    windows = plan_windows(settings(**config), {} if state is None else state, NOW)
    # No gap and no overlap, though both bounds are included; none longer than asked for.
    for earlier, later in itertools.pairwise(windows):
        assert later.start == earlier.end + 1
    days = config.get("messages_window_days", 7)
    assert all(0 <= window.end - window.start < days * times.DAY for window in windows)
    return windows


def span(windows):
    return times.to_text(windows[0].start), times.to_text(windows[-1].end)


def bookmark(text, **more):
    return {"replication_key": "created", "replication_key_value": text, **more}


def test_quirk_34_without_a_start_date_the_last_six_months_are_asked_for_by_name():
    windows = plan()
    assert span(windows) == ("2026-05-21T20:14:03Z", "2026-11-21T20:14:03Z")
    assert len(windows) == 27


def test_quirk_34_a_longer_history_is_read_in_windows_of_at_most_six_months():
    windows = plan(start_date="2023-01-01", messages_window_days=180)
    assert span(windows) == ("2023-01-01T00:00:00Z", "2026-11-21T20:14:03Z")
    assert len(windows) == 8


def test_quirk_36_windows_are_one_second_apart():
    first, second, *_ = plan(start_date="2026-11-01")
    assert times.to_text(first.end) == "2026-11-07T23:59:59Z"
    assert times.to_text(second.start) == "2026-11-08T00:00:00Z"


def test_quirk_37_a_finished_run_is_followed_by_one_that_looks_back():
    windows = plan(bookmark("2026-11-20T00:00:00Z"))
    assert span(windows) == ("2026-10-21T00:00:00Z", "2026-11-21T20:14:03Z")


def test_looking_back_stops_at_the_start_date():
    windows = plan(bookmark("2026-11-20T00:00:00Z"), start_date="2026-11-10")
    assert span(windows)[0] == "2026-11-10T00:00:00Z"


def test_an_unfinished_run_goes_on_without_looking_back():
    state = bookmark("2026-11-20T00:00:00Z", resume_from="2026-11-12T00:00:00Z")
    assert span(plan(state))[0] == "2026-11-12T00:00:00Z"


def test_the_end_date_is_not_read_itself():
    windows = plan(start_date="2026-01-01", end_date="2026-02-01")
    assert span(windows)[1] == "2026-01-31T23:59:59Z"


def test_an_end_date_without_a_start_date_means_the_six_months_before_it():
    assert span(plan(end_date="2025-07-01"))[0] == "2024-12-30T23:59:59Z"


def test_an_end_date_in_the_future_is_the_present():
    assert span(plan(end_date="2030-01-01"))[1] == "2026-11-21T20:14:03Z"


def test_nothing_is_left_to_read_after_the_end_date():
    assert plan(start_date="2026-02-01", end_date="2026-02-01") == []


def test_a_read_that_starts_anew_takes_no_notice_of_the_state():
    assert plan_windows(settings(), None, NOW) == plan()


WINDOWS = [Window(0, 9), Window(10, 19), Window(20, 29)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_bookmark_covers_the_windows_before_which_none_is_missing(order):
    state = {}
    moving = WindowBookmark(state, "created", WINDOWS)
    done = set()
    for index in order:
        moved = moving.whole(WINDOWS[index])
        done.add(index)
        passed = next((n for n in range(3) if n not in done), 3)
        assert moved == (index < passed)
        if passed:
            end = WINDOWS[passed - 1].end
            assert state == bookmark(times.to_text(end), resume_from=times.to_text(end + 1))
        else:
            assert state == {}
    moving.finish()
    assert state == bookmark(times.to_text(29))


def test_reading_again_does_not_move_the_bookmark_back():
    state = bookmark(times.to_text(25))
    moving = WindowBookmark(state, "created", WINDOWS)
    moving.whole(WINDOWS[0])
    assert state == bookmark(times.to_text(25), resume_from=times.to_text(10))


def test_a_read_without_a_state_leaves_no_trace():
    moving = WindowBookmark(None, "created", WINDOWS)
    assert [moving.whole(window) for window in WINDOWS] == [False] * 3
    moving.finish()


@pytest.mark.parametrize("value", [5, "soon", ["2026"], {"a": 1}])
def test_a_bookmark_that_is_no_time_is_an_error_that_names_it(value):
    with pytest.raises(StreamError, match="replication_key_value"):
        bookmarks.read({"replication_key_value": value})


def ahead(state):
    return bookmarks.drop_future(state, bookmarks.TIMES, NOW, logging.getLogger())


@pytest.mark.parametrize(
    "state",
    [
        bookmark("2031-01-01T00:00:00Z"),
        bookmark("2031-01-01T00:00:00Z", resume_from="2031-01-01T00:00:01Z"),
        {"resume_from": "9999-12-31T23:59:59Z"},
    ],
)
def test_a_time_that_is_still_to_come_is_dropped(state, caplog):
    assert ahead(state)
    assert plan(state) == plan({})
    assert not state.keys() & {"replication_key_value", "resume_from"}
    assert "a clock was wrong" in caplog.text


def test_clocks_that_are_set_may_differ(caplog):
    state = bookmark(times.to_text(NOW + bookmarks.CLOCKS))
    assert not ahead(state)
    assert state == bookmark(times.to_text(NOW + bookmarks.CLOCKS))
    assert not caplog.text


def test_an_unfinished_run_of_a_wrong_clock_leaves_the_bookmark_before_it():
    state = bookmark("2026-11-20T00:00:00Z", resume_from="2031-01-01T00:00:01Z")
    assert ahead(state)
    assert state == bookmark("2026-11-20T00:00:00Z")


INCREMENTAL = [stream.name for stream in STREAMS if isinstance(stream.replication_key, str)]


@pytest.mark.parametrize("stream", INCREMENTAL)
def test_no_stream_is_hidden_by_a_bookmark_that_is_still_to_come(stream, customerio_simulator):
    simulator = customerio_simulator(people=20, now=NOW, rate_limit=0)
    settings = {"app_api_key": simulator.app_api_key, "metrics_parent_days": 0}
    time = "2031-01-01T00:00:00Z"
    ahead = {"replication_key_value": time}
    cut = {"progress_markers": {"notes": {"began": time, "newest": time}}}
    with time_machine.travel(NOW, tick=True):
        fresh, *others = [
            run(simulator.url, stream, state={"bookmarks": {stream: state}}, **settings)
            for state in ({}, ahead, cut)
        ]
    assert fresh.records(stream)
    for found in others:
        assert len(found.records(stream)) == len(fresh.records(stream))
        assert found.bookmark(stream).keys() == fresh.bookmark(stream).keys()
        assert found.bookmark(stream)["replication_key_value"] < time


def test_a_read_that_leaves_the_bookmark_alone_leaves_one_that_is_still_to_come(fake):
    fake.routes["/v1/activities"] = {"activities": []}
    ahead = {"bookmarks": {"activities": bookmark("2031-01-01T00:00:00Z")}}
    catalog = selection("activities", method="FULL_TABLE")
    assert run(fake.url, state=ahead, catalog=catalog).state == ahead
