"""What an accepted item does to the workspace: a table of effects by type and action.

Acceptance is not application: conflicts end in a failure activity, and an unknown internal id is
dropped in silence, while the sender has long read 200.
"""

from __future__ import annotations

import typing as t

from customerio_simulator.activity_log import (
    FAILED_ATTRIBUTE_CHANGE,
    FAILED_BATCH_UPDATE,
    SKIPPED_UPDATE,
    ActivityLog,
)
from customerio_simulator.identity import is_ulid
from customerio_simulator.people import PREFERENCES, preferences_of
from customerio_simulator.track_items import MOST_ATTRIBUTES, kind_of
from customerio_simulator.track_objects import ObjectEffects

if t.TYPE_CHECKING:
    from customerio_simulator.journal import Journal
    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

UNIQUE = ("id", "email")
"""Identifiers that no two people share."""


class Effects:
    """Applies items.

    Args:
        workspace: What they change.
        journal: Where events are kept.
    """

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._workspace = workspace
        self._people = workspace.people
        self._journal = journal
        self._seen: set[str] = set()
        self._anonymous: dict[str, list[Row]] = {}
        self._log = ActivityLog(workspace)
        objects = self._objects = ObjectEffects(workspace, self._find_or_create)
        self._table: dict[tuple[str, str], t.Callable[[Row], None]] = {
            ("person", "identify"): self._identify,
            ("person", "event"): self._event,
            ("person", "page"): self._event,
            ("person", "screen"): self._event,
            ("person", "delete"): self._delete,
            ("person", "suppress"): self._suppress,
            ("person", "unsuppress"): self._unsuppress,
            ("person", "merge"): self._merge,
            ("person", "add_device"): self._add_device,
            ("person", "delete_device"): self._delete_device,
            ("person", "add_relationships"): objects.relate,
            ("person", "delete_relationships"): objects.relate,
            ("object", "identify"): objects.identify,
            ("object", "identify_anonymous"): objects.identify_anonymous,
            ("object", "delete"): objects.delete,
            ("object", "add_relationships"): objects.relate,
            ("object", "delete_relationships"): objects.relate,
            ("delivery", "event"): self._delivery,
        }

    def apply(self, item: Row) -> None:
        """Apply an item that passed all checks."""
        self._table[kind_of(item)](item)

    # --- people ---------------------------------------------------------------------------------

    def _find(self, identifiers: Row) -> str | None:
        kind, value = next(iter(identifiers.items()))
        return self._people.find(kind, value)

    def _find_or_create(self, identifiers: Row) -> str | None:
        """Return whom identifiers name; nobody comes into being by an internal or blocked one."""
        kind, value = next(iter(identifiers.items()))
        found = self._people.find(kind, value)
        if found or kind == "cio_id" or self._people.is_suppressed(kind, value):
            return found
        created = self._people.create(kind, value, self._workspace.clock.now())
        self._log.note("profile_create", created, {})
        return created

    def _identify(self, item: Row) -> None:
        attributes = dict(item.get("attributes") or {})
        update_only = attributes.pop("_update", False) is True
        kind, value = next(iter(item["identifiers"].items()))
        if self._people.is_suppressed(kind, value):
            return
        found = self._find(item["identifiers"])
        if found is None and "id" in item["identifiers"] and attributes.get("email"):
            # A new id with a known e-mail address renames its owner (documented as confusing).
            found = self._people.find("email", attributes["email"])
            if found:
                attributes["id"] = item["identifiers"]["id"]
        if found is None and update_only:
            return
        cio_id = found or self._find_or_create(item["identifiers"])
        if cio_id is None:
            return
        self._write(cio_id, attributes, item.get("timestamp"))
        if "anonymous_id" in attributes:
            anonymous = str(attributes["anonymous_id"])
            for event in self._anonymous.pop(anonymous, []):
                event["cio_id"] = cio_id
                self._log.note_event(event)
            self._objects.recognise(anonymous, cio_id)
        for relationship in item.get("cio_relationships") or []:
            values = relationship.get("relationship_attributes") or {}
            self._objects.link(cio_id, relationship["identifiers"], values)

    def _write(self, cio_id: str, attributes: Row, timestamp: float | None) -> None:
        """Write attributes that no later write has settled and whose identifier is free."""
        person = self._people.get(cio_id) or {}
        times, now = person["timestamps"], self._workspace.clock.now()
        when = now if timestamp is None else timestamp
        skipped = {name: "older" for name in attributes if times.get(name, when) > when}
        taken = {
            name: "already in use"
            for name in UNIQUE
            if name in attributes
            and name not in skipped
            and self._people.find(name, attributes[name]) not in {None, cio_id}
        }
        left_out = {*skipped, *taken, "cio_id"}
        wanted = {name: value for name, value in attributes.items() if name not in left_out}
        for kind, found in ((SKIPPED_UPDATE, skipped), (FAILED_ATTRIBUTE_CHANGE, taken)):
            if found:
                self._log.note(kind, cio_id, dict(found))
        if len({*person["attributes"], *wanted} - {"cio_id"}) > MOST_ATTRIBUTES:
            self._log.note(FAILED_BATCH_UPDATE, cio_id, {"error": "too many attributes"})
            return
        if "unsubscribed" in wanted:
            unsubscribed = wanted["unsubscribed"] in (True, "true")
            self._people.replace(person | {"unsubscribed": unsubscribed})
        changes = self._people.write(cio_id, _spelled_out(wanted, person), int(when))
        if changes:
            self._log.note("attribute_change", cio_id, changes)

    def _delete(self, item: Row) -> None:
        if cio_id := self._find(item["identifiers"]):
            self._people.remove(cio_id)

    def _suppress(self, item: Row) -> None:
        self._delete(item)
        for kind, value in item["identifiers"].items():
            self._people.suppress(kind, value)

    def _unsuppress(self, item: Row) -> None:
        for kind, value in item["identifiers"].items():
            self._people.suppress(kind, value, blocked=False)

    def _merge(self, item: Row) -> None:
        """Give a person what another has and the first lacks; the other goes."""
        first, second = self._find(item["primary"]), self._find(item["secondary"])
        if not first or not second or first == second:
            return
        now, kept = self._workspace.clock.now(), self._people.get(first) or {}
        gone = self._people.get(second) or {}
        missing = {
            name: value
            for name, value in gone["attributes"].items()
            if name not in kept["attributes"]
        }
        self._people.merge(second, first)
        self._workspace.hand_over(second, first)
        self._people.write(first, missing, now)
        self._log.note("profile_merge", first, {})

    def _add_device(self, item: Row) -> None:
        cio_id = self._find_or_create(item["identifiers"])
        if person := self._people.get(cio_id or ""):
            device = item["device"]
            added = {
                "id": device["token"],
                "platform": device["platform"],
                "last_used": device.get("last_used", self._workspace.clock.now()),
                "attributes": device.get("attributes") or {},
            }
            others = [each for each in person["devices"] if each["id"] != device["token"]]
            self._people.replace(person | {"devices": [*others, added]})

    def _delete_device(self, item: Row) -> None:
        if person := self._people.get(self._find(item["identifiers"]) or ""):
            token = item["device"]["token"]
            others = [each for each in person["devices"] if each["id"] != token]
            self._people.replace(person | {"devices": others})

    # --- events ---------------------------------------------------------------------------------

    def _event(self, item: Row) -> None:
        identifier = item.get("id")
        if identifier is not None:
            if not is_ulid(identifier):
                self._journal.count(event_ids_that_are_no_ulid=1)
            known = str(identifier).upper()
            if known in self._seen:
                self._journal.count(deduplicated=1)
                return
            self._seen.add(known)
        anonymous = item["identifiers"].get("anonymous_id")
        cio_id = None if anonymous is not None else self._find_or_create(item["identifiers"])
        event = {**item, "cio_id": cio_id, "received_at": self._workspace.clock.now()}
        self._journal.events.append(event)
        if anonymous is not None:
            self._anonymous.setdefault(str(anonymous), []).append(event)
        elif cio_id:
            self._log.note_event(event)

    def _delivery(self, item: Row) -> None:
        table = self._workspace.tables["messages"]
        key = item["identifiers"]["id"]
        if row := table.get(key):
            metrics = {item["name"]: self._workspace.clock.now()} | row["metrics"]
            table.replace(key, row | {"metrics": metrics})


def _spelled_out(attributes: Row, person: Row) -> Row:
    """Return attributes with those in dot notation laid over what is stored of the whole."""
    spelled: Row = {}
    for name, value in attributes.items():
        root, *path = name.split(".")
        if root == PREFERENCES and path:
            spelled[root] = _deep(spelled.get(root, preferences_of(person)), path, value)
        else:
            spelled[name] = value
    return spelled


def _deep(values: t.Any, path: list[str], value: object) -> Row:  # noqa: ANN401 - stored JSON
    """Return an object with one value set at the end of a path."""
    base = dict(values) if isinstance(values, dict) else {}
    head, *rest = path
    base[head] = _deep(base.get(head), rest, value) if rest else value
    return base
