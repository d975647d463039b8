"""People as a workspace stores them, with ids that lead back to their index."""

from __future__ import annotations

import re
import typing as t

from customerio_simulator.identity import Noise, every, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

FIRST_ID = 100_001
"""The `id` of the first generated person: far from the small numbers that tests like to write."""

_EVEN, _ODD = 0x30000000, 0x30E00000
"""Where cio_ids start: they look like "30000001" and "30e00001", numbers that are none."""

_EMAIL = re.compile(r"person([0-9]{1,12})@example\.com")
_NAMES = ("Ada", "Björn", "Chidi", "Dana", "Émile", "Fatima", "Guðrún", "Hiro")
_PLANS = ("free", "basic", "premium")


def cio_id(index: int) -> str:
    """Return the internal id of a generated person."""
    return f"{(_ODD if index % 2 else _EVEN) + index:08x}"


def index_of_cio_id(text: object) -> int | None:
    """Return the index that an internal id would have, or None."""
    if not isinstance(text, str) or re.fullmatch(r"[0-9a-f]{8}", text) is None:
        return None
    number = int(text, 16)
    index = number - (_ODD if number % 2 else _EVEN)
    return index if index >= 0 and cio_id(index) == text else None


def index_of_id(text: str) -> int | None:
    """Return the index that an `id` would have, or None."""
    return int(text) - FIRST_ID if re.fullmatch(r"[0-9]{6,12}", text) else None


def index_of_email(text: str) -> int | None:
    """Return the index that an e-mail address would have, or None."""
    match = _EMAIL.fullmatch(text.lower())
    return int(match[1]) - 1 if match else None


def shown_identifiers(identifiers: Row, *, id_only: bool) -> Row:
    """Return identifiers as the App API shows them: an id-only workspace has no `email` key."""
    if not id_only:
        return identifiers
    return {name: value for name, value in identifiers.items() if name != "email"}


class People:
    """Makes people: of ten, one has no id and one no e-mail.

    Args:
        options: Seed, and whether the workspace knows people by id alone.
        epoch: Unix seconds that times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._id_only = options.id_only
        self._epoch = epoch
        self._noise = Noise(options.seed, "people")

    def identifiers(self, index: int) -> Row:
        """Return the identifiers of a person; a missing one is None."""
        without_email = self._id_only or every(10, index, 7)
        without_id = every(10, index, 3) and not self._id_only
        return {
            "cio_id": cio_id(index),
            "email": None if without_email else f"person{index + 1}@example.com",
            "id": None if without_id else str(FIRST_ID + index),
        }

    def person(self, index: int) -> Row:
        """Make a person as stored: values keep the type in which they were written."""
        noise = self._noise(index)
        created = self._epoch - DAY - noise % (700 * DAY)
        known = {name: value for name, value in self.identifiers(index).items() if value}
        attributes: Row = {
            **known,
            "first_name": pick(_NAMES, noise >> 8),
            "plan": pick(_PLANS, noise >> 16),
            "created_at": created,
            "orders": noise % 40,
        }
        if every(6, index, 2):
            attributes["cio_subscription_preferences"] = {"topics": {"topic_1": index % 4 == 0}}
        device = {"id": f"token-{index}", "platform": pick(("ios", "android"), index)}
        return {
            "cio_id": known["cio_id"],
            "attributes": attributes,
            "timestamps": dict.fromkeys(attributes, created),
            "unsubscribed": every(25, index, 24),
            "devices": [{**device, "last_used": created, "attributes": {}}]
            if index % 4 == 0
            else [],
        }
