"""A Customer.io workspace: its tables, its people, its clock, and how to change them from outside."""

from __future__ import annotations

import dataclasses
import typing as t

from customerio_simulator.clock import Clock
from customerio_simulator.generate.activities import Activities
from customerio_simulator.generate.automations import Automations
from customerio_simulator.generate.content import Content
from customerio_simulator.generate.messages import Messages, index_of_delivery
from customerio_simulator.generate.segments import EVERYBODY, Segments
from customerio_simulator.identity import index_of_ulid
from customerio_simulator.objects import Objects
from customerio_simulator.options import OptionError, Options
from customerio_simulator.people import People, identifiers
from customerio_simulator.tables import Row, Table

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customerio_simulator.tables import Key


class EditError(ValueError):
    """A change that the workspace cannot make; the text says why."""


def _by_number(key: object) -> int | None:
    """Return the index of a row whose id counts from one."""
    return key - 1 if isinstance(key, int) else None


class Workspace:
    """Everything that one workspace holds.

    Args:
        options: Sizes and temper. Keywords instead of an object are taken as the same options.
    """

    def __init__(self, options: Options | None = None, **keywords: t.Any) -> None:
        self.options = options or Options(**keywords)
        self.clock = Clock(self.options.now)
        self._build()

    def _build(self) -> None:
        options, epoch = self.options, self.clock.epoch
        self.automations = Automations(options, epoch)
        self.people = People(options, epoch)
        self._segments = Segments(options, epoch)
        content = Content(options, epoch)
        messages = Messages(options, epoch, self.people.make, self.automations)
        activities = Activities(options, epoch, self.people.make)
        self._new = {"messages": messages.new, "activities": activities.new}
        numbered: dict[str, tuple[int, t.Callable[[int], Row]]] = {
            "campaigns": (options.campaigns, self.automations.campaign),
            "broadcasts": (options.broadcasts, self.automations.broadcast),
            "newsletters": (options.newsletters, content.newsletter),
            "transactional": (options.transactional, content.transactional),
            "segments": (options.segments, self._segments.segment),
            "collections": (options.collections, content.collection),
            "sender_identities": (options.senders, content.sender),
            "subscription_topics": (options.topics, content.topic),
        }
        self.tables = {
            name: Table("id", count, make, index_of=_by_number)
            for name, (count, make) in numbered.items()
        }
        self.tables |= {
            "snippets": Table("name", options.snippets, content.snippet),
            "messages": Table(
                "id",
                options.messages,
                messages.message,
                index_of=index_of_delivery,
                newest_first_by="created",
            ),
            "drafts": Table("id", options.drafts, messages.draft, index_of=index_of_delivery),
            "activities": Table(
                "id",
                options.activities,
                activities.activity,
                index_of=index_of_ulid,
                newest_first_by="timestamp",
            ),
            "people": self.people.table,
        }
        self.vanished: set[tuple[str, Key]] = set()
        """Parents that are still listed and answer 404 when asked for."""
        if options.campaigns > VANISHED:
            self.vanished.add(("campaigns", VANISHED))
        self._rosters: dict[Key, list[str]] = {}
        self.objects = Objects()

    def parent(self, table: str, key: Key) -> Row | None:
        """Return a row that has children, or None when it is unknown or has vanished."""
        return None if (table, key) in self.vanished else self.tables[table].get(key)

    def roster(self, segment: Row) -> Sequence[t.Any]:
        """Return who belongs to a segment, as something that `identify_members` reads in parts."""
        if segment["id"] in self._rosters:
            return self._rosters[segment["id"]]
        if segment["id"] == EVERYBODY and self.options.members is None:
            return self.people.table.rows
        if segment["id"] > self.options.segments:
            return []
        members = self._segments.members(segment)
        return [i for i in members if self.people.has(i)] if self.people.shrunk else members

    def identify_members(self, members: Sequence[t.Any]) -> list[Row]:
        """Return the identifiers of a part of a roster."""
        found = []
        for member in members:
            if isinstance(member, int):
                found.append(self.people.identifiers_of(member))
            else:
                person = member if isinstance(member, dict) else self.people.get(member)
                found += [identifiers(person)] if person else []
        return found

    def members_of(self, segment_id: Key) -> set[str]:
        """Return the internal ids of a segment's members; of an unknown segment none."""
        segment = self.parent("segments", segment_id)
        if segment is None:
            return set()
        return {str(each["cio_id"]) for each in self.identify_members(self.roster(segment)[:])}

    # --- changes from outside -------------------------------------------------------------------

    def edit(
        self,
        *,
        add: Mapping[str, int | Sequence[Row]] | None = None,
        change: Mapping[str, Mapping[str, Row]] | None = None,
        remove: Mapping[str, Sequence[Key]] | None = None,
        vanish: Mapping[str, Sequence[Key]] | None = None,
        members: Mapping[str, Sequence[str]] | None = None,
        options: Mapping[str, t.Any] | None = None,
    ) -> dict[str, list[Key]]:
        """Change the workspace.

        Args:
            add: For each table the rows to add, or how many to make up. Made-up activities and
                messages happen now; a given row is laid over a made-up one.
            change: For each table and key the fields to set; objects are merged.
            remove: For each table the keys of rows to remove.
            vanish: For each table the keys of parents that stay listed and answer 404.
            members: For each segment id the internal ids of all its members.
            options: Options to change; sizes cannot be.

        Returns:
            The keys of the added rows, by table.

        Raises:
            EditError: An unknown table, key or option.
        """
        added = {
            name: self._add(self._table(name), name, rows) for name, rows in (add or {}).items()
        }
        for name, patches in (change or {}).items():
            table = self._table(name)
            for text, patch in patches.items():
                key = self._key(table, text)
                table.replace(key, merged(table.get(key) or {}, patch))
        for name, keys in (remove or {}).items():
            for each in keys:
                self._table(name).remove(self._key(self._table(name), each))
        for name, keys in (vanish or {}).items():
            self.vanished |= {(name, self._key(self._table(name), each)) for each in keys}
        for segment, cio_ids in (members or {}).items():
            self._rosters[self._key(self._table("segments"), segment)] = list(cio_ids)
        if options:
            self._set_options(options)
        return added

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            msg = f"There is no table {name!r}; there are {', '.join(sorted(self.tables))}."
            raise EditError(msg)
        return self.tables[name]

    def _key(self, table: Table, key: Key) -> Key:
        """Return the key in the table's type: the keys of a JSON object are text."""
        for candidate in (key, int(key) if str(key).isdecimal() else key):
            if table.get(candidate) is not None:
                return candidate
        msg = f"There is no row with the {table.key} {key!r}."
        raise EditError(msg)

    def _add(self, table: Table, name: str, rows: int | Sequence[Row]) -> list[Key]:
        patches = [{}] * rows if isinstance(rows, int) else rows
        keys: list[Key] = []
        for patch in patches:
            index = table.fresh_index()
            made = (
                self._new[name](index, self.clock.now()) if name in self._new else table.make(index)
            )
            row = merged(made, patch)
            table.add(row)
            keys.append(row[table.key])
        return keys

    def _set_options(self, options: Mapping[str, t.Any]) -> None:
        fixed = set(options) & SIZES
        if fixed:
            msg = f"{', '.join(sorted(fixed))} cannot change while the workspace lives: add or remove rows."
            raise EditError(msg)
        try:
            self.options = dataclasses.replace(self.options, **options)
        except (TypeError, OptionError) as error:
            raise EditError(str(error)) from error


VANISHED = 5
"""The campaign that is listed and whose children answer 404, in a workspace that has more."""

SIZES = frozenset(
    {"seed", "now", "people", "campaigns", "actions", "broadcasts", "newsletters", "transactional"}
    | {"segments", "members", "activities", "activity_bytes", "messages", "drafts", "collections"}
    | {"snippets", "senders", "topics", "id_only"}
)
"""Options that rows are generated from."""


def merged(row: Row, patch: Row) -> Row:
    """Return a row with fields laid over it; objects are merged one level deep."""
    result = dict(row)
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = result[name] | value
        else:
            result[name] = value
    return result
