"""What every endpoint of the App API is made of: the call it sees and the errors it raises.

An endpoint is a function of a call; it returns the body. Lists without pages ignore `limit`,
`start` and `sort`, as the service does.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from customerio_simulator.answers import MalformedError, decode

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace


class AppError(Exception):
    """An error of the App API.

    Args:
        status: The HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Call:
    """What an endpoint sees of a request.

    Attributes:
        workspace: What it reads and changes.
        path: What stands for the placeholders of the path.
        query: The parameters.
        body: What was posted, as it came.
    """

    workspace: Workspace
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def number(self, name: str = "id") -> int:
        """Return an id in the path.

        Args:
            name: The placeholder.

        Raises:
            AppError: With 400, if it is no number.
        """
        if not self.path[name].isdecimal():
            raise AppError(400)
        return int(self.path[name])

    def integer(self, name: str) -> int | None:
        """Return a parameter that must be a number, None without it.

        Args:
            name: The parameter.

        Raises:
            AppError: With 400, if it is no number.
        """
        text = self.query.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise AppError(400) from None

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or absent."""
        return self.query.get(name, "").lower() in {"true", "1"}

    def object(self) -> Row:
        """Return the body.

        Raises:
            AppError: With 400, if it is no JSON object.
        """
        try:
            body = decode(self.body, object)
        except MalformedError:
            raise AppError(400) from None
        if not isinstance(body, dict):
            raise AppError(400)
        return body

    def listed(self, rows: Sequence[t.Any], *, null: bool = False) -> list[t.Any] | None:
        """Return rows as a list, or null where the service answers so for nothing."""
        return None if not rows and (null or self.workspace.options.null_lists) else list(rows)


Endpoint = t.Callable[[Call], t.Any]
"""Returns the body; None answers 204 without one."""


def whole(table: str, envelope: str, *, null: bool = False) -> Endpoint:
    """Return the endpoint of a list without pages.

    Args:
        table: The table that holds the rows.
        envelope: The key of the answer that holds them.
        null: Whether an empty list is null.
    """

    def answer(call: Call) -> Row:
        return {envelope: call.listed(call.workspace.tables[table].rows[:], null=null)}

    return answer


def item(table: str, envelope: str) -> Endpoint:
    """Return the endpoint of one row.

    Args:
        table: The table that holds it.
        envelope: The key of the answer that holds it.
    """

    def answer(call: Call) -> Row:
        return {envelope: parent(call, table)}

    return answer


def bare(table: str) -> Endpoint:
    """Return the endpoint of one row in no envelope."""
    return lambda call: parent(call, table)


def parent(call: Call, table: str) -> Row:
    """Return the row that the path names by its `id`.

    Args:
        call: The call.
        table: The table that holds it.

    Raises:
        AppError: With 404, if it is unknown or gone; with 400, if the id is no number.
    """
    row = call.workspace.parent(table, call.number())
    if row is None:
        raise AppError(404)
    return row
