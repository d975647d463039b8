"""The whole service: both APIs behind the edge, and the control endpoint beside them."""

from __future__ import annotations

import secrets
import typing as t

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from customerio_simulator.answers import JSONAnswer, app_error, unrouted
from customerio_simulator.app_api import ROUTES
from customerio_simulator.app_api.call import AppError, Call
from customerio_simulator.control import PREFIX, control
from customerio_simulator.edge import Edge
from customerio_simulator.faults import Faults
from customerio_simulator.journal import Journal
from customerio_simulator.limits import RollingLimit
from customerio_simulator.pagination import BadTokenError
from customerio_simulator.track_api import Track

if t.TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from customerio_simulator.app_api.call import Endpoint
    from customerio_simulator.workspace import Workspace


class App:
    """ASGI application of the App API: credentials, scope and limit before the routes.

    Args:
        workspace: What the endpoints read.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._limit = RollingLimit(0)
        routes = [
            Route(f"/v1{path}", self._endpoint(endpoint), methods=[method])
            for method, path, endpoint in ROUTES
        ]
        self._router = Router(routes, redirect_slashes=False, default=unrouted())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        refusal = self._refusal(Request(scope))
        await (refusal or self._router)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        options, path = self._workspace.options, request.url.path
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        expected = f"Bearer {options.app_api_key}".encode()
        if options.app_denied or not secrets.compare_digest(given, expected):
            return app_error(401)
        self._limit.calls = options.rate_limit
        if wait := self._limit.wait():
            return app_error(429, limit=self._limit.calls, headers={"Retry-After": str(wait)})
        if any(path.startswith(prefix) for prefix in options.forbidden):
            return app_error(403)
        return None

    def _endpoint(self, function: Endpoint) -> t.Callable[[Request], t.Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            query = dict(request.query_params)
            call = Call(self._workspace, request.path_params, query, await request.body())
            try:
                body = function(call)
            except BadTokenError:
                return app_error(400)
            except AppError as error:
                return app_error(error.status)
            return Response(status_code=204) if body is None else JSONAnswer(body)

        return answer


class Service:
    """ASGI application of everything on one port.

    Args:
        workspace: The workspace to serve.
    """

    def __init__(self, workspace: Workspace) -> None:
        journal, faults = Journal(), Faults()
        self._applications: tuple[tuple[str, ASGIApp], ...] = (
            ("/v1/", App(workspace)),
            ("/api/", Track(workspace, journal)),
            (PREFIX, control(workspace, journal, faults)),
        )
        self._edge = Edge(self._choose, workspace, journal, faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        await self._edge(scope, receive, send)

    async def _choose(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        found = (app for prefix, app in self._applications if path.startswith(prefix))
        await next(found, unrouted())(scope, receive, send)
