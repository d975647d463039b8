"""What is decided once for all records with the same columns and the same types of values.

Most records of a stream look alike. Whatever follows from names and types alone, the greater part
of the check against the schema among it, is found out for the first of them and looked up for the
others.
"""

from __future__ import annotations

import typing as t

from target_customerio.event_id import CANONICAL

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

REMEMBERED = 10_000
"""How many shapes are remembered: twelve columns that may be null have 4,096."""


class Shape(t.NamedTuple):
    """What records of one shape have in common.

    Attributes:
        is_typed: Whether the schema allows values of these types in these columns.
        is_foreseen: Whether the schema names all columns, and none of them is metadata.
        lacks: The first key column that is missing; empty if none is.
        nulls: The columns that are null.
        variable: The columns whose values can be written in several ways, each with what writes
            them in one.
    """

    is_typed: bool
    is_foreseen: bool
    lacks: str
    nulls: tuple[str, ...]
    variable: tuple[tuple[str, Callable[[t.Any], object]], ...]


class Shapes(dict["tuple[t.Any, ...]", Shape]):
    """The shapes of the records of one stream, by names followed by types."""

    def __init__(
        self,
        foreseen: frozenset[str],
        keys: Sequence[str],
        is_typed: Callable[[Iterable[tuple[str, type]]], bool],
    ) -> None:
        """Start without a shape.

        Args:
            foreseen: The schema's columns without metadata.
            keys: The key columns.
            is_typed: Tells whether the schema allows columns with values of these types.
        """
        super().__init__()
        self._foreseen = foreseen
        self._keys = keys
        self._is_typed = is_typed

    def of(self, record: dict[str, t.Any]) -> Shape:
        """Return the shape of a record."""
        signature = (*record, *map(type, record.values()))
        return self[signature]

    def __missing__(self, signature: tuple[t.Any, ...]) -> Shape:
        """Find out about a shape that comes for the first time."""
        middle = len(signature) // 2
        names = signature[:middle]
        columns = list(zip(names, signature[middle:], strict=True))
        shape = Shape(
            self._is_typed(columns),
            self._foreseen.issuperset(names),
            next((key for key in self._keys if key not in names), ""),
            tuple(name for name, kind in columns if kind is type(None)),
            tuple((name, CANONICAL[kind]) for name, kind in columns if kind in CANONICAL),
        )
        if len(self) >= REMEMBERED:
            self.clear()
        self[signature] = shape
        return shape
