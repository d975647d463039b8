from __future__ import annotations

import signal
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_customerio import time_limit
from target_customerio.checks import (
    SLOW_RECORDS,
    RecordCheck,
    SchemaError,
    SchemaTooSlow,
)
from target_customerio.quick_checks import compile_schema


def check(properties, record, **schema):
    return RecordCheck({"type": "object", "properties": properties, **schema})(record)


@pytest.mark.parametrize(
    ("column", "valid", "invalid"),
    [
        ({"type": "string"}, ["a", ""], [1, None, True, Decimal("1.5"), [], {}]),
        ({"type": ["null", "string"]}, ["a", None], [1]),
        ({"type": "integer"}, [1, 2**70, Decimal("1.0")], [True, Decimal("1.5"), "1"]),
        ({"type": "number"}, [1, Decimal("1.5")], [True, "1"]),
        ({"type": "boolean"}, [True], [1, "true"]),
        ({"type": "object"}, [{}], [[], "{}"]),
        ({"type": "array", "items": {"type": "string"}}, [[], ["a"]], [[1], {}]),
        ({}, [1, None, {}], []),
        (True, [1], []),
        ({"enum": ["a", "b", 3, None]}, ["a", 3, None], ["c", 4]),
        ({"const": "a"}, ["a"], ["b"]),
        ({"maxLength": 2}, ["é" * 2, 5], ["abc"]),
        ({"minLength": 2}, ["ab"], ["a"]),
        ({"pattern": "^a"}, ["ab", 1], ["b"]),
        ({"minimum": 1, "maximum": 3}, [1, 3, Decimal("2.5"), "x"], [0, Decimal("3.1")]),
        ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, [2], [1, 3]),
        (
            {"multipleOf": Decimal("0.01")},
            [1, Decimal("1.25"), Decimal("1E+30")],
            [Decimal("1.255")],
        ),
        ({"multipleOf": 5}, [10], [11]),
        ({"multipleOf": Decimal("1E-38")}, [123456789012, Decimal("0.1")], []),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, ["ab"], ["a", 1]),
        ({"oneOf": [{"type": "string"}, {"maxLength": 1}]}, ["ab", 7], ["a"]),
        ({"not": {"type": "string"}}, [1], ["a"]),
        ({"$ref": "#/definitions/small"}, [1], [11]),
        ({"format": "date-time", "type": "string"}, ["soon"], []),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}}},
            [{"a": 1}, {}],
            [{"a": "1"}],
        ),
        ({"type": "object", "required": ["a"]}, [{"a": 1}], [{}]),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}], [{"b": 1}]),
        ({"additionalProperties": {"type": "string"}}, [{"a": "b"}], [{"a": 1}]),
        ({"items": {"properties": {"a": {"minimum": 1}}}}, [[{"a": 2}, {}]], [[{"a": 0}]]),
    ],
)
def test_each_keyword_tells_valid_from_invalid(column, valid, invalid):
    definitions = {"small": {"maximum": 10}}
    for value in valid:
        assert check({"c": column}, {"c": value}, definitions=definitions) is None, value
    for value in invalid:
        rejection = check({"c": column}, {"c": value}, definitions=definitions)
        assert rejection is not None, value
        assert rejection.reason == "schema"


def test_bounds_of_draft_4_are_understood():
    column = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 9}
    assert check({"c": column}, {"c": 1}) is None
    assert check({"c": column}, {"c": 9}) is None
    assert check({"c": column}, {"c": 0}) is not None


def test_columns_that_taps_add_are_not_checked():
    schema = {"a": {"type": "integer"}}
    assert check(schema, {"a": 1, "_sdc_x": 1}, additionalProperties=False) is None
    assert check(schema, {"a": 1, "b": 1}, additionalProperties=False) is not None


@pytest.mark.parametrize(
    ("properties", "record", "field", "message"),
    [
        ({"a": {"type": "integer"}}, {"a": "secret"}, "a", 'breaks type: "integer"'),
        ({"a": {"enum": ["x"]}}, {"a": "secret"}, "a", 'breaks enum: ["x"]'),
        (
            {"a": {"items": {"properties": {"b": {"maxLength": 2}}}}},
            {"a": [{"b": "secret"}]},
            "a.[].b",
            "breaks maxLength: 2",
        ),
        (
            {"a": {"additionalProperties": {"type": "integer"}}},
            {"a": {"secret": "secret"}},
            "a.*",
            'breaks type: "integer"',
        ),
        (
            {"a": {"multipleOf": Decimal("0.5")}},
            {"a": Decimal("0.7")},
            "a",
            'breaks multipleOf: "0.5"',
        ),
        ({"a": {"required": ["b", "c"]}}, {"a": {"b": "secret"}}, "a", "the schema requires c"),
    ],
)
def test_a_fault_is_put_into_words_of_the_schema_alone(properties, record, field, message):
    rejection = check(properties, record)
    assert (rejection.field, rejection.message) == (field, message)
    assert "secret" not in repr(rejection)


def test_a_schema_that_is_none_is_refused():
    with pytest.raises(SchemaError, match=r"properties\.a\.type"):
        RecordCheck({"properties": {"a": {"type": "text"}}})


ENDLESS = "^(a+)+$"
TEXT = "a" * 100 + "!"
DOUBLING = {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)} | {"40": {}}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ({"pattern": ENDLESS}, TEXT),
        ({"items": {"anyOf": [{"pattern": ENDLESS}, {"type": "string"}]}}, [TEXT] * 1_000),
        ({"patternProperties": {ENDLESS: {}}}, {TEXT: 1}),
        ({"patternProperties": {ENDLESS: {}}, "additionalProperties": False}, {TEXT: 1}),
        ({"patternProperties": {ENDLESS: {}}, "unevaluatedProperties": False}, {TEXT: 1}),
        ({"propertyNames": {"pattern": ENDLESS}}, {TEXT: 1}),
        ({"contains": {"pattern": ENDLESS}}, [TEXT]),
        ({"$ref": "#/$defs/0"}, 1),
    ],
)
def test_what_would_never_end_is_refused_and_then_ends_the_run(column, value, monkeypatch):
    monkeypatch.setattr(time_limit, "SECONDS", 0.01)
    judge = RecordCheck({"properties": {"c": column}, "$defs": DOUBLING})
    for _ in range(SLOW_RECORDS):
        assert judge({"c": value}).reason == "too_slow"
    with pytest.raises(SchemaTooSlow, match="takes too long"):
        judge({"c": value})


def test_a_fault_found_in_time_is_no_lack_of_time(monkeypatch):
    monkeypatch.setattr(time_limit, "SECONDS", 0.01)
    judge = RecordCheck({"properties": {"c": {"pattern": ENDLESS}}})
    assert [judge({"c": "aab"}).reason for _ in range(20)] == ["schema"] * 20
    assert judge({"c": "aa"}) is None
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


@pytest.mark.parametrize("column", [{"pattern": "^[ab]*c"}, {"$ref": "#/$defs/a"}])
def test_text_that_no_item_can_hold_is_not_searched(column):
    judge = RecordCheck({"properties": {"c": column}, "$defs": {"a": {"pattern": "^[ab]*c"}}})
    assert judge({"c": "a" * 32_001}) is None
    assert judge({"c": "a" * 32_000}).reason == "schema"


def test_a_name_that_no_item_can_hold_is_held_against_no_pattern():
    judge = RecordCheck({"properties": {"c": {"patternProperties": {"^(a|b)*$": {}}}}})
    assert judge({"c": {"a" * 32_000: 1}}) is None
    rejection = judge({"c": {"a" * 32_001: 1}})
    message = "a name of more than 32,000 characters is held against no pattern"
    assert (rejection.reason, rejection.message) == ("schema", message)
    assert check({"c": {}}, {"c": {"a" * 32_001: 1}}) is None


def test_a_pattern_that_may_change_its_meaning_one_day_is_read_as_it_is_today():
    assert check({"c": {"pattern": "^[[a]$"}}, {"c": "["}) is None


def test_a_reference_elsewhere_is_never_followed(monkeypatch):
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *request, **_: asked.append(request))
    rejection = check({"a": {"$ref": "http://127.0.0.1:9/schema.json"}}, {"a": 1})
    assert rejection.message == "the schema refers to something that is not in it"
    assert asked == []


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (False, "the schema allows no value here"),
        ({"$ref": "#/title"}, "the schema cannot be held against the record (AttributeError)"),
        ({"$ref": "#/allOf/x"}, "the schema cannot be held against the record (ValueError)"),
    ],
)
def test_a_schema_that_is_hardly_one_is_no_crash(column, message):
    rejection = check({"a": column}, {"a": "secret"}, title="secret", allOf=[{}])
    assert (rejection.reason, rejection.message) == ("schema", message)


def test_what_draft_3_requires_is_put_into_words_as_well():
    schema = {"a": {"required": True}, "b": {"type": "integer"}}
    rejection = check(
        schema, {"b": "secret"}, **{"$schema": "http://json-schema.org/draft-03/schema#"}
    )
    assert (rejection.field, rejection.message) == ("a", "breaks required: true")


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([Decimal("0.5"), Decimal("1.0"), Decimal("2.25")])
    | st.sampled_from(["", "a", "ab", "é"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=6,
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"])
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "enum": st.lists(LEAVES, min_size=1, max_size=3),
            "minimum": st.integers(-2, 2),
            "maximum": st.integers(-2, 2),
            "exclusiveMinimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "multipleOf": st.sampled_from([1, 2, Decimal("0.5"), Decimal("0.01")]),
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "pattern": st.sampled_from(["a", "^$"]),
            "format": st.just("date-time"),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner),
            "additionalProperties": st.booleans() | inner,
            "required": st.lists(st.sampled_from("ab"), unique=True),
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=4,
)


@given(SCHEMAS, VALUES)
def test_the_compiled_check_never_accepts_what_jsonschema_refuses(schema, value):
    if compile_schema(schema)(value):
        judge = RecordCheck({"properties": {"c": schema}})._validator
        assert list(judge.iter_errors({"c": value})) == []


@given(SCHEMAS, VALUES)
def test_the_verdict_is_that_of_jsonschema(schema, value):
    plain = jsonschema.Draft202012Validator(as_floats({"properties": {"c": schema}}))
    verdict = RecordCheck({"properties": {"c": schema}})({"c": value})
    assert (verdict is None) == plain.is_valid(as_floats({"c": value}))


def as_floats(value):
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: as_floats(member) for name, member in value.items()}
    return [as_floats(item) for item in value] if isinstance(value, list) else value
