"""The App API: what every endpoint reads, as a table of routes.

An endpoint is a function of the workspace and a call; it returns the body, or raises one of the
service's errors. Lists without pages ignore `limit`, `start` and `sort`, as the service does.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from customerio_simulator import pagination
from customerio_simulator.answers import MalformedError, decode
from customerio_simulator.filters import BadFilterError, compile_filter
from customerio_simulator.generate.people import shown_identifiers
from customerio_simulator.people import as_text, identifiers
from customerio_simulator.tables import Row

if t.TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from customerio_simulator.workspace import Workspace

SIX_MONTHS = 180 * 86_400
"""The widest span of deliveries, in seconds: the documentation says 6 months and not how many days;
a reader that relies on fewer is right by every reading."""

ATTRIBUTES_AT_ONCE = 100
"""People whose attributes one call returns (documented)."""


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
    """What an endpoint sees of a request."""

    workspace: Workspace
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def number(self, name: str = "id") -> int:
        """Return an id in the path; what is no number is a bad request."""
        if not self.path[name].isdecimal():
            raise AppError(400)
        return int(self.path[name])

    def integer(self, name: str) -> int | None:
        """Return a parameter that must be a number, or None."""
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
        """Return the body, which must be a JSON object."""
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


Endpoint = t.Callable[[Call], Row]


def whole(table: str, envelope: str, *, null: bool = False) -> Endpoint:
    """Return the endpoint of a list without pages."""

    def answer(call: Call) -> Row:
        return {envelope: call.listed(call.workspace.tables[table].rows[:], null=null)}

    return answer


def item(table: str, envelope: str) -> Endpoint:
    """Return the endpoint of one row."""

    def answer(call: Call) -> Row:
        return {envelope: parent(call, table)}

    return answer


def parent(call: Call, table: str) -> Row:
    """Return the row that the path names; 404 when it is gone."""
    row = call.workspace.parent(table, call.number())
    if row is None:
        raise AppError(404)
    return row


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
    """Return one delivery."""
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


ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/campaigns", whole("campaigns", "campaigns")),
    ("GET", "/campaigns/{id}", item("campaigns", "campaign")),
    ("GET", "/campaigns/{id}/actions", campaign_actions),
    ("GET", "/broadcasts", whole("broadcasts", "broadcasts")),
    ("GET", "/broadcasts/{id}", item("broadcasts", "broadcast")),
    ("GET", "/broadcasts/{id}/actions", broadcast_actions),
    ("GET", "/newsletters", newsletters),
    ("GET", "/newsletters/{id}", item("newsletters", "newsletter")),
    ("GET", "/transactional", whole("transactional", "messages")),
    ("GET", "/transactional/{id}", item("transactional", "message")),
    ("GET", "/segments", whole("segments", "segments")),
    ("GET", "/segments/{id}", item("segments", "segment")),
    ("GET", "/segments/{id}/membership", membership),
    ("GET", "/segments/{id}/customer_count", customer_count),
    ("GET", "/messages", messages),
    ("GET", "/messages/{id}", message),
    ("GET", "/activities", activities),
    ("GET", "/collections", whole("collections", "collections", null=True)),
    ("GET", "/collections/{id}", item("collections", "collection")),
    ("GET", "/snippets", whole("snippets", "snippets")),
    ("GET", "/sender_identities", sender_identities),
    ("GET", "/sender_identities/{id}", item("sender_identities", "sender_identity")),
    ("GET", "/subscription_topics", whole("subscription_topics", "topics")),
    ("GET", "/workspaces", workspaces),
    ("GET", "/customers", find_customers),
    ("POST", "/customers", search_customers),
    ("POST", "/customers/attributes", customers_attributes),
    ("GET", "/customers/{id}/attributes", customer_attributes),
)
"""Method, path under /v1 and endpoint."""
