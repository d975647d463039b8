from __future__ import annotations

import pytest

from tap_customerio import times


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_292_043, "2026-11-21T20:14:03Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
    ],
)
def test_seconds_and_text_are_two_writings_of_one_moment(seconds, text):
    assert times.to_text(seconds) == text
    assert times.to_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T21:14:03+01:00",
        "2026-11-21 20:14:03",
        "2026-11-21T20:14:03.999Z",
        "2026-11-21t20:14:03z",
        " 2026-11-21T20:14:03Z ",
    ],
)
def test_text_is_read_liberally(text):
    assert times.to_seconds(text) == 1_795_292_043


def test_a_date_is_its_first_second_in_utc():
    assert times.to_text(times.to_seconds("2026-11-21")) == "2026-11-21T00:00:00Z"


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "1795292043"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        times.to_seconds(text)


def test_a_year_beyond_the_calendar_is_refused():
    with pytest.raises(OverflowError):
        times.to_text(10**15)


@pytest.mark.parametrize(
    ("text", "months", "before"),
    [
        ("2026-11-21T20:14:03Z", 6, "2026-05-21T20:14:03Z"),
        ("2026-08-31T00:00:00Z", 6, "2026-02-28T00:00:00Z"),
        ("2026-01-15T00:00:00Z", 1, "2025-12-15T00:00:00Z"),
        ("2026-03-15T00:00:00Z", 15, "2024-12-15T00:00:00Z"),
    ],
)
def test_months_are_those_of_the_calendar(text, months, before):
    assert times.to_text(times.months_before(times.to_seconds(text), months)) == before
