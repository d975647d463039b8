from __future__ import annotations

from decimal import Decimal

from target_customerio import shapes
from target_customerio.checks import RecordCheck
from target_customerio.event_id import CANONICAL
from target_customerio.shapes import Shapes

SCHEMA = {"properties": {"a": {"type": ["string", "null"]}, "b": {"type": "number"}, "_sdc_c": {}}}


def shapes_of(schema) -> Shapes:
    return Shapes(frozenset({"a", "b"}), ("b",), RecordCheck(schema).is_typed)


def test_a_shape_tells_what_follows_from_columns_and_types():
    shape = shapes_of(SCHEMA).of({"a": None, "b": Decimal("1.5")})
    assert shape == (True, True, "", ("a",), (("b", CANONICAL[Decimal]),))


def test_a_missing_key_is_seen():
    assert shapes_of(SCHEMA).of({"a": "x"}).lacks == "b"


def test_a_type_that_the_schema_forbids_is_seen():
    assert not shapes_of(SCHEMA).of({"a": 1}).is_typed
    assert not shapes_of(SCHEMA).of({"b": True}).is_typed  # which Python takes for a number
    assert shapes_of(SCHEMA).of({"unknown": 1}).is_typed


def test_metadata_and_unknown_columns_are_not_foreseen():
    assert not shapes_of(SCHEMA).of({"a": "x", "_sdc_c": 1}).is_foreseen
    assert not shapes_of(SCHEMA).of({"other": "x"}).is_foreseen


def test_the_same_columns_with_other_types_are_another_shape():
    known = shapes_of(SCHEMA)
    assert known.of({"a": "x", "b": 1}) is known.of({"a": "y", "b": 2})
    assert known.of({"a": "x", "b": 1}) != known.of({"a": None, "b": 1})
    assert len(known) == 2


def test_shapes_cost_bounded_memory(monkeypatch):
    monkeypatch.setattr(shapes, "REMEMBERED", 10)
    known = shapes_of(SCHEMA)
    for number in range(1_000):
        known.of({f"column_{number}": 1})
        assert len(known) <= 10
