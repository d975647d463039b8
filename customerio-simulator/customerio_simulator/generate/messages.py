"""Deliveries: newest first over 400 days, with metrics that arrive later."""

from __future__ import annotations

import base64
import typing as t

from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.identity import Noise, every, pick, ulid
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.generate.automations import Automations
    from customerio_simulator.generate.people import People
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

SPAN = 400 * DAY
"""Seconds of history: more than the API's window of six months."""

_TYPES = ("email", "email", "email", "push", "twilio", "in_app", "webhook", "slack", "whatsapp")
_MARK = b"v\x04\x8a\x99\x0e\x03\x00"
_NO_PARENT: Row = {
    "action_id": None,
    "parent_action_id": None,
    "transactional_message_id": None,
    "trigger_event_id": None,
    "newsletter_id": None,
    "content_id": None,
    "campaign_id": None,
    "broadcast_id": None,
}


def delivery_id(kind: int, index: int, noise: int) -> str:
    """Return an id that looks like the service's and carries the index."""
    raw = _MARK + bytes([kind]) + index.to_bytes(5, "big") + noise.to_bytes(8, "big") + b"\xa1\xa5"
    return base64.urlsafe_b64encode(raw).decode()


def index_of_delivery(identifier: object) -> int | None:
    """Return the index that a delivery's id carries, or None."""
    try:
        raw = base64.urlsafe_b64decode(str(identifier))
    except ValueError:
        return None
    return int.from_bytes(raw[8:13], "big") if raw.startswith(_MARK) else None


class Messages:
    """Makes deliveries. Metrics later than the clock are stored, and shown when their time comes.

    Args:
        options: Sizes and seed.
        epoch: Unix seconds that times are relative to.
        people: Makes the identifiers of recipients.
        automations: Knows the actions that campaigns send.
    """

    def __init__(
        self, options: Options, epoch: int, people: People, automations: Automations
    ) -> None:
        self._options = options
        self._epoch = epoch
        self._people = people
        self._automations = automations
        self._noise = Noise(options.seed, "messages")
        self._step = max(1, SPAN // max(1, options.messages))

    def created(self, index: int) -> int:
        """Return when a delivery was created: three at a time share a second."""
        return self._epoch - 60 - (index - index % 3) * self._step

    def message(self, index: int) -> Row:
        """Make a delivery that was sent, or that failed."""
        noise = self._noise(index)
        return self._row(index, 2, noise, self.created(index), self._metrics(index, noise))

    def draft(self, index: int) -> Row:
        """Make a delivery that waits as a draft."""
        created = self._epoch - DAY * (index + 1)
        return self._row(index, 1, self._noise(-index - 1), created, {"drafted": created})

    def new(self, index: int, created: int) -> Row:
        """Make a delivery beyond the generated ones, created at a given time."""
        noise = self._noise(index)
        metrics = {"sent": created, "delivered": created}
        return self._row(index, 3, noise, created, metrics)

    def _row(self, index: int, kind: int, noise: int, created: int, metrics: Row) -> Row:
        forgotten = every(29, index, 13)
        row: Row = {
            "id": delivery_id(kind, index, noise),
            "msg_template_id": 1 + noise % 9,
            **_NO_PARENT,
            **self._parent(noise, created),
            **self._recipient(noise, index, forgotten=forgotten),
            "metrics": metrics,
            "created": created,
            "failure_message": "invalid address" if "failed" in metrics else None,
            "type": pick(_TYPES, noise >> 12),
            "forgotten": forgotten,
        }
        return row

    def _recipient(self, noise: int, index: int, *, forgotten: bool) -> Row:
        people = self._options.people
        if forgotten or not people:
            gone = {"cio_id": f"{0x50000000 + noise % 9999:08x}"} if index % 2 else None
            return {
                "customer_id": None,
                "customer_identifiers": gone,
                "recipient": None,
                "subject": None,
            }
        identifiers = self._people.identifiers(noise % people)
        return {
            "customer_id": identifiers["id"],
            "customer_identifiers": shown_identifiers(identifiers, id_only=self._options.id_only),
            "recipient": identifiers["email"],
            "subject": "Testing the simulator",
        }

    def _parent(self, noise: int, created: int) -> Row:
        """Return the one family that a delivery belongs to, of those that the workspace has."""
        options, choice = self._options, noise >> 20
        kinds = [
            name
            for name in ("newsletters", "campaigns", "broadcasts", "transactional")
            if getattr(options, name)
        ]
        kind = pick(kinds, choice) if kinds else ""
        if kind == "newsletters":
            newsletter = 1 + choice % options.newsletters
            return {"newsletter_id": newsletter, "content_id": newsletter * 10}
        if kind == "transactional":
            return {"transactional_message_id": 1 + choice % options.transactional}
        if kind == "broadcasts":
            broadcast = 1 + choice % options.broadcasts
            return {
                "broadcast_id": broadcast,
                "action_id": self._automations.action_id(broadcast, 0),
            }
        if kind == "campaigns":
            campaign = 1 + choice % options.campaigns
            return {
                "campaign_id": campaign,
                "action_id": self._automations.action_id(campaign, 0),
                "parent_action_id": self._automations.action_id(campaign, 1)
                if choice % 2
                else None,
                "trigger_event_id": ulid(max(created, 0), noise),
            }
        return {}

    def _metrics(self, index: int, noise: int) -> Row:
        """Return metric times; opens come up to 20 days after sending, conversions later."""
        created = self.created(index)
        if noise % 17 == 0:
            return {"failed": created + 1}
        sent = created + 2
        if noise % 13 == 0:
            return {"sent": sent, "bounced": sent + 4}
        metrics: Row = {"sent": sent, "delivered": sent + 5}
        if noise % 3:
            opened = sent + 60 + (noise >> 30) % (20 * DAY)
            metrics |= {"opened": opened, "human_opened": opened, "prefetch_opened": sent + 5}
            if noise % 2:
                clicked = opened + 40
                metrics |= {"clicked": clicked, "human_clicked": clicked}
                metrics |= {"link:2": clicked, "human_link:2": clicked}
                metrics |= {"converted": clicked + DAY} if noise % 5 == 0 else {}
        return metrics
