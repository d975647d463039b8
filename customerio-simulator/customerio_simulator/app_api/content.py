"""Endpoints of what is sent: newsletters, senders, actions, and the workspace itself."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from customerio_simulator import pagination
from customerio_simulator.app_api.call import parent

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row


def newsletters(call: Call) -> Row:
    """List newsletters: a token follows the last row, and `sort` turns the order."""
    rows: Sequence[Row] = call.workspace.tables["newsletters"].rows
    if call.query.get("sort") == "desc":
        rows = rows[::-1]
    page = pagination.paginate(rows, pagination.NEWSLETTERS, call.query)
    return {"newsletters": call.listed(page.rows), **page.fields()}


def sender_identities(call: Call) -> Row:
    """List visible sender identities, or with `hidden=true` the hidden ones alone."""
    hidden = call.flag("hidden")
    page = pagination.paginate(
        call.workspace.tables["sender_identities"].rows,
        pagination.SENDERS,
        call.query,
        keep=lambda row: row["hidden"] is hidden,
    )
    return {"sender_identities": call.listed(page.rows), **page.fields()}


def campaign_actions(call: Call) -> Row:
    """List a campaign's actions, ten a page."""
    automations, campaign = call.workspace.automations, parent(call, "campaigns")
    count = len(campaign["actions"] or [])
    rows = [automations.campaign_action(campaign["id"], nth) for nth in range(count)]
    return _actions(call, rows, f"c{campaign['id']}")


def broadcast_actions(call: Call) -> Row:
    """List the language variants of a broadcast's actions."""
    automations, broadcast = call.workspace.automations, parent(call, "broadcasts")["id"]
    count = automations.broadcast_action_count(broadcast)
    rows = [automations.broadcast_action(broadcast, nth) for nth in range(count)]
    return _actions(call, rows, f"b{broadcast}")


def _actions(call: Call, rows: Sequence[Row], bound_to: str) -> Row:
    dialect = replace(pagination.ACTIONS, prefix=f"{pagination.ACTIONS.prefix}{bound_to}:")
    page = pagination.paginate(rows, dialect, call.query)
    return {"actions": call.listed(page.rows), **page.fields()}


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
                "object_types": 0,
                "objects": 0,
            }
        ]
    }
