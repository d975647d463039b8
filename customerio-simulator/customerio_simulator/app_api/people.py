"""Endpoints of people and of the segments that they are in."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError, parent
from customerio_simulator.filters import BadFilterError, compile_filter
from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.people import as_text, identifiers

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row

ATTRIBUTES_AT_ONCE = 100
"""People whose attributes one call returns (documented)."""


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
    return {"segment_id": segment["id"], **_named(call, found), **page.fields()}


def _named(call: Call, found: Sequence[Row]) -> Row:
    """Return people twice, as the service does: their ids, "" without one, and all identifiers."""
    shown = [shown_identifiers(each, id_only=call.workspace.options.id_only) for each in found]
    return {
        "ids": [each["id"] or "" for each in found] or None,
        "identifiers": shown or None,
    }


def customer_count(call: Call) -> Row:
    """Count a segment's members."""
    segment = parent(call, "segments")
    return {"segment_id": segment["id"], "count": len(call.workspace.roster(segment))}


def find_customers(call: Call) -> Row:
    """Find people by e-mail address."""
    if not call.query.get("email"):
        raise AppError(400)
    people = call.workspace.people
    found = people.get(people.find("email", call.query["email"]) or "")
    return {"results": [identifiers(found)] if found else []}


def search_customers(call: Call) -> Row:
    """Find people by a filter."""
    body, workspace = call.object(), call.workspace
    try:
        matches = compile_filter(body.get("filter"), workspace.members_of)
    except BadFilterError:
        raise AppError(400) from None
    page = pagination.paginate(
        workspace.people.table.rows, pagination.SEARCH, call.query, keep=matches
    )
    named = _named(call, [identifiers(person) for person in page.rows])
    return {"identifiers": named["identifiers"], "ids": named["ids"], **page.fields()}


def customers_attributes(call: Call) -> Row:
    """Return the attributes of up to 100 people; unknown ones are left out, 200 all the same."""
    ids = call.object().get("ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= ATTRIBUTES_AT_ONCE:
        raise AppError(400)
    people, kind = call.workspace.people, _id_type(call)
    found = [people.get(people.find(kind, each) or "") for each in ids]
    return {"customers": [_profile(call, person) for person in found if person]}


def customer_attributes(call: Call) -> Row:
    """Return the attributes of one person; an internal id may carry the prefix `cio_`."""
    people, kind, value = call.workspace.people, _id_type(call), call.path["id"]
    if kind == "cio_id" or value.startswith("cio_"):
        kind, value = "cio_id", value.removeprefix("cio_")
    person = people.get(people.find(kind, value) or "")
    if person is None:
        raise AppError(404)
    return {"customer": _profile(call, person)}


def _id_type(call: Call) -> str:
    kind = call.query.get("id_type") or "id"
    if kind not in {"id", "email", "cio_id"}:
        raise AppError(400)
    return kind


def _profile(call: Call, person: Row) -> Row:
    """Return a person with every attribute as text."""
    named = identifiers(person)
    return {
        "id": named["id"] or named["cio_id"],
        "identifiers": shown_identifiers(named, id_only=call.workspace.options.id_only),
        "attributes": {name: as_text(value) for name, value in person["attributes"].items()},
        "timestamps": person["timestamps"],
        "unsubscribed": person["unsubscribed"],
        "devices": person["devices"],
    }
