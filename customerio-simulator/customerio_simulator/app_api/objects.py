"""Endpoints of objects and of the people related to them."""

from __future__ import annotations

import typing as t

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError
from customerio_simulator.app_api.people import named_in_path
from customerio_simulator.filters import OBJECT, BadFilterError, compile_filter
from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.people import as_text, identifiers

if t.TYPE_CHECKING:
    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row


def search_objects(call: Call) -> Row:
    """Find objects of a type by a filter; the next page begins with this one's last object.

    Raises:
        AppError: The type is missing, or the filter is outside the grammar.
    """
    body, workspace = call.object(), call.workspace
    kind = body.get("object_type_id")
    if not isinstance(kind, str):
        raise AppError(400)
    try:
        matches = compile_filter(body.get("filter"), OBJECT, workspace.members_of)
    except BadFilterError:
        raise AppError(400) from None
    page = pagination.paginate(
        workspace.objects.table.rows,
        pagination.OBJECTS,
        call.query,
        keep=lambda row: row["object_type_id"] == kind and matches(row),
    )
    return {
        "identifiers": call.listed([_named(row) for row in page.rows]),
        "ids": call.listed([row["object_id"] for row in page.rows]),
        **page.fields(),
    }


def object_attributes(call: Call) -> Row:
    """Return the attributes of an object, every value as text."""
    row = _in_path(call)
    return {
        "object": {
            "attributes": {name: as_text(value) for name, value in row["attributes"].items()},
            "timestamps": row["timestamps"],
            "identifiers": _named(row),
            "object_type_id": row["object_type_id"],
        }
    }


def object_relationships(call: Call) -> Row:
    """List the people of an object; here the type's id is text."""
    row, workspace = _in_path(call), call.workspace
    kind = workspace.objects.types.get(row["object_type_id"]) or {"enabled": True}
    people = workspace.objects.people_of(row["cio_object_id"])
    found = [person for cio_id in people if (person := workspace.people.get(cio_id))]
    page = pagination.paginate(found, pagination.RELATIONSHIPS, call.query)
    rows = [
        {
            "identifiers": shown_identifiers(
                identifiers(person), id_only=workspace.options.id_only
            ),
            "object_type_id": row["object_type_id"],
            "object_type_disabled": not kind["enabled"],
        }
        for person in page.rows
    ]
    return {"cio_relationships": call.listed(rows), **page.fields()}


def customer_relationships(call: Call) -> Row:
    """List the objects of a person; here the type's id is a number."""
    objects = call.workspace.objects
    related = objects.of_person(named_in_path(call)["cio_id"])
    page = pagination.paginate(list(related), pagination.RELATIONSHIPS, call.query)
    rows = []
    for internal_id in page.rows:
        row = objects.table.get(internal_id) or {}
        rows.append(
            {
                "object_type_id": int(row["object_type_id"]),
                "identifiers": _named(row),
                "attributes": {
                    name: as_text(value) for name, value in related[internal_id].items()
                },
                "timestamps": dict.fromkeys(
                    related[internal_id], max(row["timestamps"].values(), default=0)
                ),
            }
        )
    return {"cio_relationships": call.listed(rows), **page.fields()}


def _named(row: Row) -> Row:
    return {"cio_object_id": row["cio_object_id"], "object_id": row["object_id"]}


def _in_path(call: Call) -> Row:
    """Return the object that the path names."""
    kind = call.query.get("id_type") or "object_id"
    if kind not in {"object_id", "cio_object_id"}:
        raise AppError(400)
    named = {"object_type_id": call.path["type"], kind: call.path["id"]}
    objects = call.workspace.objects
    row = objects.table.get(objects.find(named) or "")
    if row is None or row["object_type_id"] != call.path["type"]:
        raise AppError(404)
    return row
