"""Objects and the relationships of people with them: generated ones and written ones."""

from __future__ import annotations

import typing as t

from customerio_simulator.generate import objects as generated
from customerio_simulator.tables import Row, Table

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from customerio_simulator.options import Options

Relationships = dict[str, dict[str, Row]]
"""What relationships say, by one side's internal id and the other's."""


class Objects:
    """All objects and relationships of a workspace.

    Args:
        options: The number of generated objects.
        epoch: Unix seconds that their times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._options = options
        self._make = generated.Objects(options, epoch)
        self.table = Table(
            "cio_object_id",
            options.objects,
            self._make.object,
            index_of=generated.index_of_internal_id,
        )
        self.types = Table("id", options.object_types, self._make.kind)
        self._written: dict[tuple[str, str], str] = {}
        self._touched: dict[str, None] = {}
        self._relationships: tuple[Relationships, Relationships] | None = None
        self._created = 0

    def find(self, identifiers: Row) -> str | None:
        """Return the internal id of the object that identifiers name, or None."""
        if "cio_object_id" in identifiers:
            wanted = str(identifiers["cio_object_id"])
            return wanted if self.table.get(wanted) else None
        kind, name = str(identifiers["object_type_id"]), str(identifiers["object_id"])
        index = generated.index_of_object_id(name)
        known = self._written.get((kind, name))
        if known is None and index is not None and index >= 0:
            known = generated.internal_id(index)
        row = self.table.get(known) if known else None
        fits = row is not None and (row["object_type_id"], row["object_id"]) == (kind, name)
        return known if fits else None

    def find_or_create(self, identifiers: Row, now: int) -> str | None:
        """Return the object that identifiers name; an internal id finds existing ones alone."""
        found = self.find(identifiers)
        if found or "cio_object_id" in identifiers:
            return found
        internal_id = f"ob{0x7FD05010000 + self._created:x}"
        self._created += 1
        kind, name = str(identifiers["object_type_id"]), str(identifiers["object_id"])
        self.table.add(
            {
                "cio_object_id": internal_id,
                "object_id": name,
                "object_type_id": kind,
                "attributes": {},
                "timestamps": {},
            }
        )
        self._written[kind, name] = internal_id
        self.write(internal_id, {}, now)
        return internal_id

    def write(self, internal_id: str, attributes: Row, now: int) -> None:
        """Set attributes of an object; null and "" remove one."""
        row = self.table.get(internal_id)
        if row is None:
            return
        stored = row["attributes"] | attributes
        kept = {name: value for name, value in stored.items() if value is not None and value != ""}
        times = row["timestamps"] | dict.fromkeys(attributes, now)
        changed = {"attributes": kept, "timestamps": {name: times[name] for name in kept}}
        self.table.replace(internal_id, row | changed)
        self._touched[internal_id] = None

    def remove(self, internal_id: str) -> None:
        """Delete an object; its relationships are over."""
        of_objects, of_people = self._related()
        for person in of_objects.pop(internal_id, {}):
            of_people[person].pop(internal_id, None)
        self.table.remove(internal_id)
        self._touched.pop(internal_id, None)

    # --- relationships --------------------------------------------------------------------------

    def _related(self) -> tuple[Relationships, Relationships]:
        """Return relationships from both sides; generated ones are laid down at the first look."""
        if self._relationships is None:
            of_objects: Relationships = {}
            of_people: Relationships = {}
            self._relationships = of_objects, of_people
            for index in range(self._options.objects):
                for person, attributes in self._make.related(index):
                    internal_id = generated.internal_id(index)
                    of_objects.setdefault(internal_id, {})[person] = attributes
                    of_people.setdefault(person, {})[internal_id] = attributes
        return self._relationships

    def relate(self, person: str, internal_id: str, attributes: Row) -> None:
        """Relate a person to an object."""
        of_objects, of_people = self._related()
        known = of_objects.setdefault(internal_id, {}).get(person, {})
        of_objects[internal_id][person] = known | attributes
        of_people.setdefault(person, {})[internal_id] = known | attributes
        self._touched[internal_id] = None

    def unrelate(self, person: str, internal_id: str) -> None:
        """End a relationship."""
        of_objects, of_people = self._related()
        of_objects.get(internal_id, {}).pop(person, None)
        of_people.get(person, {}).pop(internal_id, None)
        self._touched[internal_id] = None

    def hand_over(self, gone: str, kept: str) -> None:
        """Give one person the relationships of another, as a merge does."""
        for internal_id, attributes in list(self._related()[1].get(gone, {}).items()):
            self.unrelate(gone, internal_id)
            known = self._related()[0][internal_id].get(kept, {})
            self.relate(kept, internal_id, attributes | known)

    def people_of(self, internal_id: str) -> dict[str, Row]:
        """Return what relationships of an object say, by the person's internal id."""
        return self._related()[0].get(internal_id, {})

    def of_person(self, person: str) -> dict[str, Row]:
        """Return what relationships of a person say, by the object's internal id."""
        related = self._related()[1].get(person, {})
        return {key: related[key] for key in related if self.table.get(key)}

    def relationships(self) -> Iterator[Row]:
        """Walk through all relationships, generated ones as well."""
        for row in self.table.rows:
            for person, attributes in self.people_of(row["cio_object_id"]).items():
                yield {
                    "cio_id": person,
                    "object_type_id": row["object_type_id"],
                    "object_id": row["object_id"],
                    "attributes": attributes,
                }

    def described(self, *, written: bool) -> Iterator[Row]:
        """Walk through objects with the people related to them.

        Args:
            written: Whether to leave out generated objects that nobody has changed.
        """
        for row in self.table.rows:
            if not written or row["cio_object_id"] in self._touched:
                yield {**row, "relationships": self.people_of(row["cio_object_id"])}
