"""How a workspace is set up: channels, webhooks, exports, suppressions, opt-outs."""

from __future__ import annotations

import typing as t

from customerio_simulator.generate.people import cio_id
from customerio_simulator.identity import Noise, every, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.generate.people import People
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

SUPPRESSIONS = ("bounces", "blocks", "spam_reports", "invalid_emails")
"""The reasons for which the e-mail provider suppresses an address."""
DOMAINS = ("example.com", "mail.example.com")
"""The sending domains that suppressed addresses belong to."""
WEBHOOK_PASSWORD = "password-in-a-url"  # noqa: S105 - stands in a URL that a reader must clean
"""What no reader of reporting webhooks may show."""

_REASONS = {
    "bounces": ("5.1.1 mailbox does not exist", "550"),
    "blocks": ("4.7.0 blocked by the recipient's server", "421"),
    "spam_reports": ("", ""),
    "invalid_emails": ("Mail domain mentioned in email address is unknown", ""),
}
_CHANNELS = ("email", "push", "sms", "in_app", "whatsapp")
_EVENTS = ["email_clicked", "email_opened", "email_sent"]


class Configuration:
    """Makes what lies beside messages and people.

    Args:
        options: The sizes and the seed of the workspace.
        epoch: Unix seconds that times are relative to.
        people: Makes the identifiers of those who opted out.
    """

    def __init__(self, options: Options, epoch: int, people: People) -> None:
        self._epoch = epoch
        self._people = people
        self._stride = max(1, options.people // max(1, options.optouts))
        self._noise = Noise(options.seed, "configuration")

    def channel(self, index: int) -> Row:
        """Make a subscription channel."""
        identifier = f"channel_{index + 1}"
        kind = pick(_CHANNELS, index)
        return {"id": index + 1, "identifier": identifier, "name": f"By {kind}", "type": kind}

    def webhook(self, index: int) -> Row:
        """Make a reporting webhook; every other URL holds a user and a password."""
        identifier = index + 1
        access = f"user:{WEBHOOK_PASSWORD}@" if every(2, index, 1) else ""
        return {
            "id": identifier,
            "name": f"webhook-{identifier}",
            "type": pick(("webhook", "webhook", "js"), index),
            "endpoint": f"https://{access}example.com/hooks/{identifier}",
            "events": _EVENTS[: 1 + index % 3],
            "disabled": every(3, index, 2),
            "full_resolution": every(2, index, 1),
            "with_content": False,
        }

    def export(self, index: int) -> Row:
        """Make an export; the first is under way, with a total of 0 until it is done."""
        identifier = index + 1
        created = self._epoch - DAY * index - 600
        status = "pending" if index == 0 else pick(("done", "done", "failed"), index)
        updated = created + (0 if status == "pending" else 90)
        return {
            "id": identifier,
            "deduplicate_id": f"{identifier}:{updated}",
            "type": pick(("customers", "deliveries"), index),
            "status": status,
            "failed": status == "failed",
            "total": self._noise(index) % 5000 if status == "done" else 0,
            "downloads": index % 3,
            "description": "Everybody",
            "user_id": 1,
            "user_email": "someone@example.com",
            "created_at": created,
            "updated_at": updated,
        }

    def suppression(self, kind: str, index: int) -> Row:
        """Make a suppressed address; `domain`, no field of the API, says which list holds it."""
        reason, status = _REASONS[kind]
        return {
            "created": self._epoch - 3600 * (index + 1),
            "email": f"{kind.rstrip('s')}{index + 1}@example.net",
            "reason": reason,
            "status": status,
            "domain": DOMAINS[every(3, index, 2)],
        }

    def optout(self, index: int) -> Row:
        """Make the opt-outs of a person: one channel, or two."""
        named = self._people.identifiers(index * self._stride)
        senders = (f"+1555123{index % 2:04d}", "+15559990000")
        channels = ("sms", "whatsapp") if every(2, index, 1) else ("sms",)
        return {
            "cio_id": cio_id(index * self._stride),
            "customer_id": named["id"],
            "optouts": [
                {"channel": channel, "from": sender}
                for channel, sender in zip(channels, senders, strict=False)
            ],
        }
