"""Activities: newest first over 45 days, not strictly, and a few of them in the future."""

from __future__ import annotations

import typing as t

from customerio_simulator.generate.messages import delivery_id
from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.identity import Noise, every, indexed_ulid, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.generate.people import People
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

SPAN = 45 * DAY
"""Seconds of history: more than the 30 days that the API guarantees."""
BURST = 10
"""Activities that follow each other within seconds."""
SCATTER = BURST * 2
"""Fewer activities than this have none in the future."""
LATE = 20
"""Seconds by which one activity of every burst is out of order."""

_TYPES = (
    "event",
    "opened_email",
    "attribute_change",
    "clicked_email",
    "event",
    "page",
    "sent_email",
    "screen",
    "delivered_email",
    "profile_create",
)
_FILLER = "The quick brown fox jumps over the lazy dog. " * 800
_PLAIN_BYTES = 330
"""About the size of an activity without padding."""


class Activities:
    """Makes activities.

    Args:
        options: Sizes and seed.
        epoch: Unix seconds that times are relative to.
        people: Makes the identifiers of those who acted.
    """

    def __init__(self, options: Options, epoch: int, people: People) -> None:
        self._options = options
        self._epoch = epoch
        self._people = people
        self._noise = Noise(options.seed, "activities")
        self._step = max(1, SPAN // max(1, options.activities))
        padding = options.activity_bytes - _PLAIN_BYTES
        self._padding: Row = {"comment": _FILLER[:padding]} if padding > 0 else {}

    def timestamp(self, index: int) -> int:
        """Return when an activity happened."""
        if index in (0, 1) and self._options.activities >= SCATTER:
            return self._epoch + (30 * DAY if index == 0 else 3600)
        burst, nth = divmod(index, BURST)
        late = LATE if nth == BURST // 2 else 0
        return self._epoch - 30 - burst * BURST * self._step - nth // 2 * 2 - late

    def activity(self, index: int) -> Row:
        """Make an activity; `deleted`, no field of the API, says that the person is gone."""
        return self.new(index, self.timestamp(index), deleted=every(20, index, 19))

    def new(self, index: int, timestamp: int, *, deleted: bool = False) -> Row:
        """Make an activity of any index that happened at a given time."""
        noise = self._noise(index)
        kind = pick(_TYPES, noise >> 8)
        people = self._options.people
        if deleted or not people:
            shown: Row = {"cio_id": f"{0x50000000 + noise % 9999:08x}"}
        else:
            identifiers = self._people.identifiers(noise % people)
            shown = shown_identifiers(identifiers, id_only=self._options.id_only)
            shown = {name: value for name, value in shown.items() if value is not None}
        row: Row = {
            "id": indexed_ulid(timestamp, noise, index),
            "type": kind,
            "timestamp": timestamp,
            "customer_id": shown.get("id"),
            "customer_identifiers": shown,
            "deleted": deleted,
        }
        if kind.endswith("_email"):
            row |= self._delivery(kind, noise, timestamp)
        else:
            row |= self._action(kind, noise)
        row["data"] |= self._padding
        return row

    def _delivery(self, kind: str, noise: int, timestamp: int) -> Row:
        delivery = delivery_id(2, noise % 2**40, noise)
        data: Row = {"delivery_id": delivery, "ip_address": "192.0.2.1"}
        if kind == "opened_email":
            data["opened"] = timestamp
        if kind == "delivered_email":
            data["delivered"] = timestamp
        return {"delivery_id": delivery, "delivery_type": "email", "data": data}

    def _action(self, kind: str, noise: int) -> Row:
        if kind == "event":
            name = pick(("purchase", "login", "search"), noise >> 16)
            return {"name": name, "data": {"amount": noise % 10_000 / 100, "currency": "EUR"}}
        if kind == "page":
            return {
                "url": "https://example.com/pricing",
                "data": {"referrer": "https://example.com"},
            }
        if kind == "screen":
            return {"name": "Home", "data": {}}
        return {"data": {"plan": {"from": "", "to": "premium"}}}
