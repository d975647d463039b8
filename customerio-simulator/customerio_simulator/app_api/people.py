"""Endpoints of people: who they are, what they want, which segments they are in."""

from __future__ import annotations

import typing as t

from customerio_simulator import pagination
from customerio_simulator.app_api.call import AppError
from customerio_simulator.filters import PERSON, BadFilterError, compile_filter
from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.people import PREFERENCES, as_text, identifiers, preferences_of

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

ATTRIBUTES_AT_ONCE = 100
"""People whose attributes one call returns (documented)."""
COMPUTED_PREFERENCES = f"_{PREFERENCES}_computed"
"""The attribute in which the service says what follows from a person's choices and defaults."""


def named(call: Call, found: Sequence[Row]) -> Row:
    """Return people twice, as the service does: their ids, "" without one, and all identifiers."""
    shown = [shown_identifiers(each, id_only=call.workspace.options.id_only) for each in found]
    return {
        "ids": [each["id"] or "" for each in found] or None,
        "identifiers": shown or None,
    }


def find_customers(call: Call) -> Row:
    """Find people by e-mail address.

    Raises:
        AppError: No address is asked for.
    """
    if not call.query.get("email"):
        raise AppError(400)
    people = call.workspace.people
    found = people.get(people.find("email", call.query["email"]) or "")
    return {"results": [identifiers(found)] if found else []}


def search_customers(call: Call) -> Row:
    """Find people by a filter.

    Raises:
        AppError: The filter is outside the grammar.
    """
    body, workspace = call.object(), call.workspace
    try:
        matches = compile_filter(body.get("filter"), PERSON, workspace.members_of)
    except BadFilterError:
        raise AppError(400) from None
    page = pagination.paginate(
        workspace.people.table.rows, pagination.SEARCH, call.query, keep=matches
    )
    found = named(call, [identifiers(person) for person in page.rows])
    return {"identifiers": found["identifiers"], "ids": found["ids"], **page.fields()}


def customers_attributes(call: Call) -> Row:
    """Return the attributes of up to 100 people; unknown ones are left out, 200 all the same.

    Raises:
        AppError: There are no ids or too many.
    """
    ids = call.object().get("ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= ATTRIBUTES_AT_ONCE:
        raise AppError(400)
    people, kind = call.workspace.people, _id_type(call)
    found = [people.get(people.find(kind, each) or "") for each in ids]
    profiles = [_profile(call, person) for person in found if person]
    if call.workspace.options.documented_shapes:
        profiles = [{"customer": profile} for profile in profiles]
    return {"customers": profiles}


def customer_attributes(call: Call) -> Row:
    """Return the attributes of one person."""
    return {"customer": _profile(call, named_in_path(call))}


def customer_segments(call: Call) -> Row:
    """List the segments that a person is in."""
    workspace, person = call.workspace, named_in_path(call)
    found = [row for row in workspace.tables["segments"].rows if workspace.holds(row, person)]
    shown = [{name: row[name] for name in ("id", "name", "description")} for row in found]
    return {"segments": call.listed(shown)}


def subscription_preferences(call: Call) -> Row:
    """Tell what a person wants to read, topic by topic."""
    person = named_in_path(call)
    named = identifiers(person)
    wanted = _wanted_topics(call.workspace, person)
    return {
        "customer": {
            "id": named["id"] or named["cio_id"],
            "identifiers": shown_identifiers(named, id_only=call.workspace.options.id_only),
            "topics": [
                {
                    "id": topic["id"],
                    "subscribed": wanted[topic["identifier"]],
                    "name": topic["name"],
                    "description": topic["description"],
                }
                for topic in call.workspace.tables["subscription_topics"].rows
            ],
            "unsubscribed": person["unsubscribed"],
            "header": {
                "title": "Manage your subscription preferences",
                "subtitle": "Check the box next to each topic you'd like to subscribe to.",
            },
        }
    }


def _wanted_topics(workspace: Workspace, person: Row) -> dict[str, bool]:
    """Return for every topic whether a person wants it, by choice or by default."""
    chosen = preferences_of(person).get("topics")
    chosen = chosen if isinstance(chosen, dict) else {}
    return {
        topic["identifier"]: bool(chosen.get(topic["identifier"], topic["subscribed_by_default"]))
        for topic in workspace.tables["subscription_topics"].rows
    }


def named_in_path(call: Call) -> Row:
    """Return the person whom the path names; an internal id may carry the prefix `cio_`.

    Raises:
        AppError: There is no such person, or no such kind of id.
    """
    people, kind, value = call.workspace.people, _id_type(call), call.path["id"]
    if kind == "cio_id" or value.startswith("cio_"):
        kind, value = "cio_id", value.removeprefix("cio_")
    person = people.get(people.find(kind, value) or "")
    if person is None:
        raise AppError(404)
    return person


def _id_type(call: Call) -> str:
    kind = call.query.get("id_type") or "id"
    if kind not in {"id", "email", "cio_id"}:
        raise AppError(400)
    return kind


def _profile(call: Call, person: Row) -> Row:
    """Return a person with every attribute as text."""
    named, attributes, times = identifiers(person), person["attributes"], person["timestamps"]
    if PREFERENCES in attributes:
        computed = {"topics": _wanted_topics(call.workspace, person)}
        attributes = attributes | {COMPUTED_PREFERENCES: computed}
        times = times | {COMPUTED_PREFERENCES: 0}
    return {
        "id": named["id"] or named["cio_id"],
        "identifiers": shown_identifiers(named, id_only=call.workspace.options.id_only),
        "attributes": {name: as_text(value) for name, value in attributes.items()},
        "timestamps": times,
        "unsubscribed": person["unsubscribed"],
        "devices": person["devices"],
    }
