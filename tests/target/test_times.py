from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_customerio.times import EARLIEST, LATEST, find_times, nanoseconds, unix_seconds

MOMENT = 1713484800


@pytest.mark.parametrize(
    "value",
    [
        MOMENT,
        MOMENT * 1000,
        Decimal("1713484800.75"),
        Decimal("1.7134848E+9"),
        "1713484800",
        "1713484800000",
        "1713484800.75",
        "2024-04-19",
        " 2024-04-19T00:00:00Z ",
        "2024-04-19t00:00:00z",
        "2024-04-19T00:00:00",
        "2024-04-19 00:00:00",
        "2024-04-19 00:00:00 UTC",
        "2024-04-19T00:00",
        "2024-04-19T00:00Z",
        "2024-04-19T02:00+02:00",
        "2024-04-19T02:00:00+0200",
        "2024-04-19T02:00:00+02",
        "2024-04-18T18:30:00-05:30",
        "2024-04-19T00:00:00.123456789Z",
        "2024-04-19T00:00:00,5",
    ],
)
def test_one_moment_written_in_many_ways(value):
    assert unix_seconds(value) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "soon",
        "infinity",
        "2024-13-01",
        "2024-02-30T00:00:00Z",
        "2024-04-19T24:00:00Z",
        "2024-04-19T00:60",
        "2024-04-19T00:00:00+24:00",
        "2024-04-19T00:00:00Zulu",
        "2024-04-19X00:00:00",
        "20240419T000000.123",
        "2024-W16-5T00:00:00",
        "٢٠٢٤-04-19",
        "2024-04-19" + " " * 60,
        "0001-01-01T00:00:00+10:00",
        True,
        None,
        [],
        {},
        Decimal("1E+999999"),
        10**30,
        1713484800000000,
    ],
)
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(ValueError):  # noqa: PT011 - the error has no text, since it would hold a value
        nanoseconds(value)


def test_milliseconds_begin_beyond_a_hundred_thousand_million():
    assert unix_seconds(10**11) == 10**11
    assert unix_seconds(10**11 + 1) == 10**8


def test_fractions_count_to_the_nanosecond_and_are_dropped_for_sending():
    assert nanoseconds("2024-04-19T00:00:00.000000001Z") == MOMENT * 10**9 + 1
    assert nanoseconds("2024-04-19T00:00:00.0000000019Z") == MOMENT * 10**9 + 1
    assert unix_seconds("1969-12-31T23:59:59.5Z") == -1


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from("T t"),
)
def test_iso_text_says_what_datetime_says(moment, minutes, separator):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = aware - datetime(1970, 1, 1, tzinfo=timezone.utc)
    exact = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
    assert nanoseconds(aware.isoformat(separator)) == exact


@given(st.text(max_size=80) | st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_anything_is_read_or_refused(value):
    try:
        moment = nanoseconds(value)
    except ValueError:
        return
    assert EARLIEST <= moment <= LATEST


TIME = {"type": ["string", "null"], "format": "date-time"}
TEXT = {"type": ["string", "null"]}


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (TIME, "2024-04-19T00:00:00Z", MOMENT),
        (TIME, None, None),
        (TIME, MOMENT * 1000, MOMENT),
        ({"type": "string", "format": "date"}, "2024-04-19", "2024-04-19"),
        ({"anyOf": [TIME, {"type": "null"}]}, "2024-04-19", MOMENT),
        ({"oneOf": [{"type": "null"}, TIME]}, "2024-04-19", MOMENT),
        ({"anyOf": [TIME, TEXT]}, "soon", "soon"),
        ({"anyOf": [TIME, TEXT]}, "2024-04-19", MOMENT),
        ({"type": "array", "items": TIME}, ["2024-04-19", None], [MOMENT, None]),
        (
            {"type": "object", "properties": {"at": TIME, "name": TEXT}},
            {"at": "2024-04-19", "name": "2024-04-19", "more": "2024-04-19"},
            {"at": MOMENT, "name": "2024-04-19", "more": "2024-04-19"},
        ),
        ({"type": "object", "additionalProperties": TIME}, {"x": "2024-04-19"}, {"x": MOMENT}),
        ({"$ref": "#/definitions/time"}, "2024-04-19", MOMENT),
        (
            {"$ref": "#/definitions/tree"},
            {"at": "2024-04-19", "children": [{"at": "2024-04-19", "children": []}]},
            {"at": MOMENT, "children": [{"at": MOMENT, "children": []}]},
        ),
    ],
)
def test_moments_are_found_at_any_depth(column, value, expected):
    tree = {
        "type": "object",
        "properties": {"at": TIME, "children": {"items": {"$ref": "#/definitions/tree"}}},
    }
    schema = {"properties": {"c": column}, "definitions": {"time": TIME, "tree": tree}}
    times = find_times(schema)
    before = repr(value)
    converted = times["c"].convert(value, unix_seconds) if "c" in times else value
    assert converted == expected
    assert repr(value) == before


def test_columns_without_moments_are_left_alone():
    tree = {"properties": {"children": {"items": {"$ref": "#/properties/c"}}}}
    schema = {"properties": {"a": TEXT, "b": {"$ref": "https://example.com/x"}, "c": tree, "d": {}}}
    assert find_times(schema) == {}


def test_an_unreadable_moment_is_refused_at_any_depth():
    times = find_times({"properties": {"c": {"items": {"properties": {"at": TIME}}}}})
    with pytest.raises(ValueError):  # noqa: PT011 - the error has no text
        times["c"].convert([{"at": "soon"}], unix_seconds)
