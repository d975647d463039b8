"""Endpoints of segments: who belongs to them, what uses them, and manual ones made and deleted."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError, parent
from customerio_simulator.app_api.people import named

if t.TYPE_CHECKING:
    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row

_SEGMENTS_OF_A_CAMPAIGN = ("trigger_segment_ids", "filter_segment_ids")


def membership(call: Call) -> Row:
    """List a segment's members: partly while it builds, null arrays when there is nobody."""
    workspace, segment = call.workspace, parent(call, "segments")
    dialect = replace(
        pagination.MEMBERSHIP,
        hollow_pages=workspace.options.empty_pages,
        hollow_start=segment["state"] != "finished",
    )
    page = pagination.paginate(workspace.roster(segment), dialect, call.query)
    found = workspace.identify_members(page.rows)
    return {"segment_id": segment["id"], **named(call, found), **page.fields()}


def customer_count(call: Call) -> Row:
    """Count a segment's members."""
    segment = parent(call, "segments")
    return {"segment_id": segment["id"], "count": len(call.workspace.roster(segment))}


def used_by(call: Call) -> Row:
    """Tell which campaigns and newsletters use a segment: live, its id stands inside."""
    identifier, tables = parent(call, "segments")["id"], call.workspace.tables
    newsletters = [
        row
        for row in tables["newsletters"].rows
        if identifier in (row.get("recipient_segment_ids") or ())
    ]
    found = {
        "campaigns": [
            row["id"]
            for row in tables["campaigns"].rows
            if any(identifier in (row.get(name) or ()) for name in _SEGMENTS_OF_A_CAMPAIGN)
        ],
        "draft_newsletters": [row["id"] for row in newsletters if row["sent_at"] is None],
        "sent_newsletters": [row["id"] for row in newsletters if row["sent_at"] is not None],
    }
    if call.workspace.options.documented_shapes:
        return {"segment_id": identifier, "used_by": found}
    return {"used_by": {"segment_id": identifier, **found}}


def create(call: Call) -> Row:
    """Create a manual segment; the answer says "events" for its state, and it is ready at once.

    Raises:
        AppError: The name is missing.
    """
    wanted = call.object().get("segment")
    if not isinstance(wanted, dict) or not str(wanted.get("name") or "").strip():
        raise AppError(400)
    workspace, now = call.workspace, call.workspace.clock.now()
    made = workspace.make_up("segments")
    row = made | {
        "deduplicate_id": f"{made['id']}:{now}",
        "name": str(wanted["name"]),
        "description": str(wanted.get("description") or ""),
        "state": "finished",
        "progress": None,
        "type": "manual",
        "tags": None,
        "conditions": None,
        "created_at": now,
        "updated_at": now,
    }
    workspace.tables["segments"].add(row)
    workspace.rosters[row["id"]] = []
    shown = {name: value for name, value in row.items() if name != "conditions"}
    return {"segment": shown | {"state": "events"}}


def delete(call: Call) -> None:
    """Delete a manual segment.

    Raises:
        AppError: There is no such segment, or it is none that was made by hand.
    """
    row = parent(call, "segments")
    if row["type"] != "manual":
        raise AppError(400)
    call.workspace.tables["segments"].remove(row["id"])
    call.workspace.rosters.pop(row["id"], None)
