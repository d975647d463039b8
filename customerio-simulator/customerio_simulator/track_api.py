"""The Track API: a batch of items or one, segments' members, and the region look-up."""

from __future__ import annotations

import base64
import random
import secrets
import typing as t

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route, Router

from customerio_simulator.answers import (
    JSONAnswer,
    MalformedError,
    app_error,
    decode,
    track_error,
    unrouted,
)
from customerio_simulator.limits import RollingLimit
from customerio_simulator.track_effects import Effects
from customerio_simulator.track_items import LARGEST_ITEM, Problem, problems
from customerio_simulator.track_segments import set_members

if t.TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from customerio_simulator.journal import Journal
    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

LARGEST_BATCH = 500_000
"""Bytes that a batch must stay under (documented: smaller than 500 kb; the narrower reading)."""

REGION_PATH = "/api/v1/accounts/region"
HOSTS = {"us": "https://track.customer.io", "eu": "https://track-eu.customer.io"}
REALM = 'Basic realm="Customer.io edge event collection"'


class Batch(msgspec.Struct):
    """A batch whose items are kept as the bytes that were sent, so that they can be measured."""

    batch: list[msgspec.Raw]


class Track:
    """ASGI application of the Track API.

    Args:
        workspace: What the items change.
        journal: Where everything is counted.
    """

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._workspace = workspace
        self._journal = journal
        self._effects = Effects(workspace, journal)
        self._limit = RollingLimit(0)
        self._random = random.Random(workspace.options.seed)  # noqa: S311 - order, no secret
        routes = [
            Route("/api/v2/batch", self._batch, methods=["POST"]),
            Route("/api/v2/entity", self._entity, methods=["POST"]),
            Route(REGION_PATH, self._region, methods=["GET"]),
            *(
                Route(f"/api/v1/segments/{{id}}/{change}", self._members(change), methods=["POST"])
                for change in ("add_customers", "remove_customers")
            ),
        ]
        self._router = Router(routes, redirect_slashes=False, default=unrouted())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, if the redirect, the credentials and the limit let it pass."""
        refusal = self._refusal(Request(scope))
        await (refusal or self._router)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        options, path = self._workspace.options, request.url.path
        if options.track_redirect and path != REGION_PATH:
            return RedirectResponse(options.track_redirect.rstrip("/") + path, 301)
        pair = f"{options.site_id}:{options.track_api_key}".encode()
        expected = b"Basic " + base64.b64encode(pair)
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        if options.track_denied or not secrets.compare_digest(given, expected):
            return track_error(401, "Unauthorized request", {"WWW-Authenticate": REALM})
        self._limit.calls = options.track_rate_limit
        if wait := self._limit.wait():
            return app_error(429, limit=self._limit.calls, headers={"Retry-After": str(wait)})
        return None

    async def _region(self, _: Request) -> Response:
        region = self._workspace.options.region
        return JSONAnswer({"url": HOSTS[region], "region": region, "environment_id": 3})

    def _members(self, change: str) -> t.Callable[[Request], t.Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body, path = await self._received(request), {**request.path_params, "change": change}
            return set_members(self._workspace, path, request.query_params, body)

        return answer

    async def _received(self, request: Request) -> bytes:
        body = await request.body()
        self._journal.count(requests=1, bytes=len(body))
        if self._workspace.options.record_bodies:
            self._journal.bodies.append(body)
        return body

    async def _batch(self, request: Request) -> Response:
        body = await self._received(request)
        if len(body) >= LARGEST_BATCH:
            return track_error(413, "request body must be smaller than 500 kb")
        try:
            items = decode(body, Batch).batch
            counting = self._workspace.options.counting
            decoded = [] if counting else [(decode(raw, object), len(bytes(raw))) for raw in items]
        except msgspec.ValidationError:
            return _refused([Problem("required", "batch", "batch must be an array")])
        except MalformedError:
            return _refused([Problem("parse_error", "", "request body is not valid JSON")])
        self._journal.count(bodies=1, items=len(items))
        if counting:
            self._journal.count(accepted=len(items))
            return JSONAnswer({})
        errors = self._apply(decoded)
        return JSONAnswer({"errors": errors}, 207) if errors else JSONAnswer({})

    def _apply(self, items: list[tuple[t.Any, int]]) -> list[Row]:
        """Apply the items that pass, in any order if so wanted, and return what fails."""
        found = [problems(item, size) for item, size in items]
        passed = [index for index, wrong in enumerate(found) if not wrong]
        if self._workspace.options.unordered:
            self._random.shuffle(passed)
        for index in passed:
            self._effects.apply(items[index][0])
        self._journal.count(accepted=len(passed), rejected=len(items) - len(passed))
        return [
            {"batch_index": index, **problem.described()}
            for index, wrong in enumerate(found)
            for problem in wrong
        ]

    async def _entity(self, request: Request) -> Response:
        body = await self._received(request)
        if len(body) > LARGEST_ITEM:
            return track_error(413, "request body must be smaller than 32 kb")
        try:
            item: t.Any = decode(body, object)
        except MalformedError:
            return _refused([Problem("parse_error", "", "request body is not valid JSON")])
        wrong = problems(item, len(body))
        self._journal.count(items=1, accepted=not wrong, rejected=bool(wrong))
        if wrong:
            return _refused(wrong)
        if not self._workspace.options.counting:
            self._effects.apply(item)
        return JSONAnswer({})


def _refused(wrong: list[Problem]) -> JSONAnswer:
    """Return the answer to a request that is refused as a whole."""
    return JSONAnswer({"errors": [problem.described() for problem in wrong]}, 400)
