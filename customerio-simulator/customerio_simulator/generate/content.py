"""What a workspace sends: newsletters, templates, collections, snippets, senders, topics."""

from __future__ import annotations

import typing as t

from customerio_simulator.answers import encode
from customerio_simulator.generate.templates import contents_of_newsletter
from customerio_simulator.identity import Noise, every, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row


def collection_rows(count: int) -> list[Row]:
    """Make the rows of a collection, of 25 bytes each with their comma."""
    return [{"id": f"{nth:03d}", "name": f"{nth:03d}"} for nth in range(count)]


class Content:
    """Makes the content of a workspace.

    Args:
        options: The seed of the workspace.
        epoch: Unix seconds that times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._epoch = epoch
        self._noise = Noise(options.seed, "content")

    def _times(self, index: int) -> tuple[int, int]:
        created = self._epoch - DAY * (20 + 9 * index)
        return created, created + self._noise(index) % (15 * DAY)

    def newsletter(self, index: int) -> Row:
        """Make a newsletter; every third is a draft."""
        identifier = index + 1
        created, updated = self._times(index)
        row: Row = {
            "id": identifier,
            "deduplicate_id": f"{identifier}:{updated}",
            "content_ids": contents_of_newsletter(identifier),
            "name": f"Newsletter {identifier}",
            "sent_at": None if every(3, index, 2) else updated + 60,
            "created": created,
            "updated": updated,
            "type": pick(("email", "email", "push", "twilio"), index),
            "tags": ["Sample"] if index % 2 else [],
        }
        if every(4, index, 1):
            row |= {"recipient_segment_ids": [1], "subscription_topic_id": 1}
        return row

    def transactional(self, index: int) -> Row:
        """Make a transactional message template."""
        created, updated = self._times(index)
        return {
            "id": index + 1,
            "name": f"Transactional {index + 1}",
            "description": "",
            "send_to_unsubscribed": index % 2 == 0,
            "link_tracking": True,
            "open_tracking": True,
            "hide_message_body": False,
            "queue_drafts": False,
            "trigger_name": "" if index % 2 == 0 else f"receipt_{index + 1}",
            "created_at": created,
            "updated_at": updated,
        }

    def collection(self, index: int) -> Row:
        """Make a collection's description."""
        created, updated = self._times(index)
        rows = 1 + self._noise(index) % 40
        return {
            "id": index + 1,
            "name": f"collection-{index + 1}",
            "schema": ["id", "name"],
            "rows": rows,
            "bytes": len(encode(collection_rows(rows))),
            "created_at": created,
            "updated_at": updated,
        }

    def snippet(self, index: int) -> Row:
        """Make a snippet, which has a name and no id."""
        return {
            "name": f"snippet-{index + 1}",
            "value": "<p>Thanks!</p>",
            "updated_at": self._times(index)[1],
        }

    def sender(self, index: int) -> Row:
        """Make a sender identity; every third is hidden."""
        identifier = index + 1
        email = f"sender{identifier}@example.com"
        phone = every(5, index, 4)
        return {
            "id": identifier,
            "deduplicate_id": f"{identifier}:{self._times(index)[1]}",
            "name": f"Sender {identifier}",
            "email": "" if phone else email,
            "address": "" if phone else f"Sender {identifier} <{email}>",
            "phone": f"+1415555{identifier:04d}" if phone else "",
            "template_type": "phone" if phone else "email",
            "auto_generated": False,
            "hidden": every(3, index, 2),
        }

    def topic(self, index: int) -> Row:
        """Make a subscription topic."""
        return {
            "id": index + 1,
            "identifier": f"topic_{index + 1}",
            "name": f"Topic {index + 1}",
            "description": "" if index % 2 == 0 else "News of one kind",
            "subscribed_by_default": index % 2 == 0,
        }
