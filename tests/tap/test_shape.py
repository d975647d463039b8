from __future__ import annotations

import logging
from decimal import Decimal

import jsonschema
import pytest

from tap_customerio.errors import StreamError
from tap_customerio.shape import Shaper, to_seconds
from tap_customerio.streams import schema as s

SCHEMA = s.record(
    s.integer_key("id", "key"),
    s.integer("number", "number"),
    s.text("text", "text"),
    s.flag("flag", "flag"),
    s.moment("at", "moment"),
    s.texts("tags", "tags"),
    s.integers("ids", "ids"),
    s.references("actions", "actions"),
    s.identifiers("who", "person"),
    s.moments("metrics", "moments"),
    s.free_object("data", "object"),
    s.untyped("any", "untyped"),
)


def shape(row, caplog=None):
    record = Shaper("things", SCHEMA, ("id",), logging.getLogger("test"))({"id": 1, **row})
    jsonschema.validate(record, SCHEMA)
    return record


def test_values_that_are_right_stay_as_they_are():
    row = {
        "number": 5, "text": "a", "flag": False, "tags": ["x"], "ids": [1, 2],
        "who": {"cio_id": "a3", "id": None}, "data": {"deep": [{"x": 1.5}]}, "any": '{"and":[]}',
    }  # fmt: skip
    assert shape(dict(row)) == {"id": 1, **row}


def test_unknown_properties_are_kept_at_every_depth():
    row = {"brand_new": {"x": [1]}, "who": {"phone": "+49"}, "actions": [{"id": 1, "new": 2}]}
    assert shape(dict(row)) == {"id": 1, **row}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_795_292_043, "2026-11-21T20:14:03Z"),
        (1_795_292_043.75, "2026-11-21T20:14:03Z"),
        ("1795292043", "2026-11-21T20:14:03Z"),
        ("2026-11-21T21:14:03+01:00", "2026-11-21T20:14:03Z"),
        (0, None),
        ("0", None),
        ("", None),
        (None, None),
    ],
)
def test_quirk_14_times_become_one_format_and_zero_means_never(value, expected):
    assert shape({"at": value})["at"] == expected


@pytest.mark.parametrize("value", [10**15, True, {}, [], "soon", float("inf")])
def test_a_time_that_is_none_becomes_null_and_is_mentioned_once(value, caplog):
    shaper = Shaper("things", SCHEMA, ("id",), logging.getLogger("test"))
    assert [shaper({"id": 1, "at": value})["at"] for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1
    assert "'at'" in caplog.text
    assert "'things'" in caplog.text
    assert str(value) not in caplog.text.replace("at", "")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", "18", 18),
        ("number", 18.0, 18),
        ("number", "", None),
        ("text", 42, "42"),
        ("text", [{"name": "X-Tag"}], '[{"name":"X-Tag"}]'),
        ("text", True, "true"),
        ("flag", "true", True),
        ("flag", 0, False),
        ("tags", "nil", None),
        ("tags", "one", ["one"]),
        ("tags", [1, None, "b"], ["1", "b"]),
        ("ids", ["7", 8], [7, 8]),
        ("actions", [{"id": "26", "type": "email"}], [{"id": 26, "type": "email"}]),
        ("who", {"id": 42, "cio_id": 30000001}, {"id": "42", "cio_id": "30000001"}),
        ("data", '{"a":1}', {"a": 1}),
        (
            "metrics",
            {"sent": 1_795_292_043, "link:2": "1795292043", "opened": 0},
            {"sent": "2026-11-21T20:14:03Z", "link:2": "2026-11-21T20:14:03Z", "opened": None},
        ),
    ],
)
def test_values_of_another_type_are_converted(name, value, expected):
    assert shape({name: value})[name] == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "many"),
        ("number", 1.5),
        ("number", True),
        ("number", "9" * 5000),
        ("flag", "perhaps"),
        ("tags", 5),
        ("who", "somebody"),
        ("data", "[1"),
        ("data", [1]),
    ],
)
def test_values_that_no_conversion_fits_become_null(name, value, caplog):
    assert shape({name: value})[name] is None
    assert len(caplog.records) == 1


def test_one_bad_value_inside_an_object_spares_its_neighbours(caplog):
    assert shape({"metrics": {"sent": "soon", "opened": 1}})["metrics"] == {
        "sent": None,
        "opened": "1970-01-01T00:00:01Z",
    }
    assert "'metrics'" in caplog.text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (Decimal("0.10"), Decimal("0.10")),
        ("0.10", Decimal("0.10")),
        (" ", None),
        (None, None),
        ("many", None),
        ("nan", None),
        (True, None),
        ([], None),
    ],
)
def test_numbers_of_a_schema_of_the_users_own(value, expected):
    schema = {"properties": {"rate": {"type": ["number", "null"]}}}
    shaper = Shaper("things", schema, (), logging.getLogger("test"))
    assert shaper({"rate": value}) == {"rate": expected}


@pytest.mark.parametrize("schema", [{}, {"type": "null"}, {"type": "array"}, {"type": "whatever"}])
def test_what_a_schema_of_the_users_own_leaves_open_passes(schema):
    shaper = Shaper("things", {"properties": {"any": schema}}, (), logging.getLogger("test"))
    assert shaper({"any": [1, "a"]}) == {"any": [1, "a"]}


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": "abc"}, {"id": {}}])
def test_a_record_without_a_usable_key_ends_the_stream(row):
    with pytest.raises(StreamError, match="`id`"):
        Shaper("things", SCHEMA, ("id",), logging.getLogger("test"))(row)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), ("5", 5), (5.9, 5), (0, None), (None, None), ("soon", None), ([], None), (True, None)],
)
def test_to_seconds_never_fails(value, expected):
    assert to_seconds(value) == expected
