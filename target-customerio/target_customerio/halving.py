"""Sends several things in one request, in halves where the answer does not say whom it refuses."""

from __future__ import annotations

import typing as t
from itertools import count

from target_customerio.answers import judge
from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_customerio.answers import Answer
    from target_customerio.items import Rejection

WHOLE_AT_MOST = 2
"""How many requests may be refused item by item: then it is not the items that are at fault."""

Unit = t.TypeVar("Unit")
Judged: t.TypeAlias = "tuple[Sequence[Unit], list[tuple[Unit, Rejection]]]"
"""Those of a request that were accepted, and those that were refused, with the reason."""


class Halving:
    """Finds out whom the requests of one kind are refused for. Any thread may send."""

    def __init__(self) -> None:
        """Start without a request."""
        self._refused_whole = count(1)  # whose `next` is one step, so that threads need no lock

    def send(
        self, units: Sequence[Unit], post: Callable[[Sequence[Unit]], Answer]
    ) -> Iterator[Judged[Unit]]:
        """Send units together, and those whose answer does not tell them apart in halves.

        Args:
            units: What to send, in its order.
            post: Sends some of them in one request.

        Yields:
            The verdicts of each request whose answer gives them; every unit gets one.

        Raises:
            RunEnded: One request too many was refused until each of its units was alone.
        """
        unsent = [units]
        refused_alone = 0
        while unsent:
            part = unsent.pop()
            rejections = judge(post(part), len(part))
            if rejections is None:
                middle = len(part) // 2
                unsent += [part[middle:], part[:middle]]
                continue
            if not rejections:
                yield part, []
                continue
            refused_alone += len(part) == 1
            yield (
                [unit for position, unit in enumerate(part) if position not in rejections],
                [(part[position], rejection) for position, rejection in rejections.items()],
            )
        if refused_alone == len(units) > 1 and next(self._refused_whole) >= WHOLE_AT_MOST:
            msg = (
                f"Customer.io refused each item of {WHOLE_AT_MOST} bodies, also alone: look at "
                "the reasons beside the rejected records, mend what they have in common, then "
                "send them again with --input."
            )
            raise RunEnded(msg)
