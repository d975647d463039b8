"""Lines that are wrong in one way each: a reject, or one sentence that says where."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from target_customerio import time_limit

from .conftest import COMMAND
from .sink import columns, pour, record, schema, state

GOOD = {"customer_id": "c", "event_name": "e", "a": "secret"}
SCHEMA_OF = "Line 1 of the input is the SCHEMA of stream 'person_event' and"
LACKS = f"{SCHEMA_OF} lacks its properties"
UNREADABLE = f"{SCHEMA_OF} has a pattern that Python cannot read"
DRAFT_4 = {"$schema": "http://json-schema.org/draft-04/schema#"}
DRAFT_3 = {"$schema": "http://json-schema.org/draft-03/schema#"}


def deep(depth: int) -> object:
    """Return a schema in which schemas are nested."""
    return json.loads('{"not":' * depth + "{}" + "}" * depth)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"properties": None}, LACKS),
        ({"properties": 5}, LACKS),
        ({"properties": []}, LACKS),
        (columns(a="string"), f"{SCHEMA_OF} not valid JSON Schema at: properties.a"),
        (columns(a={"type": "text"}), f"{SCHEMA_OF} not valid JSON Schema at: properties.a.type"),
        (columns(a={"pattern": "("}), f"{UNREADABLE} (missing ), unterminated subpattern at"),
        (
            columns(a={"pattern": r"\p{L}"}),
            rf"{UNREADABLE} (bad escape \p at position 0: ",
        ),
        (columns(a={"pattern": "(?<a>b)"}), f"{UNREADABLE} (unknown extension ?<a"),
        (columns(a={"patternProperties": {"(?<a>b)": {}}}), f"{UNREADABLE} (unknown extension ?<a"),
        (
            columns(a={"items": [{"patternProperties": {"(?<a>b)": {}}}]}) | DRAFT_4,
            f"{UNREADABLE} (unknown extension ?<a",
        ),
        (columns(a={"pattern": "a{99999999999}"}), f"{SCHEMA_OF} cannot be read (OverflowError)"),
        (columns(a={}) | {"$schema": 5}, f"{SCHEMA_OF} cannot be read (AttributeError)"),
        (columns(a={"multipleOf": "x"}) | DRAFT_3, f"{SCHEMA_OF} cannot be read (Invalid"),
        (columns(a=deep(400)), "Line 1 of the input is nested too deep."),
        (columns(a={"\x1b\n": 5, "type": "\x1b"}), f"{SCHEMA_OF} not valid JSON Schema at: "),
    ],
)
def test_a_schema_that_is_none_is_one_sentence(given, text):
    done = pour([schema("person_event", given), record("person_event", GOOD)])
    (error,) = done.errors
    assert error.removeprefix("ERROR ").startswith(text)
    assert error.isprintable()
    assert (done.exit_code, done.bodies, done.rejects) == (1, [], [])


CATASTROPHIC = "^(a+)+$"


@pytest.mark.parametrize(
    "column",
    [
        {"pattern": CATASTROPHIC},
        {"anyOf": [{"pattern": CATASTROPHIC}, {}]},
        {"$ref": "#/definitions/a"},
    ],
)
def test_a_pattern_without_end_ends_in_rejects_and_in_one_sentence(column, monkeypatch):
    monkeypatch.setattr(time_limit, "SECONDS", 0.01)
    given = columns(a=column) | {"definitions": {"a": {"pattern": CATASTROPHIC}}}
    slow = record("person_event", GOOD | {"a": "a" * 100 + "!"})
    lines = [schema("person_event", given), *[record("person_event", GOOD | {"a": "a"})] * 3]
    done = pour([*lines, *[slow] * 20, state(b'{"last":1}')])
    assert {one["rejection"]["reason"] for one in done.rejected} == {"too_slow"}
    assert (done.counts, done.states) == ((14, 3, 10), [])
    (error,) = done.errors
    assert error == (
        "ERROR Line 15 of the input is a RECORD of stream 'person_event' that takes too long to be "
        "held against its schema, as 10 records before it did: simplify the patterns, or set "
        f"`validate_records` to false. {NOTHING_AFTER}"
    )


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"schema": {}}, "is no SCHEMA: Object missing required field `stream`"),
        ({"stream": 5, "schema": {}}, "is no SCHEMA: Expected `str`, got `int` - at `$.stream`"),
        (
            {"stream": "CANARY", "schema": ["CANARY"]},
            "is no SCHEMA: Expected `object`, got",
        ),
        (
            {"stream": "CANARY", "schema": {}, "key_properties": {"CANARY": "CANARY"}},
            "is no SCHEMA: Expected `array | null`, got `object` - at `$.key_properties`",
        ),
        (
            {"stream": "CANARY", "schema": {}, "bookmark_properties": [{"CANARY": 1}]},
            "is no SCHEMA: Expected `str`, got `object` - at `$.bookmark_properties[0]`",
        ),
    ],
)
def test_a_message_that_is_no_schema_is_one_sentence_about_the_member_at_fault(message, text):
    done = pour([json.dumps({"type": "SCHEMA", **message}).encode()])
    (error,) = done.errors
    assert error.startswith(f"ERROR Line 1 of the input {text}")
    assert "CANARY" not in error


def test_a_boolean_column_is_more_than_the_stream_maps_of_the_sdk_can_take():
    maps = {"person_event": {"b": "a"}}
    done = pour([schema("person_event", columns(a=True))], stream_maps=maps)
    assert done.errors == [f"ERROR {SCHEMA_OF} cannot be read (TypeError). {NOTHING_AFTER}"]


NOTHING_AFTER = "Nothing after it was read."


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nERROR all is lost", "\x00", "s" * 1_001])
def test_a_name_that_cannot_be_shown_is_no_name_of_a_stream(name):
    done = pour([schema(name, columns()), record(name, GOOD)], unmapped_streams="skip")
    what = "is a SCHEMA of a stream whose name is no name: it cannot be shown"
    assert done.errors == [f"ERROR Line 1 of the input {what}. {NOTHING_AFTER}"]


def test_the_name_of_a_column_cuts_no_line_of_the_log():
    name = "a\nERROR all is lost\x1b[31m"
    person = {"id": 1, name: "x" * 1_001}
    done = pour([schema("person_identify", columns(id={})), record("person_identify", person)])
    (shown,) = (line for line in done.log if "1 rejected: attributes." in line)
    assert shown.endswith("attributes.a\\nERROR all is lost\\x1b[31m invalid")


def test_a_key_with_a_name_of_a_million_characters_fills_no_log():
    name = "n" * 1_000_000
    given = schema("person_event", columns(customer_id={}), [name])
    done = pour([given, record("person_event", GOOD)])
    assert done.counts == (1, 0, 1)
    assert max(map(len, done.log)) < 6_000


@pytest.mark.parametrize(
    ("stream", "value"),
    [
        ("person_event", {"customer_id": "c", "event_name": "e", "whole": "CANARY"}),
        ("person_event", {"customer_id": "c", "event_name": "e", "when": "CANARY"}),
        ("person_event", {"customer_id": "c", "event_name": "e", "timestamp": "CANARY"}),
        ("person_event", {"customer_id": "c", "event_name": "CANARY" * 20}),
        ("person_event", {"customer_id": ["CANARY"], "event_name": "e"}),
        ("person_event", {"customer_id": "c", "event_name": {"a": "CANARY"}}),
        ("person_event", {"customer_id": "CANARY" * 40, "event_name": "e"}),
        ("person_event", {"customer_id": "c", "event_name": "e", "a": "CANARY" * 9_000}),
        ("person_identify", {"id": "c", "a": "CANARY" * 900}),
        ("person_identify", {"id": "c", "created_at": "CANARY"}),
        ("person_identify", {"id": "c", "cio_relationships": "CANARY"}),
        ("person_identify", {"id": "c", "cio_subscription_preferences": "CANARY"}),
        ("person_delete", {"id": "CANARY", "email": "CANARY"}),
    ],
)
def test_no_reason_holds_a_value(stream, value):
    when = {"type": "string", "format": "date-time"}
    given = schema(stream, columns(whole={"type": "integer"}, when=when))
    done = pour([given, record(stream, value)])
    (rejected,) = done.rejected
    assert "CANARY" not in "\n".join(done.log)
    assert "CANARY" not in json.dumps(rejected["rejection"])


@pytest.mark.parametrize("number", [b"1e999999", b"-1e9999999", b"1e999999999999999999"])
def test_no_exponent_of_an_identifier_is_a_crash(number):
    value = b'{"customer_id":' + number + b',"event_name":"e"}'
    done = pour([schema("person_event", columns()), record("person_event", value)])
    assert done.rejected[0]["rejection"]["message"] == "id must be text or a whole number"


# The command itself: what it may cost.

HEAD = schema("person_event", columns(customer_id={}, event_name={}))
EVENT = b'{"customer_id":"c","event_name":"e","n":%s}'
KILOBYTES = 2**10 if sys.platform == "darwin" else 1
"""The unit in which the system says how much memory a process took."""


@pytest.mark.parametrize(
    ("line", "text", "megabytes"),
    [
        (EVENT % (b'"' + b"x" * 32_000_000 + b'"'), "1 records were rejected", 320),
        (EVENT % (b'"' + b"x" * 32_000_000), "Line 2 of the input is not JSON", 200),
        (EVENT % (b"[" * 10_000 + b"]" * 10_000), "too deep", 100),
        (b"[" * 4_000_000 + b"]" * 4_000_000, "too deep", 150),
        (EVENT % (b"[" + b"0.5," * 8_000_000 + b"0]"), "more than 500,000 values", 200),
        (EVENT % (b"[" + b"0.5," * 499_000 + b"0]"), "1 records were rejected", 250),
        (EVENT % (b"[" + b'"[{",' * 8_000_000 + b"0]"), "more than 500,000 values", 250),
        (EVENT % (b'"' + rb"\",[{" * 8_000_000 + b'"'), "1 records were rejected", 400),
    ],
    ids=[
        *("text", "truncated", "nested", "nested without end", "numbers without end", "numbers"),
        *("texts without end", "escapes"),
    ],
)
def test_the_command_stays_small(configure, tmp_path, line, text, megabytes):
    source = tmp_path / "input"
    source.write_bytes(HEAD + b"\n" + record("person_event", line) + b"\n")
    with source.open("rb") as given:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, COMMAND, "--config", str(configure())],
            stdin=given,
            capture_output=True,
            cwd=tmp_path,
            check=False,
            timeout=60,
        )
    exit_code, used = map(int, done.stdout.split())
    log = done.stderr.decode()
    assert exit_code == 1
    assert text in log
    assert "Traceback" not in log
    assert used / KILOBYTES < megabytes * 1_000


MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Between the tests and the command, since a process counts the memory of the one that made it."""


@pytest.mark.parametrize("number", ["1e400", "1e999999", "0.12345678901234567890", "9" * 400])
def test_a_plan_describes_numbers_that_no_float_can_hold(number):
    event = b'{"customer_id":"c","event_name":"e","n":%s}' % number.encode()
    done = pour([HEAD, record("person_event", event)], dry_run=True)
    assert (done.exit_code, done.errors) == (0, [])
    assert any(f'"n":"{kind_of(number)}, ' in line for line in done.log)


def kind_of(number: str) -> str:
    return "integer" if number.isdecimal() else "number"


@pytest.mark.parametrize("number", ["0.12345678901234567890123", "1E+400", "10.50"])
def test_numbers_in_the_text_of_a_structure_keep_their_digits(number):
    attributes = f'"relationship_attributes":{{"n":{number}}}'
    related = f'[{{"identifiers":{{"object_id":"a"}},{attributes}}}]'
    person = {"id": "1", "cio_relationships": related}
    done = pour([schema("person_identify", columns()), record("person_identify", person)])
    (item,) = done.items
    assert str(item["cio_relationships"][0]["relationship_attributes"]["n"]) == number


def test_an_exponent_in_the_text_of_a_structure_is_no_crash():
    person = {"id": "1", "cio_relationships": "[1e9999999999999999999]"}
    done = pour([schema("person_identify", columns()), record("person_identify", person)])
    assert [one["rejection"]["field"] for one in done.rejected] == ["cio_relationships"]
