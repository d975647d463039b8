"""Campaigns, broadcasts and their actions."""

from __future__ import annotations

import typing as t

from customerio_simulator.identity import Noise, every, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

ACTIONS_OF_A_CAMPAIGN = (3, 0, 12, 10, 27, 1)
"""None, less than a page, exactly a page, more than two pages."""

ACTION_TYPES = ("email", "attribute_update", "push", "twilio", "webhook", "in_app", "slack")
LANGUAGES: tuple[str | None, ...] = ("", "fr", None, "es")


def _schedule() -> Row:
    """Return the undocumented fields that campaigns and broadcasts carry; 0 means unset."""
    return {
        "scheduled_start": 0,
        "scheduled_start_should_backfill": False,
        "scheduled_stop": 0,
        "scheduled_stop_should_sunset": False,
    }


class Automations:
    """Makes campaigns, broadcasts and their actions.

    Args:
        options: The size of the workspace and its seed.
        epoch: Unix seconds that times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._options = options
        self._epoch = epoch
        self._noise = Noise(options.seed, "automations")

    def action_count(self, campaign_id: int) -> int:
        """Return the number of actions of a campaign."""
        fixed = self._options.actions
        varied = ACTIONS_OF_A_CAMPAIGN[(campaign_id - 1) % len(ACTIONS_OF_A_CAMPAIGN)]
        return varied if fixed is None else fixed

    def _times(self, index: int) -> tuple[int, int]:
        created = self._epoch - DAY * (30 + 11 * index)
        return created, created + self._noise(index) % (20 * DAY)

    def campaign(self, index: int) -> Row:
        """Make a campaign; the kinds of trigger take turns."""
        identifier = index + 1
        created, updated = self._times(index)
        running = not every(3, index)
        row: Row = {
            "id": identifier,
            "deduplicate_id": f"{identifier}:{updated}",
            "name": f"Campaign {identifier}",
            "description": "" if index % 2 else "Made by the simulator",
            "type": "seg_attr" if index % 2 == 0 else "event",
            "created": created,
            "updated": updated,
            "active": running,
            "state": "running" if running else pick(("draft", "stopped"), index // 3),
            "actions": [
                {"id": self.action_id(identifier, nth), "type": self._action_type(identifier, nth)}
                for nth in range(self.action_count(identifier))
            ],
            "first_started": created + DAY if running else 0,
            "tags": None if every(4, index) else ["Sample"],
        }
        if not every(5, index, 1):
            row |= _schedule()
        if index % 2 == 0:
            row |= {"trigger_segment_ids": [1], "filter_segment_ids": []}
        else:
            row |= {"event_name": "purchase", "created_by": "someone@example.com"}
        if every(7, index, 3):
            row |= {
                "filter_object_attributes": '{"and":[]}',
                "audience": {"type": "all", "person_filters": None},
            }
        return row

    def action_id(self, campaign_id: int, nth: int) -> int:
        """Return the id of a campaign's action: one workspace has no two alike."""
        return campaign_id * 1000 + nth + 1

    def _action_type(self, campaign_id: int, nth: int) -> str:
        return pick(ACTION_TYPES, campaign_id + nth)

    def campaign_action(self, campaign_id: int, nth: int) -> Row:
        """Make an action of a campaign: its id is text, and `deduplicate_id` has another number."""
        created, updated = self._times(campaign_id - 1)
        kind = self._action_type(campaign_id, nth)
        row: Row = {
            "id": str(self.action_id(campaign_id, nth)),
            "campaign_id": campaign_id,
            "deduplicate_id": f"{nth + 11}:{updated}",
            "name": f"Action {nth + 1}",
            "layout": "",
            "body": "" if kind == "attribute_update" else "<p>Hello {{customer.first_name}}</p>",
            "created": created,
            "updated": updated,
            "type": kind,
            "language": "",
            "editor": "",
            "recipient": "" if kind == "attribute_update" else "{{customer.email}}",
            "recipient_environment_id": 144_601,
        }
        if kind == "email":
            row |= self._email(nth)
        if kind == "webhook":
            row |= {"url": "https://example.com/hook", "method": "post", "headers": "[]"}
        return row

    def _email(self, nth: int) -> Row:
        """Return the fields that only e-mails have."""
        return {
            "parent_action_id": None if nth % 2 else nth,
            "sending_state": pick(("automatic", "draft", "off"), nth),
            "from": "Shop <shop@example.com>",
            "from_id": 1,
            "reply_to": "",
            "reply_to_id": None,
            "preprocessor": pick(("premailer", "none"), nth),
            "subject": "Hello",
            "bcc": "",
            "fake_bcc": True,
            "preheader_text": "",
            "body_amp": "",
            "headers": '[{"name":"X-Tag","value":"simulator"}]',
        }

    def broadcast(self, index: int) -> Row:
        """Make an API-triggered broadcast; one of them has the text "nil" for tags."""
        identifier = index + 1
        created, updated = self._times(index)
        started = index % 2 == 1
        row: Row = {
            "id": identifier,
            "deduplicate_id": f"{identifier}:{updated}",
            "name": f"Broadcast {identifier}",
            "description": "",
            "type": "triggered_broadcast",
            "created": created,
            "updated": updated,
            "active": started,
            "state": "running" if started else "draft",
            "actions": [
                {"id": self.action_id(identifier, nth // 2), "type": "email"}
                for nth in range(0, self.broadcast_action_count(identifier), 2)
            ],
            "first_started": created if started else 0,
            "tags": (None, "nil", ["Sample"])[index % 3],
        }
        return row | _schedule()

    def broadcast_action_count(self, broadcast_id: int) -> int:
        """Return the number of language variants of a broadcast's actions."""
        return (4, 0, 14)[(broadcast_id - 1) % 3]

    def broadcast_action(self, broadcast_id: int, nth: int) -> Row:
        """Make a language variant: the id is text or a number, the language may be missing."""
        created, updated = self._times(broadcast_id - 1)
        identifier = self.action_id(broadcast_id, nth // 2)
        row: Row = {
            "id": identifier if nth % 3 else str(identifier),
            "deduplicate_id": f"{nth + 15}:{updated}",
            "name": f"Broadcast action {nth // 2 + 1}",
            "layout": "",
            "created": created,
            "updated": updated,
            "body": "<p>Hello</p>",
            "type": "email",
            "recipient": "{{customer.email}}",
            **self._email(nth),
        }
        if nth % 2:
            row["broadcast_id"] = broadcast_id
            row["language"] = pick(("fr", "es"), nth // 2)
        elif nth % 4 == 0:
            row["language"] = pick(("", None), nth // 4)
        return row
