"""Endpoints of what happened: deliveries and activities."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError

if t.TYPE_CHECKING:
    from collections.abc import Container

    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row

SIX_MONTHS = 180 * 86_400
"""The widest span of deliveries, in seconds: the documentation says 6 months and not how many days;
a reader that relies on fewer is right by every reading."""


def messages(call: Call) -> Row:
    """List deliveries by creation time, both bounds included, at most six months of them."""
    workspace = call.workspace
    table = workspace.tables["drafts" if call.flag("drafts") else "messages"]
    start, end = call.integer("start_ts"), call.integer("end_ts")
    last = workspace.clock.now() if end is None else end
    first = max(last - SIX_MONTHS, start or 0)
    now = workspace.clock.now()
    tests = [_delivery_test(name, value, now) for name, value in call.query.items() if value]
    wanted = [test for test in tests if test is not None]
    page = pagination.paginate(
        table.between(first, last),
        replace(pagination.MESSAGES, hollow_pages=workspace.options.empty_pages),
        call.query,
        keep=(lambda row: all(test(row) for test in wanted)) if wanted else None,
    )
    tracked = call.flag("get_tracked_responses")
    rows = [delivery(row, now, tracked=tracked) for row in page.rows]
    return {"messages": call.listed(rows), **page.fields()}


_DELIVERY_FIELDS = {
    "campaign_id": "campaign_id",
    "newsletter_id": "newsletter_id",
    "action_id": "action_id",
    "content_id": "content_id",
    "transactional_id": "transactional_message_id",
    "type": "type",
}
"""Parameters that narrow deliveries, with the field that they compare."""


def _delivery_test(name: str, value: str, now: int) -> t.Callable[[Row], bool] | None:
    """Return the test that a parameter stands for."""
    if name == "metric":
        return lambda row: value in row["metrics"] and row["metrics"][value] <= now
    if name not in _DELIVERY_FIELDS:
        return None
    field = _DELIVERY_FIELDS[name]
    return lambda row: str(row[field]) == value


def delivery(row: Row, now: int, *, tracked: bool = False) -> Row:
    """Return a delivery as it stands at a time: metrics later than that have not happened."""
    metrics = {name: time for name, time in row["metrics"].items() if time <= now}
    changed = max(metrics.values(), default=row["created"])
    shown = {"id": row["id"], "deduplicate_id": f"{row['id']}:{changed}", **row, "metrics": metrics}
    if tracked:
        shown["tracked_responses"] = (
            {"yes": {"id": 1, "ts": changed}} if "clicked" in metrics else {}
        )
    return shown


def message(call: Call) -> Row:
    """Return one delivery.

    Raises:
        AppError: There is no such delivery.
    """
    tables, key = call.workspace.tables, call.path["id"]
    row = tables["messages"].get(key) or tables["drafts"].get(key)
    if row is None:
        raise AppError(404)
    return {"message": delivery(row, call.workspace.clock.now())}


def activities(call: Call) -> Row:
    """List activities, newest first; those of deleted people only when asked for."""
    deleted, query = call.flag("deleted"), call.query
    removed = call.workspace.people.removed
    wanted = {name: query[name] for name in ("type", "name") if query.get(name)}
    person, id_type = query.get("customer_id"), query.get("id_type") or "id"

    def keep(row: Row) -> bool:
        if person is not None and str(row["customer_identifiers"].get(id_type)) != person:
            return False
        return (deleted or not _of_deleted(row, removed)) and all(
            row.get(name) == value for name, value in wanted.items()
        )

    everything = deleted and not wanted and person is None
    page = pagination.paginate(
        call.workspace.tables["activities"].rows,
        pagination.ACTIVITIES,
        query,
        keep=None if everything else keep,
    )
    rows = [_activity(row, removed) for row in page.rows]
    return {"activities": call.listed(rows), **page.fields()}


def _of_deleted(row: Row, removed: Container[str]) -> bool:
    """Tell whether the person of an activity is gone."""
    return row["deleted"] or row["customer_identifiers"]["cio_id"] in removed


def _activity(row: Row, removed: Container[str]) -> Row:
    """Return an activity as the API shows it: of a deleted person only the internal id is left."""
    shown = {name: value for name, value in row.items() if name != "deleted"}
    if _of_deleted(row, removed):
        cio_id = row["customer_identifiers"]["cio_id"]
        shown |= {"customer_id": None, "customer_identifiers": {"cio_id": cio_id}}
    return shown
