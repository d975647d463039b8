"""Endpoints of metrics, in the two generations of the API.

The first generation counts steps back from the present, in periods of a fixed zone; the second
takes a span of time and a zone.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from customerio_simulator import periods
from customerio_simulator.app_api.call import AppError, Call, Endpoint, parent
from customerio_simulator.generate.metrics import RATES

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from customerio_simulator.tables import Row
    from customerio_simulator.workspace import Workspace

MOST_STEPS = {"hours": 24, "days": 45, "weeks": 12, "months": 120}
"""Periods that the first generation reaches back (documented: 120 or 121 months; the lower)."""
DEFAULT_STEPS = MOST_STEPS | {"months": 12}
"""Periods without `steps` (documented)."""
FEWEST_STEPS = 2
"""Fewer are never returned (documented)."""
LONGEST_SPAN = 3653 * 86_400
"""Seconds between `start` and `end` (documented: ten years)."""
LATEST = 1 << 35
"""The last moment that is taken for one, in unix seconds: far beyond, calendars end."""
LINKS = 3
"""Links of every parent."""

TYPES = {
    "email", "webhook", "twilio", "slack", "push", "in_app", "inbox", "whatsapp",
    "live_notification",
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What has metrics: a parent, or a part of one."""

    name: str
    """The path, such as "campaigns/3/actions/3001"."""
    since: int
    """When it was made, in unix seconds."""


def _since(row: Row) -> int:
    return int(row.get("created") or row.get("created_at") or 0)


def _whole(table: str) -> Callable[[Call], Measured]:
    """Return what finds a parent of metrics."""

    def find(call: Call) -> Measured:
        row = parent(call, table)
        return Measured(f"{table}/{row['id']}", _since(row))

    return find


def _part(table: str, children: str) -> Callable[[Call], Measured]:
    """Return what finds an action of a parent, or a content."""

    def find(call: Call) -> Measured:
        above, wanted = parent(call, table), call.number("part")
        held = above["content_ids"] if children == "contents" else above["actions"]
        ids = {int(each["id"]) if isinstance(each, dict) else int(each) for each in held or []}
        if wanted not in ids:
            raise AppError(404)
        return Measured(f"{table}/{above['id']}/{children}/{wanted}", _since(above))

    return find


FOUND_BY_PATH: dict[str, Callable[[Call], Measured]] = {
    "/campaigns/{id}": _whole("campaigns"),
    "/campaigns/{id}/actions/{part}": _part("campaigns", "actions"),
    "/broadcasts/{id}": _whole("broadcasts"),
    "/broadcasts/{id}/actions/{part}": _part("broadcasts", "actions"),
    "/newsletters/{id}": _whole("newsletters"),
    "/newsletters/{id}/contents/{part}": _part("newsletters", "contents"),
    "/transactional/{id}": _whole("transactional"),
}
"""Everything that has metrics."""


def _steps(call: Call) -> list[int]:
    """Return the boundaries of so many periods up to the present one."""
    period = call.query.get("period") or "days"
    if period not in MOST_STEPS:
        raise AppError(400)
    steps = call.integer("steps")
    steps = DEFAULT_STEPS[period] if steps is None else steps or MOST_STEPS[period]
    if steps < 0:
        raise AppError(400)
    steps = min(max(steps, FEWEST_STEPS), MOST_STEPS[period])
    return periods.latest(period, steps, call.workspace.clock.now(), periods.EASTERN)


def _span(start: int, end: int, period: str, where: dt.tzinfo) -> list[int]:
    """Return the boundaries of the periods of a span of time."""
    if not 0 <= start <= end <= min(start + LONGEST_SPAN, LATEST):
        raise AppError(400)
    return periods.between(period, start, end, where)


def _zone(call: Call) -> dt.tzinfo:
    try:
        return periods.zone(call.query.get("tz"))
    except periods.UnknownZoneError:
        raise AppError(400) from None


def _resolution(name: str | None) -> str:
    period = periods.RESOLUTIONS.get(name or "")
    if period is None:
        raise AppError(400)
    return period


def _counted(call: Call, of: Measured, kind: str, boundaries: list[int], name: str = "") -> Row:
    """Return the series of a parent, of one type of message if the call narrows them."""
    wanted = call.query.get("type")
    if wanted and wanted not in TYPES:
        raise AppError(400)
    narrowed = f"?type={wanted}" if wanted else ""
    workspace = call.workspace
    span = of.since, workspace.clock.now()
    return workspace.metrics.series(f"{of.name}{name}{narrowed}", kind, boundaries, span)


def _first(find: Callable[[Call], Measured]) -> Endpoint:
    """Return an endpoint of the first generation."""

    def answer(call: Call) -> Row:
        return {"metric": {"series": _counted(call, find(call), "", _steps(call))}}

    return answer


def _second(find: Callable[[Call], Measured]) -> Endpoint:
    """Return an endpoint of the second generation, which says what span it has counted."""

    def answer(call: Call) -> Row:
        measured, where = find(call), _zone(call)
        period = _resolution(call.query.get("res") or "days")
        end, start = call.integer("end"), call.integer("start")
        end = call.workspace.clock.now() if end is None else end
        if start is None:
            start = periods.latest(period, DEFAULT_STEPS[period], end, where)[0]
        boundaries = _span(start, end, period, where)
        return {
            "metric": {
                "series": _counted(call, measured, "", boundaries),
                "start": periods.shown(boundaries[0], where),
                "end": periods.shown(boundaries[-1], where),
                "res": period,
            }
        }

    return answer


def _versioned(find: Callable[[Call], Measured]) -> Endpoint:
    """Return an endpoint of both generations, which must be told which one is meant."""
    generations = {"1": _first(find), "2": _second(find)}

    def answer(call: Call) -> t.Any:  # noqa: ANN401 - any JSON
        wanted = generations.get(call.query.get("version", ""))
        if wanted is None:
            raise AppError(400)
        return wanted(call)

    return answer


def _links(find: Callable[[Call], Measured]) -> Endpoint:
    """Return an endpoint of clicks on links; `unique` counts whoever clicked twice once."""

    def answer(call: Call) -> Row:
        measured, boundaries = find(call), _steps(call)
        links = []
        for nth in range(1, LINKS + 1):
            series = _counted(call, measured, "links", boundaries, f"/links/{nth}")
            if call.flag("unique"):
                series = {
                    name: [-(-each // 2) for each in values] for name, values in series.items()
                }
            href = f"https://example.com/{measured.name}/{nth}"
            links.append({"link": {"id": nth, "href": href}, "metric": {"series": series}})
        return {"links": call.listed(links)}

    return answer


def journeys(call: Call) -> Row:
    """Count journeys by when they started; `start`, `end` and a resolution are required.

    Raises:
        AppError: There is no such campaign, or a parameter is missing or wrong.
    """
    measured = FOUND_BY_PATH["/campaigns/{id}"](call)
    start, end = call.integer("start"), call.integer("end")
    period = _resolution(call.query.get("res") or call.query.get("resolution"))
    if start is None or end is None:
        raise AppError(400)
    boundaries = _span(start, end, period, periods.EASTERN)
    return {"journey_metric": _counted(call, measured, "journeys", boundaries, "/journeys")}


def expected(workspace: Workspace, path: str, name: str, start: int, end: int) -> int:
    """Return what a metric has counted between two moments, to hold a reader's numbers to it.

    Args:
        workspace: Where it was counted.
        path: Such as "campaigns/3", "newsletters/2/contents/20/links/1" or "campaigns/3/journeys".
        name: The metric.
        start: Unix seconds.
        end: Unix seconds, not counted any more.

    Raises:
        ValueError: There is no such parent or metric.
    """
    table, key, *rest = path.split("/")
    row = workspace.tables[table].get(int(key)) if table in workspace.tables else None
    kind = next((part for part in rest if part in RATES), "")
    if row is None or name not in RATES[kind]:
        msg = f"There is no metric {name!r} of {path!r}."
        raise ValueError(msg)
    span = _since(row), workspace.clock.now()
    return workspace.metrics.count(path, name, RATES[kind][name], (start, end), span)[0]


ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/campaigns/{id}/journey_metrics", journeys),
    *(
        (
            "GET",
            f"{path}/metrics",
            (_versioned if path.startswith("/campaigns") else _first)(find),
        )
        for path, find in FOUND_BY_PATH.items()
    ),
    *(("GET", f"{path}/metrics/links", _links(find)) for path, find in FOUND_BY_PATH.items()),
)
"""Method, path under /v1 and endpoint."""
