"""What messages say: contents of newsletters and transactional messages, and A/B tests."""

from __future__ import annotations

import typing as t

from customerio_simulator.identity import Noise, every, pick

if t.TYPE_CHECKING:
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

_LANGUAGES = ("", "fr", "es")


def contents_of_newsletter(identifier: int) -> list[int]:
    """Return the ids of a newsletter's contents: every fourth newsletter tests two groups of two.

    Args:
        identifier: The newsletter's id.
    """
    first = identifier * 10
    return list(range(first, first + (4 if every(4, identifier, 2) else 1)))


def newsletter_content(newsletter: Row, content_id: int) -> Row:
    """Make a content of a newsletter; what is empty is ""."""
    nth = content_id % 10
    created, updated = newsletter["created"], newsletter["updated"]
    return {
        "id": content_id,
        "newsletter_id": newsletter["id"],
        "deduplicate_id": f"{content_id}:{updated}",
        "name": f"Variant {nth + 1}",
        "layout": "",
        "body": f"<!DOCTYPE html><html><body>Hello {nth}</body></html>",
        "body_plain": "",
        "body_amp": "",
        "type": newsletter["type"],
        "from": "",
        "from_id": None if nth else 1,
        "reply_to": "",
        "reply_to_id": None,
        "preprocessor": pick(("none", "premailer"), nth),
        "recipient": "{{customer.email}}",
        "subject": f"News {newsletter['id']}",
        "bcc": "",
        "cc": "",
        "fake_bcc": True,
        "preheader_text": "",
        "headers": "[]",
        "language": "" if nth % 2 == 0 else "fr",
        "test_group_id": nth // 2,
        "created": created,
        "updated": updated,
    }


def groups_of(newsletter: Row) -> list[Row]:
    """Make the groups of a newsletter's A/B test: ids of contents are text or numbers."""
    contents = newsletter["content_ids"] or []
    if len(contents) == 1:
        return []
    return [
        {
            "id": nth,
            "name": pick("ABCDEFGH", nth),
            "label": f"test {nth + 1}",
            "winner": nth == 1,
            "content_ids": [
                str(each) if nth % 2 else each for each in contents[2 * nth : 2 * nth + 2]
            ],
        }
        for nth in range(-(-len(contents) // 2))
    ]


def transactional_contents(transactional: Row) -> list[Row]:
    """Make the contents of a transactional message: no parent's id, and null for what is empty."""
    languages = _LANGUAGES[: 1 + transactional["id"] % 3]
    return [
        {
            "id": transactional["id"] * 10 + nth,
            "name": f"{transactional['name']} {language}".strip(),
            "body": "",
            "created": transactional["created_at"],
            "updated": transactional["updated_at"],
            "language": language,
            "type": "email",
            "from": "",
            "from_id": None,
            "reply_to": "",
            "reply_to_id": None,
            "preprocessor": "",
            "recipient": None,
            "subject": "",
            "bcc": None,
            "cc": None,
            "fake_bcc": True,
            "preheader_text": None,
            "headers": "[]",
        }
        for nth, language in enumerate(languages)
    ]


class Triggers:
    """Makes what called API-triggered broadcasts, and what went wrong.

    Args:
        options: Sizes and seed.
        epoch: Unix seconds that times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._options = options
        self._epoch = epoch
        self._noise = Noise(options.seed, "triggers")

    def count(self, broadcast_id: int) -> int:
        """Return how often a broadcast was triggered."""
        fixed = self._options.triggers
        return (3, 0, 5)[(broadcast_id - 1) % 3] if fixed is None else fixed

    def trigger(self, broadcast_id: int, identifier: int) -> Row:
        """Make a trigger: its id counts from one within its broadcast."""
        created = self._epoch - 3600 * (broadcast_id + self.count(broadcast_id) - identifier)
        took = self._noise(broadcast_id * 1000 + identifier) % 120
        return {
            "id": identifier,
            "broadcast_id": broadcast_id,
            "created_at": created,
            "processed_at": created + took,
        }

    def errors(self, broadcast_id: int, identifier: int) -> list[str]:
        """Make what went wrong with a trigger: nothing, or a few recipients."""
        fixed = self._options.trigger_errors
        count = (broadcast_id + identifier) % 3 * 7 if fixed is None else fixed
        return [f"recipient {nth + 1}: could not be found" for nth in range(count)]
