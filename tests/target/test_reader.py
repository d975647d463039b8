from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_customerio.errors import InvalidLine
from target_customerio.reader import MessageReader
from target_customerio.signals import Signals

TOO_LARGE = "holds a number that is too large to be read"
KINDS = ("RECORD", "SCHEMA", "STATE")


class Drip(io.RawIOBase):
    """A pipe that gives what it has, in pieces of a given size."""

    def __init__(self, content: bytes, size: int) -> None:
        self._source = io.BytesIO(content)
        self._size = size

    def read1(self, _=-1) -> bytes:
        return self._source.read(self._size)


def read(source):
    reader, seen = MessageReader(Signals()), []

    def note(message):
        seen.append((reader.line_number, reader.line, message))

    counts = reader.process_lines(source, dict.fromkeys(KINDS, note))
    return reader, seen, counts


def test_messages_come_in_order_with_their_lines_and_numbers():
    lines = [
        b'{"type":"SCHEMA"}',
        b"",
        b'{"type": "RECORD", "record": {"a": 1.50}}',
        b'{"type":"STATE"}',
    ]
    reader, seen, counts = read(io.BytesIO(b"\r\n".join(lines)))
    assert [(number, line.strip()) for number, line, _ in seen] == [
        (1, lines[0]),
        (3, lines[2]),
        (4, lines[3]),
    ]
    assert str(seen[1][2]["record"]["a"]) == "1.50"
    assert counts == {"SCHEMA": 1, "RECORD": 1, "STATE": 1}
    assert reader.ended_by is None


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_line_may_come_in_pieces(size):
    content = b'{"type":"RECORD","record":{"name":"Z\xc3\xbcrich"}}\n{"type":"STATE","value":{}}'
    _, seen, _ = read(Drip(content, size))
    assert [message["type"] for _, _, message in seen] == ["RECORD", "STATE"]
    assert seen[0][2]["record"] == {"name": "Zürich"}


def test_text_is_read_as_well_as_bytes():
    _, seen, _ = read(io.StringIO('{"type":"RECORD","record":{"name":"Zürich"}}\n'))
    assert seen[0][2]["record"] == {"name": "Zürich"}


def test_numbers_beyond_64_bits_and_decimals_keep_every_digit():
    line = b'{"type":"RECORD","record":{"a":123456789012345678901234567890,"b":0.1000,"c":1E400}}'
    _, seen, _ = read(io.BytesIO(line))
    record = seen[0][2]["record"]
    assert record["a"] == 123456789012345678901234567890
    assert (str(record["b"]), record["c"]) == ("0.1000", Decimal("1E+400"))


def nested(depth: int) -> bytes:
    """A RECORD so many levels deep, its own braces among them, with brackets in its strings."""
    arrays = depth - 2
    text = b'"' + b"[{" * 100 + b'\\\\\\"]"'
    return b'{"type":"RECORD","record":{"a":' + b"[" * arrays + text + b"]" * arrays + b"}}"


def test_a_line_may_be_a_hundred_levels_deep_and_as_broad_as_it_likes():
    broad = b'{"type":"RECORD","record":{"a":[' + b"[{}]," * 10_000 + b"[]]}}"
    reader, seen, _ = read(io.BytesIO(nested(100) + b"\n" + broad))
    assert len(seen) == 2
    assert reader.ended_by is None


def array(number: int, value: bytes) -> bytes:
    """A RECORD with so many values in all, its type among them."""
    return b'{"type":"RECORD","record":{"a":[' + b",".join([value] * (number - 1)) + b"]}}"


@pytest.mark.parametrize("value", [b"0.5", b'"a,b,c"'])
def test_commas_in_texts_count_for_no_values(value):
    reader, seen, _ = read(io.BytesIO(array(500_000, value)))
    assert len(seen) == 1
    assert reader.ended_by is None


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (array(500_001, b"0.5"), "holds more than 500,000 values"),
        (b'{"type":"RECORD","record":{"a":"secr', "is not JSON"),
        (b"secret", "is not JSON"),
        (b'{"type":"RECORD","record":{"a":NaN}}', "is not JSON"),
        (b'{"type":"RECORD","record":{"a":Infinity}}', "is not JSON"),
        (b'{"type":"RECORD","record":{"a":"\\ud800"}}', "is not JSON"),
        (b'{"type":"RECORD","record":{"a":"secret\xff"}}', "is not UTF-8"),
        (b'{"a":' + b"[" * 100_000, "is nested too deep"),
        (nested(101), "is nested too deep"),
        (nested(101)[:-60], "is nested too deep"),
        (nested(100)[:-60], "is not JSON"),
        (b'{"type":"RECORD","record":{"a":1e9999999999999999999}}', TOO_LARGE),
        (b'{"type":"RECORD","record":{"a":1e-9999999999999999999}}', TOO_LARGE),
        (b'{"type":"RECORD","record":{"a":' + b"1" * 5_000 + b"}}", TOO_LARGE),
        (b'["secret"]', "is no Singer message"),
        (b'{"kind":"secret"}', "is no Singer message"),
        (b'{"type":5}', "is no Singer message"),
        (b'{"type":"SECRET"}', "has a message type that Singer does not know"),
    ],
)
def test_a_line_that_is_no_message_ends_the_reading_and_is_named_by_its_number(line, text):
    reader, seen, _ = read(io.BytesIO(b'{"type":"STATE"}\n\n' + line + b'\n{"type":"STATE"}\n'))
    assert len(seen) == 1
    assert isinstance(reader.ended_by, InvalidLine)
    assert (
        str(reader.ended_by) == f"Line 3 of the input {text}{MORE.get(text, '')}. {NOTHING_AFTER}"
    )
    assert "secret" not in str(reader.ended_by)


NOTHING_AFTER = "Nothing after it was read."
MORE = {"is not JSON": ": it may be cut off, or hold NaN or half a character"}


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b'{"type":"STATE"}', b"{}"])))
def test_any_bytes_are_messages_or_one_sentence(lines):
    reader, seen, _ = read(io.BytesIO(b"\n".join(lines)))
    assert all(message["type"] in KINDS for _, _, message in seen)
    assert reader.ended_by is None or "Line " in str(reader.ended_by)


@given(st.lists(st.dictionaries(st.text(), st.text()), min_size=1), st.integers(1, 50))
def test_lines_do_not_depend_on_the_pieces_they_come_in(values, size):
    content = "\n".join(json.dumps({"type": "STATE", "value": value}) for value in values)
    _, seen, _ = read(Drip(content.encode(), size))
    assert [message["value"] for _, _, message in seen] == values


def test_a_line_of_32_megabytes_is_read():
    content = b'{"type":"RECORD","record":{"a":"' + b"x" * 32_000_000 + b'"}}\n'
    _, seen, _ = read(Drip(content, 65_536))
    assert len(seen[0][2]["record"]["a"]) == 32_000_000


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("target_customerio.reader.LONGEST_LINE", 5_000)
    endless = Drip(b'{"type":"STATE"}\n' + b"x" * 1_000_000, 1_000)
    reader, seen, _ = read(endless)
    assert (
        str(reader.ended_by) == f"Line 2 of the input is longer than 5,000 bytes. {NOTHING_AFTER}"
    )
    assert len(seen) == 1
    assert endless.read1() != b""


def test_only_a_single_line_is_held_against_the_longest(monkeypatch):
    monkeypatch.setattr("target_customerio.reader.LONGEST_LINE", 30)
    reader, seen, _ = read(Drip(b'{"type":"STATE"}\n' * 100, 7))
    assert (len(seen), reader.ended_by) == (100, None)
