"""The events that are sent: a Singer file, and the same rows as a table of SQLite."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import typing as t

import msgspec

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "properties": {
        "person_id": TEXT,
        "event_name": TEXT,
        "timestamp": {"type": ["string", "null"], "format": "date-time"},
        "order_number": {"type": ["integer", "null"]},
        "amount": {"type": ["number", "null"]},
        **{f"field_{number}": TEXT for number in range(8)},
        "items": {"type": ["array", "null"], "items": {"type": "object"}},
        "address": {"type": ["object", "null"], "properties": {"city": TEXT, "zip": TEXT}},
    }
}


def records(events: int) -> Iterator[dict[str, t.Any]]:
    """Make events; the same ones each time."""
    dice = random.Random(7)  # noqa: S311 (test data)
    texts = [dice.randbytes(33).hex() for _ in range(1000)]
    for number in range(events):
        minute, second = number // 60 % 60, number % 60
        yield {
            "person_id": str(number % 100_000),
            "event_name": "order placed",
            "timestamp": f"2026-10-{1 + number % 28:02}T12:{minute:02}:{second:02}Z",
            "order_number": number,
            "amount": round(number * 0.01, 2),
            **{f"field_{column}": texts[(number * 7 + column) % 1000] for column in range(8)},
            "items": [{"sku": texts[number % 1000][:12], "quantity": 1 + number % 5}],
            "address": {"city": "Zürich", "zip": str(8000 + number % 60)},
        }


def messages(events: int) -> Iterator[dict[str, t.Any]]:
    """Make the Singer messages of a file of events."""
    yield {"type": "SCHEMA", "stream": "person_event", "schema": SCHEMA, "key_properties": []}
    for number, record in enumerate(records(events)):
        yield {"type": "RECORD", "stream": "person_event", "record": record}
        if number % 10_000 == 0:
            yield {"type": "STATE", "value": {"events": number}}
    yield {"type": "STATE", "value": {"events": events}}


def write_singer(file: Path, events: int) -> None:
    """Write a Singer file."""
    encode = msgspec.json.Encoder().encode
    with file.open("wb") as lines:
        lines.writelines(encode(message) + b"\n" for message in messages(events))


def write_table(database: Path, events: int) -> None:
    """Write the table `events`: person, name, and all else as JSON text."""
    encode = msgspec.json.Encoder().encode
    rows = (
        (record.pop("person_id"), record.pop("event_name"), encode(record).decode())
        for record in records(events)
    )
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE events (person_id TEXT, event_name TEXT, attributes TEXT)")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
