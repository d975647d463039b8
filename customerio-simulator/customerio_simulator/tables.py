"""Rows of any number: made from their index when somebody looks, and still editable."""

from __future__ import annotations

import sys
import typing as t
from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import cached_property

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

Row = dict[str, t.Any]
Key: t.TypeAlias = "int | str"


class Rows(Sequence[Row]):
    """Generated rows with added ones woven in, none of them made before it is asked for.

    Args:
        indices: Indices of the generated rows, ascending.
        make: Makes the generated row of an index.
        added: Added rows in order, each with the index that it stands before.
    """

    def __init__(
        self,
        indices: Sequence[int],
        make: t.Callable[[int], Row],
        added: Sequence[tuple[int, Row]] = (),
    ) -> None:
        self.indices = indices
        self._make = make
        self._added = added

    @cached_property
    def _positions(self) -> list[int]:
        """Where the added rows stand."""
        return [
            bisect_left(self.indices, index) + nth for nth, (index, _) in enumerate(self._added)
        ]

    @override
    def __len__(self) -> int:
        return len(self.indices) + len(self._added)

    def _at(self, position: int) -> Row:
        nth = bisect_left(self._positions, position)
        if nth < len(self._positions) and self._positions[nth] == position:
            return self._added[nth][1]
        return self._make(self.indices[position - nth])

    @t.overload
    def __getitem__(self, item: int) -> Row: ...
    @t.overload
    def __getitem__(self, item: slice) -> list[Row]: ...
    @override
    def __getitem__(self, item: int | slice) -> Row | list[Row]:
        if isinstance(item, int):
            return self._at(range(len(self))[item])
        if not self._added:
            return [self._make(index) for index in self.indices[item]]
        return [self._at(position) for position in range(len(self))[item]]


class Table:
    """The rows of one kind, with their key.

    Args:
        key: The field that identifies a row.
        count: The number of generated rows.
        make: Makes the generated row of an index.
        index_of: Finds the index of a generated row's key without making rows.
        newest_first_by: The field with the time by which rows are ordered, newest first; without it
            rows stand in the order in which they came.
    """

    def __init__(
        self,
        key: str,
        count: int,
        make: t.Callable[[int], Row],
        *,
        index_of: t.Callable[[Key], int | None] | None = None,
        newest_first_by: str | None = None,
    ) -> None:
        self.key = key
        self.count = count
        self.make = make
        self._index_of = index_of or self._search
        self._time = newest_first_by
        self.indices: Sequence[int] = range(count)
        """Indices of the generated rows that have not been removed."""
        self._changed: dict[int, Row] = {}
        self._order: list[tuple[int, int, int, Key]] = []
        self._added: dict[Key, Row] = {}
        self._rows: Rows | None = None
        self._next_index = count
        self._sequence = 0

    def fresh_index(self) -> int:
        """Return an index that no row was made from."""
        self._next_index += 1
        return self._next_index - 1

    def _search(self, key: Key) -> int | None:
        return next((i for i in range(self.count) if self.make(i)[self.key] == key), None)

    def _generated(self, index: int) -> Row:
        return self._changed.get(index) or self.make(index)

    @property
    def rows(self) -> Rows:
        """All rows in order."""
        if self._rows is None:
            added = [(entry[0], self._added[entry[3]]) for entry in self._order]
            self._rows = Rows(self.indices, self._generated, added)
        return self._rows

    def between(self, first: int, last: int) -> Rows:
        """Return the rows of a span of time, both bounds included, in unix seconds.

        Raises:
            TypeError: The rows have no time to be ordered by.
        """
        field = self._time
        if field is None:
            msg = "The rows of this table have no time."
            raise TypeError(msg)

        def age(index: int) -> int:
            return -int(self.make(index)[field])

        low = bisect_left(self.indices, -last, key=age)
        high = bisect_left(self.indices, -first + 1, key=age)
        added = [
            (entry[0], row)
            for entry in self._order
            if first <= (row := self._added[entry[3]])[field] <= last
        ]
        return Rows(self.indices[low:high], self._generated, added)

    def _standing(self, key: Key) -> int | None:
        """Return the index of a generated row that has not been removed."""
        index = self._index_of(key)
        if index is None or not 0 <= index < self.count:
            return None
        position = bisect_left(self.indices, index)
        stands = position < len(self.indices) and self.indices[position] == index
        return index if stands and self._generated(index)[self.key] == key else None

    def get(self, key: Key) -> Row | None:
        """Return the row of a key, or None."""
        if key in self._added:
            return self._added[key]
        index = self._standing(key)
        return None if index is None else self._generated(index)

    def add(self, row: Row) -> None:
        """Add a row where its time belongs, or at the end; a known key replaces its row."""
        key = row[self.key]
        if self.get(key) is not None:
            self.replace(key, row)
            return
        field = self._time
        if field is None:
            place = (self.count, 0)
        else:
            time = row[field]
            older = bisect_left(range(self.count), -time, key=lambda i: -self.make(i)[field])
            place = (older, -time)
        self._sequence += 1 if field is None else -1
        insort(self._order, (*place, self._sequence, key))
        self._added[key] = row
        self._rows = None

    def replace(self, key: Key, row: Row) -> None:
        """Put a row in the place of the one with this key."""
        index = self._standing(key)
        if key in self._added:
            self._added[key] = row
        elif index is not None:
            self._changed[index] = row
        self._rows = None

    def remove(self, key: Key) -> bool:
        """Remove the row of a key and tell whether there was one."""
        index = self._standing(key)
        if self._added.pop(key, None) is not None:
            self._order = [entry for entry in self._order if entry[3] != key]
        elif index is not None:
            self.indices = [each for each in self.indices if each != index]
        else:
            return False
        self._rows = None
        return True
