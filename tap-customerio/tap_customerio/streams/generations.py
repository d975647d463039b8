"""The generations of the API's metrics: what each is asked, and how far it reaches.

The first counts periods back from the present, in a fixed time zone; the second takes a span of
time and a zone. Streams of both end in the same columns.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from tap_customerio.calendars import Calendar


@dataclass(frozen=True)
class Span:
    """What is read of the metrics of every parent.

    Attributes:
        calendar: Cuts the time into periods.
        first: The start of the first period, in unix seconds.
        end: The last moment, in unix seconds.
        zone: The time zone's name, empty for the API's own.
    """

    calendar: Calendar
    first: int
    end: int
    zone: str


class Generation(t.NamedTuple):
    """How the API gives metrics of one kind.

    Attributes:
        envelope: The key of the answer that holds the series, or what holds them.
        reach: How many periods there are of each resolution at most, the present one included.
        params: Makes the query of a span.
        zoned: Whether the query can name a time zone.
        anchored: Whether the series start where the query says; otherwise they end at the present.
    """

    envelope: str
    reach: t.Mapping[str, int]
    params: t.Callable[[Span], dict[str, str | int]]
    zoned: bool
    anchored: bool


def _steps(span: Span) -> dict[str, str | int]:
    resolution, present = span.calendar.resolution, span.calendar.start(int(time.time()))
    steps = span.calendar.count(span.first, present)
    # The API never gives fewer than two.
    return {"period": resolution, "steps": min(max(steps, 2), STEPS_REACH[resolution])}


def _second_generation(span: Span) -> dict[str, str | int]:
    zone = {"tz": span.zone} if span.zone else {}
    bounds = {"start": span.first, "end": span.end}
    return {"version": 2, "res": span.calendar.resolution, **bounds, **zone}


def _journeys(span: Span) -> dict[str, str | int]:
    # The documents disagree on the name.
    resolution = span.calendar.resolution
    return {"start": span.first, "end": span.end, "res": resolution, "resolution": resolution}


STEPS_REACH: t.Final = {"hours": 24, "days": 45, "weeks": 12, "months": 120}
"""Documented; for months, one of the documents says 121."""

SPAN_REACH: t.Final = {"hours": 87_600, "days": 3650, "weeks": 521, "months": 120}
"""Documented: 10 years."""

FIRST: t.Final = Generation("metric", STEPS_REACH, _steps, zoned=False, anchored=False)
SECOND: t.Final = Generation("metric", SPAN_REACH, _second_generation, zoned=True, anchored=True)
JOURNEYS: t.Final = Generation("journey_metric", SPAN_REACH, _journeys, zoned=False, anchored=True)
LINKS: t.Final = Generation("links", STEPS_REACH, _steps, zoned=False, anchored=False)
