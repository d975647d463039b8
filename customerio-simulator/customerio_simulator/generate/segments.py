"""Segments and who belongs to them."""

from __future__ import annotations

import typing as t

from customerio_simulator.identity import Noise, every, pick
from customerio_simulator.periods import DAY

if t.TYPE_CHECKING:
    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

EVERYBODY = 1
"""The id of the segment that holds everybody."""
NOBODY = 2
"""The id of the segment that holds nobody."""

_EXISTS = {"operator": "exists", "value": ""}
_CONDITIONS = {
    "and": [
        {
            "event": {
                "filters": {
                    "and": [
                        {"field": "to", "inverse": False, **_EXISTS},
                        {"field": "from", "inverse": True, **_EXISTS},
                    ]
                },
                "id": 1,
                "name": "cio_id",
                "type": "attribute_change",
            },
            "inverse": False,
            "times": 1,
            "within": 0,
        }
    ]
}


class Segments:
    """Makes segments and the generated part of their membership.

    Args:
        options: The number of people and the seed.
        epoch: Unix seconds that times are relative to.
    """

    def __init__(self, options: Options, epoch: int) -> None:
        self._options = options
        self._epoch = epoch
        self._noise = Noise(options.seed, "segments")

    def segment(self, index: int) -> Row:
        """Make a segment; every sixth is still building."""
        identifier = index + 1
        created = self._epoch - DAY * (40 + 7 * index)
        updated = created + self._noise(index) % (30 * DAY)
        building = every(6, identifier)
        manual = every(4, index, 3)
        return {
            "id": identifier,
            "deduplicate_id": f"{identifier}:{updated}",
            "name": "All Users" if identifier == EVERYBODY else f"Segment {identifier}",
            "description": "Includes all the people in your workspace." if index == 0 else "",
            "state": "build" if building else "finished",
            "progress": 40 if building else None,
            "type": "manual" if manual else "dynamic",
            "tags": ["Sample"] if every(3, index) else None,
            "conditions": None if manual else _CONDITIONS,
            "created_at": created,
            "updated_at": updated,
        }

    def members(self, segment: Row) -> range:
        """Return the indices of the generated people in a segment; half while it is building."""
        identifier = segment["id"]
        people = self._options.people
        everyone = range(people)
        if identifier == NOBODY:
            return everyone[:0]
        if identifier != EVERYBODY:
            stride = pick((2, 3, 5, 9), identifier)
            everyone = everyone[identifier % stride :: stride]
        if segment["state"] != "finished":
            everyone = everyone[: len(everyone) // 2]
        return everyone[: self._options.members]
