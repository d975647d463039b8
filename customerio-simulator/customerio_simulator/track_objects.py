"""What an accepted item does to objects, and to the relationships of people with them."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace


class ObjectEffects:
    """Applies items about objects and relationships.

    Args:
        workspace: What they change.
        find_or_create: Returns whom identifiers name, by internal id.
    """

    def __init__(self, workspace: Workspace, find_or_create: Callable[[Row], str | None]) -> None:
        self._objects = workspace.objects
        self._clock = workspace.clock
        self._find_or_create = find_or_create
        self._anonymous: dict[str, list[tuple[Row, Row]]] = {}

    def identify(self, item: Row) -> None:
        """Create or update an object, with its relationships."""
        if key := self._objects.find_or_create(item["identifiers"], self._clock.now()):
            self._objects.write(key, item.get("attributes") or {}, self._clock.now())
            self.relate(item)

    def identify_anonymous(self, item: Row) -> None:
        """Create or update an object whose people are not known yet."""
        self.identify(item | {"cio_relationships": None})
        others = list(item.get("cio_relationships") or [])
        if "anonymous_id" in item:
            others.append({"identifiers": {"anonymous_id": item["anonymous_id"]}})
        for other in others:
            anonymous = str(other["identifiers"]["anonymous_id"])
            attributes = other.get("relationship_attributes") or {}
            self._anonymous.setdefault(anonymous, []).append((item["identifiers"], attributes))

    def recognise(self, anonymous: str, cio_id: str) -> None:
        """Give a person the relationships of the anonymous one that the person turns out to be."""
        for named, attributes in self._anonymous.pop(anonymous, []):
            self.link(cio_id, named, attributes)

    def delete(self, item: Row) -> None:
        """Delete an object."""
        if key := self._objects.find(item["identifiers"]):
            self._objects.remove(key)

    def relate(self, item: Row) -> None:
        """Make or end the relationships of an item, from whichever side it is told."""
        for relationship in item.get("cio_relationships") or []:
            person, object_ = item["identifiers"], relationship["identifiers"]
            if item["type"] == "object":
                person, object_ = object_, person
            cio_id = self._find_or_create(person)
            if cio_id and item["action"] == "delete_relationships":
                self._unlink(cio_id, object_)
            elif cio_id:
                self.link(cio_id, object_, relationship.get("relationship_attributes") or {})

    def link(self, cio_id: str, named: Row, attributes: Row) -> None:
        """Relate a person to an object, which comes into being with it."""
        if key := self._objects.find_or_create(named, self._clock.now()):
            self._objects.relate(cio_id, key, attributes)

    def _unlink(self, cio_id: str, named: Row) -> None:
        if key := self._objects.find(named):
            self._objects.unrelate(cio_id, key)
