"""A Customer.io workspace: its tables, its people and its clock."""

from __future__ import annotations

import typing as t
from functools import partial

import msgspec

from customerio_simulator.answers import encode
from customerio_simulator.clock import Clock
from customerio_simulator.generate.activities import Activities
from customerio_simulator.generate.automations import Automations
from customerio_simulator.generate.configuration import SUPPRESSIONS, Configuration
from customerio_simulator.generate.content import Content, collection_rows
from customerio_simulator.generate.messages import Messages, index_of_delivery
from customerio_simulator.generate.metrics import Metrics
from customerio_simulator.generate.people import index_of_cio_id
from customerio_simulator.generate.segments import EVERYBODY, Segments
from customerio_simulator.generate.templates import Triggers
from customerio_simulator.identity import index_of_ulid
from customerio_simulator.objects import Objects
from customerio_simulator.options import Options
from customerio_simulator.people import People, identifiers
from customerio_simulator.tables import Row, Table

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from customerio_simulator.tables import Key


VANISHED = 5
"""The campaign that is listed and whose children answer 404, in a workspace that has more."""


def _by_number(key: object) -> int | None:
    """Return the index of a row whose id counts from one."""
    return key - 1 if isinstance(key, int) else None


class Workspace:
    """Everything that one workspace holds.

    Args:
        options: Sizes and temper; without them the default ones.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.clock = Clock(self.options.now)
        self._build()

    def _build(self) -> None:
        options, epoch = self.options, self.clock.epoch
        self.automations = Automations(options, epoch)
        self.people = People(options, epoch)
        self._segments = Segments(options, epoch)
        self.objects = Objects(options, epoch)
        self.metrics = Metrics(options)
        self.triggers = Triggers(options, epoch)
        content = Content(options, epoch)
        configuration = Configuration(options, epoch, self.people.make)
        messages = Messages(options, epoch, self.people.make, self.automations)
        activities = Activities(options, epoch, self.people.make)
        self._dated: dict[str, t.Callable[[int, int], Row]] = {
            "messages": messages.new,
            "activities": activities.new,
        }
        numbered: dict[str, tuple[int, t.Callable[[int], Row]]] = {
            "campaigns": (options.campaigns, self.automations.campaign),
            "broadcasts": (options.broadcasts, self.automations.broadcast),
            "newsletters": (options.newsletters, content.newsletter),
            "transactional": (options.transactional, content.transactional),
            "segments": (options.segments, self._segments.segment),
            "collections": (options.collections, content.collection),
            "sender_identities": (options.senders, content.sender),
            "subscription_topics": (options.topics, content.topic),
            "subscription_channels": (options.channels, configuration.channel),
            "reporting_webhooks": (options.webhooks, configuration.webhook),
            "exports": (options.exports, configuration.export),
        }
        self.tables = {
            name: Table("id", count, make, index_of=_by_number)
            for name, (count, make) in numbered.items()
        }
        self.tables |= {
            kind: Table("email", options.suppressions, partial(configuration.suppression, kind))
            for kind in SUPPRESSIONS
        }
        self.tables |= {
            "optouts": Table("cio_id", min(options.optouts, options.people), configuration.optout),
            "object_types": self.objects.types,
            "objects": self.objects.table,
            "snippets": Table("name", options.snippets, content.snippet),
            "messages": Table(
                "id",
                options.messages,
                messages.message,
                index_of=index_of_delivery,
                newest_first_by="created",
            ),
            "drafts": Table(
                "id",
                options.drafts,
                messages.draft,
                index_of=index_of_delivery,
                newest_first_by="created",
            ),
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
        self.rosters: dict[Key, list[str]] = {}
        """Segments whose members were set from outside, as internal ids."""
        self.collection_contents: dict[Key, msgspec.Raw] = {}
        """The rows of collections that were written, as the bytes that were sent."""

    def parent(self, table: str, key: Key) -> Row | None:
        """Return a row that has children, or None when it is unknown or has vanished."""
        return None if (table, key) in self.vanished else self.tables[table].get(key)

    def roster(self, segment: Row) -> Sequence[t.Any]:
        """Return who belongs to a segment, as something that `identify_members` reads in parts."""
        if segment["id"] in self.rosters:
            return [each for each in self.rosters[segment["id"]] if self.people.get(each)]
        if segment["id"] == EVERYBODY and self.options.members is None:
            return self.people.table.rows
        if segment["id"] > self.options.segments:
            return []
        members = self._segments.members(segment)
        return [i for i in members if self.people.has(i)] if self.people.removed else members

    def holds(self, segment: Row, person: Row) -> bool:
        """Tell whether a person belongs to a segment, without listing its members."""
        members = self.roster(segment)
        if members is self.people.table.rows:
            return True
        cio_id = person["cio_id"]
        return cio_id in members or index_of_cio_id(cio_id) in members

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

    def set_members(self, segment_id: Key, cio_ids: Iterable[str], *, belong: bool) -> None:
        """Add people to a manual segment, or take them out.

        Args:
            segment_id: The segment's id.
            cio_ids: The people's internal ids.
            belong: Whether they are members from now on.
        """
        segment = self.tables["segments"].get(segment_id) or {}
        members = {
            str(each["cio_id"]): None for each in self.identify_members(self.roster(segment)[:])
        }
        for cio_id in cio_ids:
            if belong:
                members[cio_id] = None
            else:
                members.pop(cio_id, None)
        self.rosters[segment_id] = list(members)

    def hand_over(self, gone: str, kept: str) -> None:
        """Give one person the relationships and memberships of another, as a merge does."""
        self.objects.hand_over(gone, kept)
        for segment_id, members in self.rosters.items():
            if gone in members:
                renamed = (kept if each == gone else each for each in members)
                self.rosters[segment_id] = list(dict.fromkeys(renamed))

    def collection_content(self, row: Row) -> msgspec.Raw:
        """Return the rows of a collection, as they were sent or generated."""
        sent = self.collection_contents.get(row["id"])
        return sent or msgspec.Raw(encode(collection_rows(row["rows"])))

    def members_of(self, segment_id: Key) -> set[str]:
        """Return the internal ids of a segment's members; of an unknown segment none."""
        segment = self.parent("segments", segment_id)
        if segment is None:
            return set()
        return {str(each["cio_id"]) for each in self.identify_members(self.roster(segment)[:])}

    def make_up(self, table: str) -> Row:
        """Make a row that is like the generated ones; deliveries and activities happen now."""
        index = self.tables[table].fresh_index()
        if table in self._dated:
            return self._dated[table](index, self.clock.now())
        return self.tables[table].make(index)
