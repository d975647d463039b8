"""What an accepted item does to the workspace: a table of effects by type and action.

Acceptance is not application: conflicts end in a failure activity, and an unknown internal id is
dropped in silence, while the sender has long read 200.
"""

from __future__ import annotations

import itertools
import typing as t

from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.identity import Noise, is_ulid, ulid
from customerio_simulator.people import identifiers
from customerio_simulator.track_items import kind_of

if t.TYPE_CHECKING:
    from customerio_simulator.journal import Journal
    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

PREFERENCES = "cio_subscription_preferences."
"""The attribute whose parts can be written alone, in dot notation."""


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
        self._noise = Noise(workspace.options.seed, "effects")
        self._numbers = itertools.count(1)
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
            ("person", "add_relationships"): self._relate,
            ("person", "delete_relationships"): self._relate,
            ("object", "identify"): self._identify_object,
            ("object", "identify_anonymous"): self._identify_object,
            ("object", "delete"): self._delete_object,
            ("object", "add_relationships"): self._relate,
            ("object", "delete_relationships"): self._relate,
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
        self._note("profile_create", created, {})
        return created

    def _identify(self, item: Row) -> None:
        attributes = dict(item.get("attributes") or {})
        update_only = attributes.pop("_update", False) is True
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
            for event in self._anonymous.pop(str(attributes["anonymous_id"]), []):
                event["cio_id"] = cio_id
                self._note_event(event)
        for relationship in item.get("cio_relationships") or []:
            self._link(cio_id, relationship, item["action"])

    def _write(self, cio_id: str, attributes: Row, timestamp: float | None) -> None:
        """Write attributes that no later write has settled and whose identifier is free."""
        person = self._people.get(cio_id) or {}
        times, now = person["timestamps"], self._workspace.clock.now()
        when = now if timestamp is None else timestamp
        wanted: Row = {}
        for name, value in attributes.items():
            if times.get(name, when) > when:
                continue
            if name in {"id", "email"} and self._people.find(name, value) not in {None, cio_id}:
                self._note("failed_attribute_change", cio_id, {name: "already in use"})
            elif name == "unsubscribed":
                self._people.replace(person | {"unsubscribed": value in (True, "true")})
                wanted[name] = value
            elif name.startswith(PREFERENCES):
                root, *path = name.split(".")
                stored = wanted.get(root) or person["attributes"].get(root) or {}
                wanted[root] = _deep(stored, path, value)
            elif name != "cio_id":
                wanted[name] = value
        changes = self._people.write(cio_id, wanted, int(when))
        if changes:
            self._note("attribute_change", cio_id, changes)

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
        kept, gone = self._people.get(first) or {}, self._people.get(second) or {}
        missing = {
            name: value
            for name, value in gone["attributes"].items()
            if name not in kept["attributes"]
        }
        self._people.remove(second)
        self._people.write(first, missing, self._workspace.clock.now())
        self._note("profile_merge", first, {})

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
            self._note_event(event)

    def _note_event(self, event: Row) -> None:
        name = {"url" if event["action"] == "page" else "name": event["name"].strip()}
        data = event.get("attributes") or {}
        self._note(event["action"], event["cio_id"], data, name, event.get("timestamp"))

    def _note(
        self,
        kind: str,
        cio_id: str,
        data: Row,
        more: Row | None = None,
        timestamp: float | None = None,
    ) -> None:
        """Add an activity."""
        person = self._people.get(cio_id)
        named = identifiers(person) if person else {"cio_id": cio_id}
        shown = {name: value for name, value in named.items() if value is not None}
        when = int(self._workspace.clock.now() if timestamp is None else timestamp)
        self._workspace.tables["activities"].add(
            {
                "id": ulid(self._workspace.clock.now(), self._noise(next(self._numbers)) << 16),
                "type": kind,
                "timestamp": when,
                "customer_id": shown.get("id"),
                "customer_identifiers": shown_identifiers(
                    shown, id_only=self._workspace.options.id_only
                ),
                "deleted": False,
                **(more or {}),
                "data": data,
            }
        )

    def _delivery(self, item: Row) -> None:
        table = self._workspace.tables["messages"]
        key = item["identifiers"]["id"]
        if row := table.get(key):
            metrics = {item["name"]: self._workspace.clock.now()} | row["metrics"]
            table.replace(key, row | {"metrics": metrics})

    # --- objects --------------------------------------------------------------------------------

    def _identify_object(self, item: Row) -> None:
        objects, now = self._workspace.objects, self._workspace.clock.now()
        if key := objects.find_or_create(item["identifiers"], now):
            objects.write(key, item.get("attributes") or {}, now)
            if item["action"] == "identify":
                self._relate(item)

    def _delete_object(self, item: Row) -> None:
        if key := self._workspace.objects.find(item["identifiers"]):
            self._workspace.objects.remove(key)

    def _relate(self, item: Row) -> None:
        """Make or end the relationships of an item, from whichever side it is told."""
        for relationship in item.get("cio_relationships") or []:
            if item["type"] == "object":
                turned = {**relationship, "identifiers": item["identifiers"]}
                cio_id = self._find_or_create(relationship["identifiers"])
            else:
                turned, cio_id = relationship, self._find_or_create(item["identifiers"])
            if cio_id:
                self._link(cio_id, turned, item["action"])

    def _link(self, cio_id: str, relationship: Row, action: str) -> None:
        objects = self._workspace.objects
        if action == "delete_relationships":
            if key := objects.find(relationship["identifiers"]):
                objects.unrelate(cio_id, key)
            return
        now = self._workspace.clock.now()
        if key := objects.find_or_create(relationship["identifiers"], now):
            objects.relate(cio_id, key, relationship.get("relationship_attributes") or {})


def _deep(values: t.Any, path: list[str], value: object) -> Row:  # noqa: ANN401 - stored JSON
    """Return an object with one value set at the end of a path."""
    base = dict(values) if isinstance(values, dict) else {}
    head, *rest = path
    base[head] = _deep(base.get(head), rest, value) if rest else value
    return base
