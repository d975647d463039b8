"""The control endpoint: apart from both APIs, without authentication, for tests and demos."""

from __future__ import annotations

import typing as t

from starlette.routing import Route, Router

from customerio_simulator.answers import JSONAnswer, decode, unrouted
from customerio_simulator.app_api.metrics import expected
from customerio_simulator.edits import Editor

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from customerio_simulator.faults import Faults
    from customerio_simulator.journal import Journal
    from customerio_simulator.workspace import Workspace

PREFIX = "/simulator/"


def control(workspace: Workspace, journal: Journal, faults: Faults) -> Router:
    """Return the routes under /simulator."""
    editor = Editor(workspace)

    def people(parameters: dict[str, t.Any]) -> object:
        written = parameters.get("written") in {True, "true"}
        everybody = workspace.people.everybody(written=written)
        return {person["cio_id"]: shown(person) for person in everybody}

    def shown(person: dict[str, t.Any]) -> dict[str, t.Any]:
        attributes = person["attributes"]
        return {"id": attributes.get("id"), "email": attributes.get("email"), **person}

    def objects(parameters: dict[str, t.Any]) -> object:
        written = parameters.get("written", True) in {True, "true"}
        return list(workspace.objects.described(written=written))

    def members(parameters: dict[str, t.Any]) -> object:
        found = workspace.tables["segments"].get(int(parameters["segment"])) or {}
        named = workspace.identify_members(workspace.roster(found)[:]) if found else []
        return [each["cio_id"] for each in named]

    def metric(parameters: dict[str, t.Any]) -> object:
        moments = {name: int(parameters[name]) for name in ("start", "end")}
        return {"count": expected(workspace, parameters["path"], parameters["name"], **moments)}

    def clear_faults(_: dict[str, t.Any]) -> object:
        faults.clear()
        return {}

    def add_fault(parameters: dict[str, t.Any]) -> object:
        faults.add(parameters)
        return {}

    def move_clock(parameters: dict[str, t.Any]) -> object:
        workspace.clock.move(**parameters)
        return {"now": workspace.clock.now()}

    def reset(_: dict[str, t.Any]) -> object:
        journal.forget()
        faults.clear()
        return {}

    table: tuple[tuple[str, str, Callable[[dict[str, t.Any]], object]], ...] = (
        ("POST", "faults", add_fault),
        ("DELETE", "faults", clear_faults),
        ("GET", "calls", lambda _: list(journal.calls)),
        ("GET", "people", people),
        ("GET", "events", lambda _: journal.events),
        ("GET", "objects", objects),
        ("GET", "relationships", lambda _: list(workspace.objects.relationships())),
        ("GET", "members", members),
        (
            "GET",
            "suppressed",
            lambda _: [{kind: name} for kind, name in workspace.people.suppressed],
        ),
        ("GET", "merges", lambda _: workspace.people.merges),
        ("GET", "metric", metric),
        ("GET", "received", lambda _: journal.counters),
        ("GET", "bodies", lambda _: [body.decode("utf-8", "replace") for body in journal.bodies]),
        ("GET", "clock", lambda _: {"now": workspace.clock.now()}),
        ("POST", "clock", move_clock),
        ("POST", "edit", editor.edit),
        ("POST", "reset", reset),
    )
    routes = [
        Route(f"{PREFIX}{path}", _endpoint(function), methods=[method])
        for method, path, function in table
    ]
    return Router(routes, redirect_slashes=False, default=unrouted())


def _endpoint(
    function: Callable[[dict[str, t.Any]], object],
) -> Callable[[Request], t.Awaitable[Response]]:
    """Return an endpoint that hands a function the query or the JSON body as keywords."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            parameters = decode(body, dict) if body else dict(request.query_params)
            return JSONAnswer(function(parameters))
        except (KeyError, TypeError, ValueError) as error:
            return JSONAnswer({"error": str(error)}, 400)

    return answer
