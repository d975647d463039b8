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
    return HEAD + b",".join([item.encoded for item in items]) + TAIL


class Body:
    """Items that will share one request.

    Attributes:
        items: The items in the order in which they came.
        size: The exact size of the encoded body in bytes.
    """

    __slots__ = ("_only_events", "items", "size")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.size = len(HEAD) + len(TAIL) - 1  # the first item has no comma before it
        self._only_events: dict[str, bool] = {}

    def has_room(self, item: Item) -> bool:
        """Tell whether the body stays under the limit with `item` in it."""
        return self.size + len(item.encoded) + 1 < BODY_BYTES

    def knows(self, identifier: str) -> bool:
        """Tell whether the body holds an item of `identifier`."""
        return identifier in self._only_events

    def may_share(self, item: Item) -> bool:
        """Tell whether `item` may travel with what the body holds of its identifier."""
        return item.is_event and self._only_events.get(item.identifier, True)

    def add(self, item: Item) -> None:
        """Put `item` at the end."""
        self.items.append(item)
        self.size += len(item.encoded) + 1
        self._only_events[item.identifier] = item.is_event
        if item.also is not None:
            self._only_events[item.also] = item.is_event


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
        position = self._earliest(item)
        first_is_full = position == 0 and not bodies[0].has_room(item)
        while position < len(bodies) and not bodies[position].has_room(item):
            position += 1
        if position == len(bodies):
            bodies.append(Body())
        bodies[position].add(item)
        return self.take() if first_is_full or len(bodies) > OPEN_BODIES else None

    def __bool__(self) -> bool:
        """Tell whether an item waits."""
        return bool(self._open[0].items)

    def knows(self, identifier: str) -> bool:
        """Tell whether an item of `identifier` waits."""
        return any(body.knows(identifier) for body in self._open)

    def take(self) -> Body:
        """Close the first open body and return it; without items if nothing waits."""
        first = self._open.popleft()
        if not self._open:
            self._open.append(Body())
        return first

    def _earliest(self, item: Item) -> int:
        """Return the position of the first body that keeps `item` behind its predecessors."""
        bodies = self._open
        for position in range(len(bodies) - 1, -1, -1):
            body = bodies[position]
            if body.knows(item.identifier) or (item.also is not None and body.knows(item.also)):
                return position if body.may_share(item) else position + 1
        return 0
