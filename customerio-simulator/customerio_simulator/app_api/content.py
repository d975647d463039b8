"""Endpoints of what is sent: newsletters, templates, senders, actions and triggers."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError, parent
from customerio_simulator.generate.templates import (
    groups_of,
    newsletter_content,
    transactional_contents,
)

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


def newsletter_contents(call: Call) -> Row:
    """List what a newsletter says: a row for each language and each variant of a test."""
    newsletter = parent(call, "newsletters")
    rows = [newsletter_content(newsletter, each) for each in newsletter["content_ids"] or []]
    return {"contents": call.listed(rows)}


def one_newsletter_content(call: Call) -> Row:
    """Return one content of a newsletter.

    Raises:
        AppError: There is no such newsletter or content.
    """
    newsletter, wanted = parent(call, "newsletters"), call.number("content")
    if wanted not in (newsletter["content_ids"] or []):
        raise AppError(404)
    return {"content": newsletter_content(newsletter, wanted)}


def newsletter_test_groups(call: Call) -> Row:
    """List the groups of a newsletter's A/B test."""
    return {"test_groups": call.listed(groups_of(parent(call, "newsletters")))}


def contents_of_transactional(call: Call) -> Row:
    """List what a transactional message says."""
    return {"contents": call.listed(transactional_contents(parent(call, "transactional")))}


def broadcast_triggers(call: Call) -> Row:
    """List what called a broadcast."""
    triggers, broadcast = call.workspace.triggers, parent(call, "broadcasts")["id"]
    count = triggers.count(broadcast)
    return {"triggers": call.listed([triggers.trigger(broadcast, 1 + n) for n in range(count)])}


def broadcast_trigger(call: Call) -> Row:
    """Return one trigger, in no envelope.

    Raises:
        AppError: There is no such broadcast or trigger.
    """
    triggers, broadcast = call.workspace.triggers, parent(call, "broadcasts")["id"]
    wanted = call.number("trigger")
    if not 0 < wanted <= triggers.count(broadcast):
        raise AppError(404)
    return triggers.trigger(broadcast, wanted)


def trigger_errors(call: Call) -> Row:
    """List what went wrong with a trigger; `next` is a number, in the documentation text."""
    trigger = broadcast_trigger(call)
    errors = call.workspace.triggers.errors(trigger["broadcast_id"], trigger["id"])
    page = pagination.paginate(errors, pagination.TRIGGER_ERRORS, call.query)
    following = page.next or ""
    if not call.workspace.options.documented_shapes:
        return {"errors": call.listed(page.rows), "next": int(following or 0)}
    return {"errors": call.listed(page.rows), "next": following}
