"""The people of a workspace: found by any identifier, changed by what the Track API accepts."""

from __future__ import annotations

import typing as t

from customerio_simulator.answers import MalformedError, decode, encode
from customerio_simulator.generate import people as generated
from customerio_simulator.tables import Row, Table

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from customerio_simulator.options import Options
    from customerio_simulator.tables import Key

FIRST_WRITTEN = 0x40000000
"""The internal id of the first person that somebody wrote."""

PREFERENCES = "cio_subscription_preferences"
"""The attribute that says what a person wants to read."""

IDENTIFIERS = ("id", "email", "phone", "cio_id")


def folded(kind: str, value: object) -> str:
    """Return the form in which identifiers compare: text, e-mail without case."""
    text = str(value)
    return text.lower() if kind == "email" else text


class People:
    """Everybody, generated and written.

    Args:
        options: The number of generated people.
        epoch: Unix seconds that their times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self.make = generated.People(options, epoch)
        self.table = Table(
            "cio_id", options.people, self.make.person, index_of=generated.index_of_cio_id
        )
        self._written: dict[tuple[str, str], str] = {}
        self._touched: set[str] = set()
        self.removed: set[str] = set()
        """Internal ids of people who were deleted."""
        self.merges: list[Row] = []
        """Merges in order, by the internal ids of both sides."""
        self.suppressed: dict[tuple[str, str], None] = {}
        """Blocked identifiers: their kind and their folded value."""
        self._created = 0

    def get(self, cio_id: Key) -> Row | None:
        """Return a person as stored, or None."""
        return self.table.get(cio_id)

    def find(self, kind: str, value: object) -> str | None:
        """Return the internal id of the person who has an identifier, or None."""
        text = folded(kind, value)
        candidate = self._written.get((kind, text))
        if candidate is None:
            lookups = {"id": generated.index_of_id, "email": generated.index_of_email}
            index = lookups[kind](text) if kind in lookups else None
            candidate = text if kind == "cio_id" else None
            if index is not None:
                candidate = generated.cio_id(index)
        person = self.table.get(candidate) if candidate else None
        if person is None or folded(kind, person["attributes"].get(kind, "")) != text:
            return None
        return str(person["cio_id"])

    def create(self, kind: str, value: object, now: int) -> str:
        """Make a person with one identifier and return the internal id."""
        cio_id = f"{FIRST_WRITTEN + self._created:08x}"
        self._created += 1
        person = {
            "cio_id": cio_id,
            "attributes": {"cio_id": cio_id},
            "timestamps": {"cio_id": now},
            "unsubscribed": False,
            "devices": [],
        }
        self.table.add(person)
        self.write(cio_id, {kind: value}, now)
        return cio_id

    def write(self, cio_id: str, attributes: Row, now: int) -> Row:
        """Set attributes, remove those that are null or empty, and say what changed.

        Returns:
            The changes as an activity shows them: from and to, as text.
        """
        person = self.table.get(cio_id)
        if person is None:
            return {}
        stored, times = dict(person["attributes"]), dict(person["timestamps"])
        changes: Row = {}
        for name, value in attributes.items():
            before = stored.get(name)
            if value is None or value == "":
                stored.pop(name, None)
                times.pop(name, None)
            else:
                stored[name], times[name] = value, now
            if before != value:
                changes[name] = {"from": as_text(before), "to": as_text(value)}
        self.replace(person | {"attributes": stored, "timestamps": times})
        return changes

    def replace(self, person: Row) -> None:
        """Store a person anew and remember the identifiers."""
        cio_id = person["cio_id"]
        self.table.replace(cio_id, person)
        self._touched.add(cio_id)
        for kind in IDENTIFIERS:
            if (value := person["attributes"].get(kind)) is not None:
                self._written[kind, folded(kind, value)] = cio_id

    def remove(self, cio_id: str) -> None:
        """Delete a person."""
        self.table.remove(cio_id)
        self._touched.discard(cio_id)
        self.removed.add(cio_id)

    def merge(self, gone: str, kept: str) -> None:
        """Delete a person for the sake of another, who gets the devices."""
        first, second = self.get(kept), self.get(gone)
        if first is None or second is None:
            return
        known = {device["id"] for device in first["devices"]}
        more = [device for device in second["devices"] if device["id"] not in known]
        self.remove(gone)
        self.replace(first | {"devices": [*first["devices"], *more]})
        self.merges.append({"primary": kept, "secondary": gone})

    def suppress(self, kind: str, value: object, *, blocked: bool = True) -> None:
        """Block an identifier, or lift the block."""
        identifier = kind, folded(kind, value)
        if blocked:
            self.suppressed[identifier] = None
        else:
            self.suppressed.pop(identifier, None)

    def is_suppressed(self, kind: str, value: object) -> bool:
        """Tell whether an identifier is blocked."""
        return (kind, folded(kind, value)) in self.suppressed

    def everybody(self, *, written: bool = False) -> Iterator[Row]:
        """Walk through all people, or those alone that somebody wrote or changed."""
        if written:
            return (person for cio_id in sorted(self._touched) if (person := self.get(cio_id)))
        return iter(self.table.rows)

    def has(self, index: int) -> bool:
        """Tell whether a generated person is still there."""
        return self.get(generated.cio_id(index)) is not None

    def identifiers_of(self, index: int) -> Row:
        """Return the identifiers of a generated person, without making the person if possible."""
        cio_id = generated.cio_id(index)
        if cio_id in self._touched:
            return identifiers(self.get(cio_id) or {})
        return self.make.identifiers(index)


def identifiers(person: Row) -> Row:
    """Return the identifiers of a stored person as the App API lists them."""
    attributes = person["attributes"]
    return {
        "cio_id": person["cio_id"],
        "email": attributes.get("email"),
        "id": None if attributes.get("id") is None else str(attributes["id"]),
    }


def preferences_of(person: Row) -> Row:
    """Return a person's choices of topics, which may have been written as text."""
    stored = person["attributes"].get(PREFERENCES)
    try:
        read = decode(stored.encode(), object) if isinstance(stored, str) else stored
    except MalformedError:
        return {}
    return read if isinstance(read, dict) else {}


def as_text(value: object) -> str:
    """Return an attribute's value as the App API does: always text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()
