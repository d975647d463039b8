"""What is decided once for all records with the same columns and the same types of values.

Most records of a stream look alike. Whatever follows from names and types alone, the greater part
of the check against the schema among it, is found out for the first of them and looked up for the
others.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REMEMBERED = 10_000
"""How many shapes are remembered: twelve columns that may be null have 4,096."""

PLAIN = frozenset({str, int, bool})
"""Types of values that are written in one way only."""


class Shape(t.NamedTuple):
    """What records of one shape have in common.

    Attributes:
        is_typed: Whether the schema allows values of these types in these columns.
        is_foreseen: Whether the schema names all columns, and none of them is metadata.
        nulls: The columns that are null.
        special: The columns that are not plain: null, numbers with a fraction, objects, arrays.
    """

    is_typed: bool
    is_foreseen: bool
    nulls: tuple[str, ...]
    special: tuple[str, ...]


class Shapes(dict["tuple[t.Any, ...]", Shape]):
    """The shapes of the records of one stream, by names followed by types."""

    def __init__(
        self,
        foreseen: frozenset[str],
        is_typed: Callable[[Iterable[tuple[str, type]]], bool],
    ) -> None:
        """Start without a shape.

        Args:
            foreseen: The schema's columns without metadata.
            is_typed: Tells whether the schema allows columns with values of these types.
        """
        super().__init__()
        self._foreseen = foreseen
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
            tuple(name for name, kind in columns if kind is type(None)),
            tuple(name for name, kind in columns if kind not in PLAIN),
        )
        if len(self) >= REMEMBERED:
            self.clear()
        self[signature] = shape
        return shape
