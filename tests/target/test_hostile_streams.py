"""What holds for any sequence of lines, whatever they hold."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from .sink import columns, decode, pour, record, schema, state

CANARY = "cAnArY"
"""Stands in every value and in no name: no line of the log may hold it."""

# Values as text of JSON, since what is hostile is often the way in which something is written.

NUMBERS = st.sampled_from(
    [
        *("0", "-0", "-0.0", "1", "1.0", "10E-1", "0.1000", "12345678901234567890.12345678901"),
        *("9" * 20, "9" * 4000, "9" * 5000, "1E400", "1e999999", "-1e999999", "1E-999999"),
        *("1e9999999", "1e999999999999999999999", "-1e-999999999999999999999", "0." + "3" * 5000),
        *("1713484800", "1713484800123", "253402300799", "99999999999999999999", "-62135596801"),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            *("", " ", "\x00", "\x1b[31m", "\u202e", "\U0001f600" * 400, "x" * 1_001, "y" * 40_000),
            *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30", "24:00"),
            *("NaN", "1e400", "cio_", "a@b", "01HVNGW8JY4M5N3X2Z7Q9R6T1S", "[[[[", '{"a":1e400}'),
        ]
    ),
).map(lambda text: json.dumps(CANARY + text if text.strip() else text))
NAMES = st.one_of(
    st.sampled_from(
        [
            *("id", "email", "customer_id", "person_id", "cio_id", "anonymous_id", "event_name"),
            *("timestamp", "event_id", "created_at", "when", "amount", "place", "plain"),
            *("__proto__", "_sdc_extracted_at", "_sdc_", "", "\x00", "a\nERROR b", "n" * 10_000),
            *("_update", "type", "identifiers", "attributes", "cio_relationships", "batch"),
            "cio_subscription_preferences",
        ]
    ),
    st.text(max_size=5),
)
WRONG = st.sampled_from(["NaN", "-Infinity", '"\\ud800"', '"\t"', "01", "1.", "[1,]", "", "tru"])


def objects(values):
    """Return strategies of objects, a name twice among them."""
    members = st.tuples(NAMES.map(json.dumps), values).map(":".join)
    return st.lists(members, max_size=6).map(lambda found: "{" + ",".join(found) + "}")


def nested(depth: int, opens: str, closes: str) -> str:
    return opens * depth + "1" + closes * depth


DEEP = st.builds(
    nested,
    st.sampled_from([50, 300, 450, 700, 990, 10_000]),
    *map(st.just, ("[", "]")),
) | st.builds(nested, st.sampled_from([50, 300, 450, 700, 10_000]), st.just('{"a":'), st.just("}"))
SCALARS = NUMBERS | TEXTS | st.sampled_from(["null", "true", "false"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda v: f"[{','.join(v)}]"),
    max_leaves=5,
)
ANY_VALUE = st.one_of(VALUES, VALUES, VALUES, DEEP)

TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"])
COLUMNS = st.one_of(
    st.just({}),
    st.builds(lambda kind: {"type": ["null", kind]}, TYPES),
    st.just({"type": ["string", "number", "null"], "format": "date-time"}),
    st.sampled_from(
        [
            *(True, False, None, 5, "string", [], {"type": "varchar"}, {"type": []}, {"type": 5}),
            *({"$ref": "#"}, {"$ref": "#/definitions/loop"}, {"$ref": "http://127.0.0.1:9/x"}),
            *({"$ref": "#/title"}, {"$ref": 5}, {"$ref": "#/allOf/x"}, {"$dynamicRef": "#x"}),
            *({"minimum": 0, "exclusiveMinimum": True}, {"multipleOf": 0.01}, {"multipleOf": 0}),
            *({"pattern": "("}, {"pattern": "a{99999999999}"}, {"pattern": "^a"}, {"enum": []}),
            *({"anyOf": [{"type": "string", "format": "date-time"}, {}]}, {"oneOf": [True, False]}),
            {"items": {"format": "date-time"}, "additionalProperties": {"format": "date-time"}},
        ]
    ),
)
STREAMS = st.sampled_from(["person_event", "person_identify", "object_identify", "person_merge"])
SCHEMAS = st.builds(
    lambda stream, properties, keys, extra: schema(stream, columns(**properties) | extra, keys),
    STREAMS | st.sampled_from(["", "unknown", "a\x1b\n", "s" * 1_000_000]),
    st.dictionaries(NAMES, COLUMNS, max_size=4),
    st.lists(st.sampled_from(["id", "when", "", "place"]), max_size=2),
    st.sampled_from(
        [
            *({}, {}, {}, {"definitions": {"loop": {"$ref": "#/definitions/loop"}}}),
            *({"title": "x", "allOf": [{}]}, {"properties": None}, {"properties": 5}),
            *({"required": ["plain"]}, {"$schema": 5}, {"$schema": "http://127.0.0.1:9/"}),
            *({"$id": "http://[x"}, {"additionalProperties": False}, {"type": "array"}),
            {"$schema": "http://json-schema.org/draft-03/schema#", "multipleOf": "x"},
        ]
    ),
)
GOOD_SCHEMAS = st.builds(
    lambda stream, when: schema(stream, columns(id={}, when=when)),
    STREAMS,
    st.sampled_from([{}, {"type": ["string", "number", "null"], "format": "date-time"}]),
)
LONG = st.integers(31_800, 32_100).map(lambda size: json.dumps("x" * size))
SOMEBODY = st.builds(
    lambda name, value: (
        f'{{"customer_id":"c","id":"c","event_name":"e","_sdc_sequence":1,{json.dumps(name)}:{value}}}'
    ),
    NAMES,
    ANY_VALUE | LONG,
)
RECORDS = st.builds(
    lambda stream, value: record(stream, value.encode()), STREAMS, objects(ANY_VALUE)
)
GOOD_RECORDS = st.builds(lambda stream, value: record(stream, value.encode()), STREAMS, SOMEBODY)
STATES = st.builds(lambda value: state(value.encode()), objects(ANY_VALUE))
OTHERS = st.one_of(
    st.binary(max_size=20).map(lambda found: found.replace(b"\n", b"")),
    st.builds(lambda value: state(value.encode()), WRONG | SCALARS),
    st.builds(lambda value: record("person_event", value.encode()), WRONG | SCALARS),
    st.sampled_from(
        [
            *(
                b"",
                b" ",
                b"\x00",
                b"\xef\xbb\xbf{}",
                b"[]",
                b"5",
                b'{"type":"STATE"}',
                b"{" * 9_999,
            ),
            *(b'{"type":"RECORD","stream":5,"record":{}}', b'{"type":"BATCH","stream":"x"}'),
            *(
                b'{"type":"ACTIVATE_VERSION","stream":[],"version":{}}',
                b'{"type":"STATE","value":{',
            ),
            *(b'{"type":"STATE","value":1,"value":{"last":1}}', b'{"type":5}', b'{"type":"\xff"}'),
        ]
    ),
)
LINES = st.tuples(
    st.lists(GOOD_SCHEMAS, max_size=3),
    st.lists(st.one_of(GOOD_RECORDS, RECORDS, RECORDS, STATES, SCHEMAS, GOOD_SCHEMAS, OTHERS)),
).map(lambda parts: [*parts[0], *parts[1]])
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "null_attributes": st.just("clear"),
        "attribute_timestamps": st.just("iso8601"),
        "validate_records": st.sampled_from([False]),
        "delete_on_sdc_deleted": st.sampled_from([True]),
        "stream_maps": st.sampled_from(
            [{"person_event": {"half": "amount / 2"}}, {"*": {"long": "str(id) * 9"}}]
        ),
        "streams": st.sampled_from(
            [
                [{"stream": "*", "operation": "person_event", "event_name": "any"}],
                [{"stream": "person_*", "attributes": {"exclude": ["a*"], "rename": {}}}],
            ]
        ),
    },
)


@given(LINES, SETTINGS)
def test_any_lines_end_in_verdicts_or_in_one_sentence(lines, settings):
    done = pour(lines, **settings)
    log = "\n".join(done.log)
    assert CANARY.lower() not in log.lower()
    assert not re.search("unforeseen|Traceback", log), log
    assert all(line.isprintable() and len(line) < 10_000 for line in done.log)
    assert done.exit_code == bool(done.errors) == len(done.errors)
    records, accepted, rejected = done.counts
    assert records == accepted + rejected
    assert (accepted, rejected) == (len(done.items), len(done.rejected))
    assert all(len(body) < 500_000 for body in done.bodies)
    assert all(len(item) <= 32_000 for body in done.bodies for item in split(body))
    assert not any(name.startswith("_sdc_") for item in done.items for name in names_in(item))
    states = iter([decode_state(line) for line in lines])
    assert all(left in states for left in done.states)


def split(body: bytes) -> list[bytes]:
    return list(map(bytes, msgspec.json.decode(body, type=Body).batch))


class Body(msgspec.Struct):
    batch: list[msgspec.Raw]


class State(msgspec.Struct, tag="STATE"):
    value: msgspec.Raw


def decode_state(line: bytes) -> bytes | None:
    """Return the value of a STATE message, byte for byte."""
    try:
        return bytes(msgspec.json.decode(line, type=State).value)
    except (ValueError, RecursionError):
        return None


def names_in(item: dict[str, object]) -> list[str]:
    """Return the names of what a record's columns became."""
    return [name for one in (item, item.get("attributes", {})) for name in one]


def same(value: str, names: list[str], style: int) -> str:
    """Return a record once more: keys in another order, numbers and white space in another way."""
    members = decode(value.encode())
    ordered = {name: members[name] for name in sorted(members, key=names.index)}
    text = _written(ordered, style)
    return text[:-1] + ',"_sdc_extracted_at":"2026-01-01T00:00:00Z"}' if style % 2 else text


def _written(value: object, style: int) -> str:
    space = " \r\t"[style % 3] * (style % 4)
    if isinstance(value, dict):
        members = [f"{json.dumps(k)}{space}:{_written(v, style)}" for k, v in value.items()]
        return "{" + f"{space},{space}".join(members) + "}"
    if isinstance(value, list):
        return "[" + f"{space},".join(_written(one, style) for one in value) + "]"
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        sign, digits, exponent = Decimal(value).as_tuple()
        shift = style % 5
        number = "".join(map(str, digits)).lstrip("0")
        number = number + "0" * shift if number else "0"
        return f"{'-' * sign}{number}{'eE'[style % 2]}{exponent - shift:+}"
    return json.dumps(value, ensure_ascii=style % 2 == 0)


FINITE = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["0", "-0", "-0.0", "1.50", "1E+400", "1e999999", "1e9999999", "2E-9999999"]),
)
RECORD_VALUES = st.recursive(
    FINITE | st.text(max_size=9).map(json.dumps) | st.sampled_from(["null", "true"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda found: f"[{','.join(found)}]")
        | st.dictionaries(st.text(max_size=3).map(json.dumps), inner, max_size=3).map(
            lambda found: "{" + ",".join(map(":".join, found.items())) + "}"
        )
    ),
    max_leaves=6,
)
OWN_NAMES = ["", "a", "b", "id", "_x", "Z", "\x00", "\u00e9", "__proto__", "type", "attributes"]
EVENTS = st.dictionaries(st.sampled_from(OWN_NAMES), RECORD_VALUES).map(
    lambda found: (
        '{"customer_id":"c","event_name":"e"'
        + "".join(f",{json.dumps(name)}:{value}" for name, value in found.items())
        + "}"
    )
)
SHUFFLED = st.permutations(["customer_id", "event_name", *OWN_NAMES])
EVENT_SCHEMA = schema("person_event", columns(customer_id={}, a={}))


@given(EVENTS, SHUFFLED, st.integers(0, 59))
def test_a_record_has_one_id_however_it_is_written(value, names, style):
    again = same(value, names, style)
    lines = [EVENT_SCHEMA, *(record("person_event", one.encode()) for one in (value, again))]
    first, second = pour(lines).items
    assert first["id"] == second["id"]
    assert sorted(names_in(first)) == sorted(names_in(second))


@given(EVENTS)
def test_what_is_sent_is_what_the_record_said(value):
    done = pour([EVENT_SCHEMA, record("person_event", value.encode())])
    said = decode(value.encode())
    (item,) = done.items
    assert item["identifiers"] == {"id": said.pop("customer_id")}
    assert item["name"] == said.pop("event_name")
    expected = {name: one for name, one in said.items() if one is not None}
    assert exact(item.get("attributes", {})) == exact(expected)


def exact(value: object) -> object:
    """Return a value in which numbers are equal if all their digits are, and `true` is no 1."""
    if isinstance(value, dict):
        return {name: exact(one) for name, one in value.items()}
    if isinstance(value, list):
        return [exact(one) for one in value]
    return (type(value), value.as_tuple() if isinstance(value, Decimal) else value)


@given(st.lists(objects(VALUES).filter(lambda value: value != "{}"), min_size=1, max_size=5))
def test_states_leave_as_they_came_and_in_order(values):
    assume(all(map(is_readable, values)))
    done = pour([state(value.encode()) for value in values])
    assert done.states == [value.encode() for value in values]


def is_readable(value: str) -> bool:
    try:
        decode(value.encode())
    except (ValueError, ArithmeticError):
        return False
    return True


@given(st.lists(st.integers(31_700, 31_950), min_size=30, max_size=60))
def test_no_item_and_no_body_is_larger_than_allowed(sizes):
    events = ({"customer_id": "c", "event_name": "e", "a": "x" * size} for size in sizes)
    done = pour([EVENT_SCHEMA, *(record("person_event", event) for event in events)])
    assert all(len(body) < 500_000 for body in done.bodies)
    assert all(len(item) <= 32_000 for body in done.bodies for item in split(body))
    assert done.counts == (len(sizes), len(done.items), len(done.rejected))
    assert done.rejected or max(sizes) < 31_950
