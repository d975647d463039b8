"""Periods by the clock on the wall."""

from __future__ import annotations

import zoneinfo

import pytest

from tap_customerio import times
from tap_customerio.calendars import EST, Calendar

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SANTIAGO = zoneinfo.ZoneInfo("America/Santiago")
KOLKATA = zoneinfo.ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("resolution", "zone", "moment", "start"),
    [
        ("hours", EST, "2026-11-21T20:14:03Z", "2026-11-21T20:00:00Z"),
        ("hours", KOLKATA, "2026-11-21T20:14:03Z", "2026-11-21T19:30:00Z"),
        # The hour that comes twice, the second time.
        ("hours", BERLIN, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z"),
        ("days", EST, "2026-11-21T20:14:03Z", "2026-11-21T05:00:00Z"),
        ("days", EST, "2026-11-21T04:59:59Z", "2026-11-20T05:00:00Z"),
        ("days", EST, "2026-07-21T05:00:00Z", "2026-07-21T05:00:00Z"),
        ("days", BERLIN, "2026-07-21T22:00:00Z", "2026-07-21T22:00:00Z"),
        ("days", BERLIN, "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z"),
        ("days", SANTIAGO, "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z"),
        ("weeks", EST, "2026-11-21T20:14:03Z", "2026-11-15T05:00:00Z"),
        ("weeks", EST, "2026-11-15T05:00:00Z", "2026-11-15T05:00:00Z"),
        ("weeks", BERLIN, "2026-10-26T00:00:00Z", "2026-10-24T22:00:00Z"),
        ("months", EST, "2026-11-01T04:59:59Z", "2026-10-01T05:00:00Z"),
        ("months", BERLIN, "2026-11-21T20:14:03Z", "2026-10-31T23:00:00Z"),
    ],
)
def test_the_start_of_the_period_that_a_moment_lies_in(resolution, zone, moment, start):
    calendar = Calendar(resolution, zone)
    assert times.to_text(calendar.start(times.to_seconds(moment))) == start


@pytest.mark.parametrize(
    ("resolution", "zone", "start", "periods", "expected"),
    [
        ("hours", BERLIN, "2026-10-25T00:00:00Z", 2, "2026-10-25T02:00:00Z"),
        ("days", EST, "2026-11-21T05:00:00Z", -45, "2026-10-07T05:00:00Z"),
        ("days", BERLIN, "2026-10-24T22:00:00Z", 1, "2026-10-25T23:00:00Z"),
        ("days", BERLIN, "2026-03-28T23:00:00Z", 1, "2026-03-29T22:00:00Z"),
        # Midnight does not exist on that day: it starts at one.
        ("days", SANTIAGO, "2026-09-05T04:00:00Z", 1, "2026-09-06T04:00:00Z"),
        ("days", SANTIAGO, "2026-09-06T04:00:00Z", 1, "2026-09-07T03:00:00Z"),
        ("weeks", BERLIN, "2026-10-24T22:00:00Z", 1, "2026-10-31T23:00:00Z"),
        # A week that does not start on Sunday goes on from where it starts.
        ("weeks", EST, "2026-11-16T05:00:00Z", 1, "2026-11-23T05:00:00Z"),
        ("months", EST, "2026-11-01T05:00:00Z", -11, "2025-12-01T05:00:00Z"),
        ("months", BERLIN, "2026-09-30T22:00:00Z", 1, "2026-10-31T23:00:00Z"),
    ],
)
def test_periods_follow_each_other_by_the_clock_on_the_wall(
    resolution, zone, start, periods, expected
):
    calendar = Calendar(resolution, zone)
    assert times.to_text(calendar.step(times.to_seconds(start), periods)) == expected


@pytest.mark.parametrize("resolution", ["hours", "days", "weeks", "months"])
@pytest.mark.parametrize("zone", [EST, BERLIN, SANTIAGO, KOLKATA], ids=str)
@pytest.mark.parametrize("periods", [1, 2, 13, 50, 700])
def test_counting_is_stepping_backwards(resolution, zone, periods):
    calendar = Calendar(resolution, zone)
    last = calendar.start(times.to_seconds("2026-11-21T20:14:03Z"))
    first = calendar.step(last, 1 - periods)
    assert calendar.start(first) == first
    assert calendar.count(first, last) == periods
