"""Objects, their types, and who is related to them."""

from __future__ import annotations

import re
import typing as t

from customerio_simulator.generate.people import cio_id
from customerio_simulator.identity import Noise, every, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

MOST_RELATED = 4
"""Fewer people than this are related to a generated object."""

_TYPES = ("Company", "Concert", "Course", "Vehicle")
_PLURALS = {"Company": "companies"}


def internal_id(index: int) -> str:
    """Return the internal id of a generated object."""
    return f"ob{0x20000000 + index:x}"


def index_of_internal_id(text: object) -> int | None:
    """Return the index that an internal id would have, or None."""
    match = re.fullmatch(r"ob([0-9a-f]{8})", str(text))
    return int(match[1], 16) - 0x20000000 if match else None


def index_of_object_id(text: str) -> int | None:
    """Return the index that an object_id would have, or None."""
    match = re.fullmatch(r"object-([0-9]{1,12})", text)
    return int(match[1]) - 1 if match else None


class Objects:
    """Makes objects; the types take turns.

    Args:
        options: Sizes and seed.
        epoch: Unix seconds that times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._options = options
        self._epoch = epoch
        self._noise = Noise(options.seed, "objects")

    def kind(self, index: int) -> Row:
        """Make a type of objects: its id is text; every fourth is switched off."""
        singular = pick(_TYPES, index)
        plural = _PLURALS.get(singular, f"{singular.lower()}s")
        number = "" if index < len(_TYPES) else f"-{index + 1}"
        row: Row = {
            "id": str(index + 1),
            "name": plural.capitalize(),
            "singular_name": singular,
            "slug": f"{plural}{number}",
            "singular_slug": f"{singular.lower()}{number}",
            "enabled": not every(4, index, 3),
        }
        return row | ({"icon": "calendar"} if index % 2 else {})

    def object(self, index: int) -> Row:
        """Make an object as stored: values keep the type in which they were written."""
        created = self._epoch - DAY - self._noise(index) % (300 * DAY)
        attributes = {
            "name": f"Object {index + 1}",
            "plan": pick(("free", "enterprise"), index // 2),
            "seats": self._noise(index) % 500,
            "created_at": created,
        }
        return {
            "cio_object_id": internal_id(index),
            "object_id": f"object-{index + 1}",
            "object_type_id": str(1 + index % max(1, self._options.object_types)),
            "attributes": attributes,
            "timestamps": dict.fromkeys(attributes, created),
        }

    def related(self, index: int) -> Iterator[tuple[str, Row]]:
        """Make the people of an object: internal ids, and what their relationship says."""
        people = self._options.people
        if people:
            indices = {(index * 5 + nth * 7) % people for nth in range(index % MOST_RELATED)}
            for person in sorted(indices):
                yield cio_id(person), {"role": pick(("admin", "member"), person)}
