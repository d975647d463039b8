"""Endpoints of how a workspace is set up: suppressions, opt-outs and the workspace itself."""

from __future__ import annotations

import typing as t

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError
from customerio_simulator.generate.configuration import SUPPRESSIONS

if t.TYPE_CHECKING:
    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row

SUPPRESSIONS_AT_ONCE = 1000
"""Suppressed addresses of one page at most (documented)."""
DEFAULT_SUPPRESSIONS = 100
"""Suppressed addresses of a page without `limit` (documented)."""


def _suppressed(call: Call, domain: str | None, address: str | None) -> list[Row]:
    """Return suppressed addresses of the type in the path."""
    kind = call.path["type"]
    if kind not in SUPPRESSIONS:
        raise AppError(400)
    return [
        row
        for row in call.workspace.tables[kind].rows[:]
        if (not domain or row["domain"] == domain) and (not address or row["email"] == address)
    ]


def _answered(kind: str, rows: list[Row]) -> Row:
    """Return suppressions as the service does: null, and no category, when there are none."""
    if not rows:
        return {"suppressions": None}
    shown = [{name: row[name] for name in row if name != "domain"} for row in rows]
    return {"category": kind, "suppressions": shown}


def suppressions(call: Call) -> Row:
    """List suppressed addresses by offset; past the end, and before the start, there are none."""
    offset = call.integer("offset") or 0
    wanted = call.integer("limit")
    limit = DEFAULT_SUPPRESSIONS if not wanted or wanted < 0 else min(wanted, SUPPRESSIONS_AT_ONCE)
    rows = _suppressed(call, call.query.get("domain"), call.query.get("email"))
    return _answered(call.path["type"], rows[offset : offset + limit] if offset >= 0 else [])


def domain_suppressions(call: Call) -> Row:
    """List suppressed addresses of a sending domain, by token in place of offset."""
    rows = _suppressed(call, call.path["domain"], None)
    page = pagination.paginate(rows, pagination.DOMAIN_SUPPRESSIONS, call.query)
    return _answered(call.path["type"], page.rows) | page.fields()


def search_suppressions(call: Call) -> Row:
    """Tell why an address is suppressed."""
    found = ((kind, call.workspace.tables[kind].get(call.path["email"])) for kind in SUPPRESSIONS)
    kind, row = next(((kind, row) for kind, row in found if row), ("", None))
    return _answered(kind, [row] if row else [])


def optouts(call: Call) -> Row:
    """List who opted out of a channel; `from` narrows them to one sender."""
    workspace, sender = call.workspace, call.query.get("from")
    rows = [
        {**row, "optouts": kept}
        for row in workspace.tables["optouts"].rows[:]
        if (kept := [each for each in row["optouts"] if sender in {None, "", each["from"]}])
        and row["cio_id"] not in workspace.people.removed
    ]
    page = pagination.paginate(rows, pagination.OPTOUTS, call.query)
    return {"optouts": call.listed(page.rows), **page.fields()}


def workspaces(call: Call) -> Row:
    """List workspaces: this one, with its counts."""
    tables = call.workspace.tables
    sent = len(tables["messages"].rows)
    return {
        "workspaces": [
            {
                "id": 232_586,
                "name": "Simulator",
                "messages_sent": sent,
                "billable_messages_sent": sent,
                "people": len(tables["people"].rows),
                "object_types": len(tables["object_types"].rows),
                "objects": len(tables["objects"].rows),
            }
        ]
    }
