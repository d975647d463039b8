"""Objects and the relationships of people with them, as the Track API wrote them."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from customerio_simulator.tables import Row

ObjectKey = tuple[str, str]
"""Object type id and object id."""


class Objects:
    """All objects and relationships of a workspace."""

    def __init__(self) -> None:
        self._attributes: dict[ObjectKey, Row] = {}
        self._relationships: dict[tuple[str, ObjectKey], Row] = {}

    def find(self, identifiers: Row) -> ObjectKey | None:
        """Return the key that identifiers name; an internal id finds existing objects alone."""
        if "cio_object_id" not in identifiers:
            return str(identifiers["object_type_id"]), str(identifiers["object_id"])
        wanted = identifiers["cio_object_id"]
        keys = enumerate(self._attributes)
        return next((key for nth, key in keys if self._internal_id(nth) == wanted), None)

    def _internal_id(self, nth: int) -> str:
        return f"ob{0x7FD05010000 + nth:x}"

    def write(self, key: ObjectKey, attributes: Row) -> None:
        """Create or update an object; null and "" remove an attribute."""
        stored = self._attributes.get(key, {}) | attributes
        kept = {name: value for name, value in stored.items() if value is not None and value != ""}
        self._attributes[key] = kept

    def remove(self, key: ObjectKey) -> None:
        """Delete an object and its relationships."""
        self._attributes.pop(key, None)
        self._relationships = {
            pair: attributes for pair, attributes in self._relationships.items() if pair[1] != key
        }

    def relate(self, cio_id: str, key: ObjectKey, attributes: Row) -> None:
        """Relate a person to an object, which comes into being with it."""
        self._attributes.setdefault(key, {})
        known = self._relationships.get((cio_id, key), {})
        self._relationships[cio_id, key] = known | attributes

    def unrelate(self, cio_id: str, key: ObjectKey) -> None:
        """End a relationship."""
        self._relationships.pop((cio_id, key), None)

    def described(self) -> list[Row]:
        """Return all objects with the people related to them."""
        return [
            {
                "object_type_id": key[0],
                "object_id": key[1],
                "cio_object_id": self._internal_id(nth),
                "attributes": attributes,
                "relationships": {
                    cio_id: related
                    for (cio_id, other), related in self._relationships.items()
                    if other == key
                },
            }
            for nth, (key, attributes) in enumerate(self._attributes.items())
        ]
