"""What the target is given, and what must have become of it: a Singer stream and its meaning."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    import random

Row = dict[str, t.Any]

STATE_EVERY = 25
"""Records between two STATE messages."""

PEOPLE, EVENTS, DELETES = "person_identify", "person_event", "person_delete"
TEXT, NUMBER = {"type": ["string", "null"]}, {"type": ["integer", "null"]}
SCHEMAS: dict[str, tuple[Row, list[str]]] = {
    PEOPLE: ({"id": TEXT, "revision": NUMBER, "reject": NUMBER, "padding": TEXT}, ["id"]),
    EVENTS: ({"customer_id": TEXT, "number": NUMBER, "timestamp": NUMBER, "padding": TEXT}, []),
    DELETES: ({"id": TEXT}, ["id"]),
    "vips": ({"id": TEXT}, ["id"]),
    "prices": ({"sku": TEXT, "price": NUMBER}, ["sku"]),
}


@dataclass
class Meaning:
    """What some records mean to Customer.io.

    Attributes:
        people: The newest revision of each person who is not deleted, by id.
        deleted: Ids of people who are.
        events: Numbers of events.
        rejects: Numbers of records that are rejected.
    """

    people: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    events: set[int] = field(default_factory=set)
    rejects: set[int] = field(default_factory=set)

    def add(self, stream: str, record: Row) -> None:
        """Add what one record means."""
        if stream == EVENTS:
            self.events.add(record["number"])
        elif stream == DELETES:
            self.people.pop(record["id"], None)
            self.deleted.add(record["id"])
        elif stream == PEOPLE and record.get("reject") is not None:
            self.rejects.add(record["reject"])
        elif stream == PEOPLE:
            self.people[record["id"]] = record["revision"]


@dataclass(frozen=True)
class Load:
    """Records in their order.

    Attributes:
        records: Stream and record.
        gathered: The members of the segment and the rows of the collection, which come last.
    """

    records: list[tuple[str, Row]]
    gathered: list[tuple[str, Row]]

    @property
    def size(self) -> int:
        """How many records there are."""
        return len(self.records) + len(self.gathered)

    def content(self, done: int = 0) -> bytes:
        """Return the Singer stream that a tap writes whose STATE says that so many are done."""
        lines: list[Row] = []
        known: set[str] = set()
        everything = [*self.records, *self.gathered]
        for number, (stream, record) in enumerate(everything[done:], done + 1):
            if stream not in known:
                known.add(stream)
                properties, keys = SCHEMAS[stream]
                schema = {"type": "object", "properties": properties}
                lines.append(
                    {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": keys}
                )
            lines.append({"type": "RECORD", "stream": stream, "record": record})
            if number % STATE_EVERY == 0 or number == len(everything):
                lines.append({"type": "STATE", "value": {"done": number}})
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def meaning(self, done: int | None = None) -> Meaning:
        """Return what the first so many records mean, all of them without a number."""
        meaning = Meaning()
        for stream, record in self.records[:done]:
            meaning.add(stream, record)
        return meaning


def load(
    chance: random.Random, size: int, *, padding: int, members: list[str], rows: list[Row]
) -> Load:
    """Make people in several revisions, events, deletes and records that must be rejected.

    Args:
        chance: Decides everything.
        size: How many records.
        padding: Bytes that make people and events large, so that few fill a body.
        members: The segment's; empty for no segment.
        rows: The collection's; empty for no collection.
    """
    text = "x" * padding
    people = max(1, size // 8)
    revisions: dict[str, int] = {}
    gone: set[str] = set()
    records: list[tuple[str, Row]] = []
    for number in range(1, size + 1):
        dice = chance.random()
        person = f"p{chance.randrange(people)}"
        if dice < 0.02:  # noqa: PLR2004 - the mix of the load
            records.append((PEOPLE, {"id": "", "reject": number, "revision": 0}))
        elif dice < 0.05 and revisions:  # noqa: PLR2004 - as above
            leaver = chance.choice(sorted(revisions))
            gone.add(leaver)
            del revisions[leaver]
            records.append((DELETES, {"id": leaver}))
        elif dice < 0.4 and person not in gone:  # noqa: PLR2004 - as above
            revisions[person] = number
            records.append((PEOPLE, {"id": person, "revision": number, "padding": text[:900]}))
        else:
            # Of others than those who leave, since an event makes its person.
            row: Row = {"customer_id": f"e{chance.randrange(people)}", "event_name": "seen"}
            row |= {"number": number, "timestamp": 1_790_000_000 + number, "padding": text}
            records.append((EVENTS, row))
    gathered = [("vips", {"id": each}) for each in members]
    return Load(records, gathered + [("prices", row) for row in rows])
