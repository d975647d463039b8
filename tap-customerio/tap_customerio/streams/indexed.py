"""Lists whose rows have no id: their place in the list is what they are known by."""

from __future__ import annotations

import collections
import sys
import typing as t

from tap_customerio.streams.base import FanOutStream

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain, End
    from tap_customerio.shape import Record


class IndexedStream(FanOutStream):
    """A fan-out that numbers the rows of each chain, from 0, over all its pages.

    Attributes:
        index_key: The property for the number.
    """

    index_key: t.ClassVar[str]

    _counts: collections.Counter[Chain]

    @override
    def chains(self) -> t.Sequence[Chain]:
        self._counts = collections.Counter()
        return super().chains()

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        row[self.index_key] = self._counts[chain]
        self._counts[chain] += 1
        return super().prepare(row, chain)

    @override
    def chain_ended(self, end: End) -> None:
        del self._counts[end.chain]
        super().chain_ended(end)
