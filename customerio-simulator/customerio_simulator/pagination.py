"""The dialects in which the App API hands out long lists.

All use `start` and `next`; they differ in the form of the token, in what the last page says, and in
what becomes of a token that points past the end. Tokens are positions: rows shift under them.
"""

from __future__ import annotations

import base64
import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customerio_simulator.tables import Row

T = t.TypeVar("T")

_HOLLOW = "~"
"""Marks a token that fetches an empty page before the rows that it points to."""


class BadTokenError(ValueError):
    """A `start` that this endpoint never gave out: 400."""


@dataclass(frozen=True)
class Dialect:
    """How one endpoint pages.

    Attributes:
        default: Rows of a page without `limit`.
        maximum: Most rows of a page; a higher `limit` is lowered silently.
        prefix: What a token carries before the position.
        encoded: Whether tokens are base64.
        base: Added to the position.
        end: What `next` is on the last page; None leaves the key out.
        trailing: Whether a token follows the last row, so that one more page, empty, ends the list.
        restarts: Whether a token past the end starts again at the first row, or finds nothing.
        fixed: Whether `limit` is ignored.
        hollow_pages: Whether an empty page follows every page but the last.
        hollow_start: Whether an empty page comes first.
        overlap: Rows of a page that the next one repeats; a page of one row repeats none.
    """

    default: int
    maximum: int
    prefix: str = ""
    encoded: bool = True
    base: int = 0
    end: str | None = ""
    trailing: bool = False
    restarts: bool = False
    fixed: bool = False
    hollow_pages: bool = False
    hollow_start: bool = False
    overlap: int = 0

    def token(self, position: int, *, hollow: bool = False) -> str:
        """Return the token of a position."""
        text = self.prefix + str(position + self.base)
        if hollow:
            text += _HOLLOW
        return base64.b64encode(text.encode("latin-1")).decode() if self.encoded else text

    def position(self, token: str) -> tuple[int, bool]:
        """Read a token.

        Returns:
            The position, and whether an empty page comes before it.

        Raises:
            BadTokenError: The token is malformed or belongs to another endpoint.
        """
        text = token
        if self.encoded:
            try:
                text = base64.b64decode(token, validate=True).decode("latin-1")
            except ValueError as error:
                raise BadTokenError(token) from error
        prefix = re.escape(self.prefix)
        match = re.fullmatch(f"{prefix}([0-9]{{1,19}})({_HOLLOW}?)", text)
        if match is None or int(match[1]) < self.base:
            raise BadTokenError(token)
        return int(match[1]) - self.base, bool(match[2])

    def limit(self, query: Mapping[str, str]) -> int:
        """Return the rows of a page; what is no positive number counts as absent."""
        wanted = query.get("limit", "")
        if self.fixed or not wanted.isdecimal() or not int(wanted):
            return self.default
        return min(int(wanted), self.maximum)


@dataclass(frozen=True)
class Page(t.Generic[T]):
    """A page of rows and the `next` that follows it; None leaves the key out."""

    rows: list[T]
    next: str | None

    def fields(self) -> Row:
        """Return what the answer says about the next page."""
        return {} if self.next is None else {"next": self.next}


# Rows of a page without `limit`, and the most. Documented for messages, activities, memberships and
# the search; the most also for newsletters and opt-outs. The ten of actions were seen. Where none
# is declared (senders, objects, relationships, errors of triggers), as in lists like them.
MESSAGES = Dialect(50, 1000, prefix="v20:", restarts=True)
ACTIVITIES = Dialect(10, 100, encoded=False, base=900_000_000_000_000_000, trailing=True)
NEWSLETTERS = Dialect(50, 100, trailing=True)
SENDERS = Dialect(100, 100, trailing=True)
MEMBERSHIP = Dialect(1000, 30_000, prefix="0:")
SEARCH = Dialect(50, 1000, prefix="0:")
OBJECTS = Dialect(50, 1000, prefix="o:", overlap=1)
RELATIONSHIPS = Dialect(50, 1000, prefix="r:", overlap=1)
TRIGGER_ERRORS = Dialect(10, 100, encoded=False)
OPTOUTS = Dialect(1000, 1000, prefix="0:", end=None)
DOMAIN_SUPPRESSIONS = Dialect(100, 1000, prefix="s:")
# These bytes put "+" and "/" into the token: a reader that does not quote it reads 400.
ACTIONS = Dialect(10, 10, prefix="\xfb\xff\xbf", end=None, fixed=True)


def paginate(
    rows: Sequence[T],
    dialect: Dialect,
    query: Mapping[str, str],
    keep: t.Callable[[T], bool] | None = None,
) -> Page[T]:
    """Cut a page out of rows.

    Args:
        rows: All rows of the list.
        dialect: How the endpoint pages.
        query: The request's parameters: `start`, `limit`.
        keep: Tells which rows the list shows; positions count all rows.

    Raises:
        BadTokenError: `start` is malformed or belongs to another endpoint.
    """
    start, limit = query.get("start"), dialect.limit(query)
    position, hollow = 0, dialect.hollow_start and len(rows) > 0
    if start:
        position, hollow = dialect.position(start)
    if hollow:
        return Page([], dialect.token(position))
    if position >= len(rows) and dialect.restarts:
        position = 0
    found, position = _take(rows, position, limit, keep)
    more = position < len(rows) and (keep is None or bool(_take(rows, position, 1, keep)[0]))
    if more or (dialect.trailing and found):
        repeated = min(dialect.overlap, max(0, len(found) - 1))
        following = dialect.token(position - repeated, hollow=dialect.hollow_pages and more)
        return Page(found, following)
    return Page(found, dialect.end)


def _take(
    rows: Sequence[T], position: int, limit: int, keep: t.Callable[[T], bool] | None
) -> tuple[list[T], int]:
    """Return the next rows that are shown and the position after the last one looked at."""
    if keep is None:
        return list(rows[position : position + limit]), min(position + limit, len(rows))
    found: list[T] = []
    while position < len(rows) and len(found) < limit:
        row = rows[position]
        position += 1
        if keep(row):
            found.append(row)
    return found, position
