"""What the workspace notes about its people: activities, that failures are told by, too."""

from __future__ import annotations

import itertools
import typing as t

from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.identity import Noise, ulid
from customerio_simulator.people import identifiers

if t.TYPE_CHECKING:
    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

FAILED_ATTRIBUTE_CHANGE = "failed_attribute_change"
"""An identifier belongs to somebody else."""
FAILED_BATCH_UPDATE = "failed_batch_update"
"""A person would have more attributes than a person can have."""
FAILED_EVENT = "failed_event"
"""A reserved attribute of an event is no text."""
SKIPPED_UPDATE = "skipped_update"
"""What an item says of an attribute is older than what is stored."""


class ActivityLog:
    """Writes activities.

    Args:
        workspace: Where they are written.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._noise = Noise(workspace.options.seed, "effects")
        self._numbers = itertools.count(1)

    def note(
        self,
        kind: str,
        cio_id: str,
        data: Row,
        more: Row | None = None,
        timestamp: float | None = None,
    ) -> None:
        """Write an activity of a person.

        Args:
            kind: The activity's type.
            cio_id: The person's internal id.
            data: What the activity says.
            more: Further fields, such as `name` or `url`.
            timestamp: When it happened, in unix seconds; without it now.
        """
        workspace = self._workspace
        person = workspace.people.get(cio_id)
        named = identifiers(person) if person else {"cio_id": cio_id}
        shown = {name: value for name, value in named.items() if value is not None}
        now = workspace.clock.now()
        workspace.tables["activities"].add(
            {
                "id": ulid(now, self._noise(next(self._numbers)) << 16),
                "type": kind,
                "timestamp": int(now if timestamp is None else timestamp),
                "customer_id": shown.get("id"),
                "customer_identifiers": shown_identifiers(shown, id_only=workspace.options.id_only),
                "deleted": False,
                **(more or {}),
                "data": data,
            }
        )

    def note_event(self, event: Row) -> None:
        """Write the activity of an event, a page or a screen, or that it failed."""
        name = {"url" if event["action"] == "page" else "name": event["name"].strip()}
        data = event.get("attributes") or {}
        broken = any(not isinstance(data.get(each, ""), str) for each in OVERRIDES)
        kind = FAILED_EVENT if broken else event["action"]
        self.note(kind, event["cio_id"], data, name, event.get("timestamp"))


OVERRIDES = ("recipient", "from_address", "reply_to")
"""Attributes of an event that replace fields of the messages it triggers (documented)."""
