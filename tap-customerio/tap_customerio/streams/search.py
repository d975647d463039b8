"""What streams share that find things first and then ask for what they are."""

from __future__ import annotations

import abc
import sys
import threading
import typing as t

from tap_customerio.errors import VanishedError
from tap_customerio.fetch import Chain, End, Row
from tap_customerio.pagination import start_token
from tap_customerio.reading import RecentKeys, decode
from tap_customerio.streams.base import CustomerIOStream

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.shape import Record

PAGE: t.Final = 1000
"""Most identifiers on a page of a search (documented)."""


class SearchStream(CustomerIOStream, abc.ABC):
    """A stream whose search finds identifiers, page by page, and whose records are asked for.

    The search runs one page ahead of the requests that its pages open.

    Attributes:
        found_by: The identifier by which the API never confuses two of what it found.
    """

    selected_by_default = False
    found_by: t.ClassVar[str]

    _vanished: int = 0

    def search(self, path: str, body: t.Mapping[str, object], subject: str = "") -> Chain:
        """A search.

        Args:
            path: Where it is posted to.
            body: What is looked for.
            subject: Whatever `details` wants to know the search by.
        """
        recent, lock = RecentKeys(), threading.Lock()

        def open_details(rows: t.Sequence[Row]) -> t.Sequence[Chain]:
            with lock:
                found = [name for row in rows if (name := self._name(row)) and not recent.has(name)]
            return self.details(found, subject)

        return Chain(
            path,
            "identifiers",  # `ids` beside it leaves out people without an id
            params={"limit": PAGE},
            body=body,
            dialect=start_token,
            opens=open_details,
            subject=subject,
        )

    @abc.abstractmethod
    def details(self, found: t.Sequence[str], subject: str) -> t.Sequence[Chain]:
        """Ask for what was found.

        Args:
            found: Its identifiers; none comes twice, though pages of a search may overlap.
            subject: That of the search.
        """

    def _name(self, row: Row) -> str | None:
        name = (decode(row, f"POST {self.path}") or {}).get(self.found_by)
        return str(name) if name else None

    @override
    def mark(self, row: Row) -> str | None:
        name = self._name(row)
        return None if name is None else super().mark(dict.fromkeys(self.primary_keys, name))

    @override
    def chain_ended(self, end: End) -> None:
        if isinstance(end.error, VanishedError):
            self._vanished += 1
            return
        super().chain_ended(end)

    @override
    def finished(self) -> None:
        super().finished()
        if self._vanished:
            self.logger.warning("%d were gone since they were found.", self._vanished)
        self._vanished = 0


def identify(row: Record) -> Record:
    """Lift the identifiers of a row to its top.

    Args:
        row: A row of the API; an `id` beside its identifiers may be another one.

    Returns:
        The row.
    """
    found = row.get("identifiers")
    if isinstance(found, dict):
        row.pop("id", None)
        row.update(found)
    return row
