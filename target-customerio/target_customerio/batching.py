"""Packs items into request bodies: under the byte limit, counted exactly, each item encoded once.

A body holds several items of one identifier only if all are events, since Customer.io promises no
order inside a request; any other later item goes into a later body. So a packer keeps a few bodies
open, and an item goes into the first that may hold it: bodies fill up although some items wait.
"""

from __future__ import annotations

import typing as t
from collections import deque

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from target_customerio.items import Item

BODY_BYTES = 500_000
"""A body must stay under this (documented: "smaller than 500 kb", so the smaller kind of kb)."""
HEAD = b'{"batch":['
TAIL = b"]}"
OPEN_BODIES = 4
"""How many bodies a lane keeps open at most, so that waiting items cost bounded memory."""


def encode_body(items: Iterable[Item]) -> bytes:
    """Return the request body that carries `items`, in their order."""
    return b"".join((HEAD, b",".join([item.encoded for item in items]), TAIL))


class Body:
    """Items that will share one request.

    Attributes:
        items: The items in the order in which they came.
        only_events: Whom they are about, and whether all that concerns them are events.
        size: The exact size of the encoded body in bytes.
    """

    __slots__ = ("items", "only_events", "size")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.only_events: dict[str, bool] = {}
        self.size = len(HEAD) + len(TAIL) - 1  # the first item has no comma before it

    def add(self, item: Item) -> None:
        """Put `item` at the end."""
        self.items.append(item)
        self.size += len(item.encoded) + 1
        self.only_events[item.identifier] = item.is_event
        if item.also is not None:
            self.only_events[item.also] = item.is_event


class Packer:
    """The open bodies of one lane. Not thread-safe: the lane guards it."""

    def __init__(self) -> None:
        self._open: deque[Body] = deque([Body()])

    def add(self, item: Item) -> Body | None:
        """Put `item` into the first body that may hold it.

        Args:
            item: An item whose encoding alone fits into a body (documented: 32 KB per item).

        Returns:
            The body that had to be closed to make room, if one had to.
        """
        bodies = self._open
        position = earliest = self._earliest(item)
        room = BODY_BYTES - len(item.encoded) - 1
        while position < len(bodies) and bodies[position].size >= room:
            position += 1
        if position == len(bodies):
            bodies.append(Body())
        bodies[position].add(item)
        first_is_full = earliest == 0 < position
        return self.take() if first_is_full or len(bodies) > OPEN_BODIES else None

    def __bool__(self) -> bool:
        """Tell whether an item waits."""
        return bool(self._open[0].items)

    def knows(self, identifier: str) -> bool:
        """Tell whether an item of `identifier` waits."""
        return any(identifier in body.only_events for body in self._open)

    def take(self) -> Body:
        """Close the first open body and return it; without items if nothing waits."""
        first = self._open.popleft()
        if not self._open:
            self._open.append(Body())
        return first

    def _earliest(self, item: Item) -> int:
        """Return the position of the first body that keeps `item` behind its predecessors."""
        identifier, also = item.identifier, item.also
        for position in range(len(self._open) - 1, -1, -1):
            known = self._open[position].only_events
            if identifier in known or (also is not None and also in known):
                may_share = item.is_event and known.get(identifier, True)
                return position if may_share else position + 1
        return 0
