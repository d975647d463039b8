"""The Track API's older version, as far as it has no successor: members of manual segments."""

from __future__ import annotations

import typing as t

from customerio_simulator.answers import JSONAnswer, MalformedError, decode
from customerio_simulator.track_items import name_of_someone

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

MOST_IDS = 1000
"""People whom one call adds or removes (documented)."""
ID_TYPES = ("id", "email", "cio_id")


class RefusedError(ValueError):
    """Why a call is refused as a whole."""


def set_members(
    workspace: Workspace, path: Mapping[str, t.Any], query: Mapping[str, str], body: bytes
) -> JSONAnswer:
    """Add people to a manual segment or remove them, as the last part of the path says.

    Ids that name nobody by their type are ignored in silence; so are people without an `id` when
    they are removed. What is blank or longer than an identifier may be refuses the whole call.
    """
    try:
        segment = _segment(workspace, path["id"])
        kind = _id_type(query)
        named = [workspace.people.find(kind, each) for each in _ids(kind, body)]
    except RefusedError as error:
        return JSONAnswer({"meta": {"errors": [str(error)]}}, 400)
    found = [cio_id for cio_id in named if cio_id]
    belong = path["change"] == "add_customers"
    if not belong:
        people = workspace.people
        found = [each for each in found if "id" in (people.get(each) or {})["attributes"]]
    workspace.set_members(segment["id"], found, belong=belong)
    return JSONAnswer({})


def _id_type(query: Mapping[str, str]) -> str:
    kind = query.get("id_type") or "id"
    if kind not in ID_TYPES:
        msg = f"id_type must be one of {', '.join(ID_TYPES)}"
        raise RefusedError(msg)
    return kind


def _segment(workspace: Workspace, identifier: str) -> Row:
    row = workspace.parent("segments", int(identifier)) if identifier.isdecimal() else None
    if row is None:
        msg = "segment not found"
        raise RefusedError(msg)
    if row["type"] != "manual":
        msg = "segment must be a manual segment"
        raise RefusedError(msg)
    return row


def _ids(kind: str, body: bytes) -> list[str]:
    """Return who is meant; a single text that cannot name anybody refuses the whole call."""
    try:
        sent: t.Any = decode(body, object)
    except MalformedError:
        msg = "request body is not valid JSON"
        raise RefusedError(msg) from None
    ids = sent.get("ids") if isinstance(sent, dict) else None
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS:
        msg = f"ids must be an array of 1 to {MOST_IDS} strings"
        raise RefusedError(msg)
    if not all(isinstance(each, str) for each in ids):
        msg = "ids must be strings"
        raise RefusedError(msg)
    for each in ids:
        for problem in name_of_someone(kind, each):
            msg = f"{problem.field} {problem.message}"
            raise RefusedError(msg)
    return ids
