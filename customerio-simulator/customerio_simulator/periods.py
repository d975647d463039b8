"""Periods of time as metrics count them: hours, days, weeks from Sunday and months of a time zone.

Every boundary is one of the calendar, so that two requests that ask for the same day ask for the
same seconds.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EASTERN = dt.timezone(dt.timedelta(hours=-5))
"""The zone of every boundary that nobody named one for: EST, without daylight saving time."""

HOUR = 3600
DAY = 24 * HOUR
DAYS_OF_A_WEEK = 7
MONTHS_OF_A_YEAR = 12

RESOLUTIONS = {
    "hours": "hours",
    "hourly": "hours",
    "days": "days",
    "daily": "days",
    "weeks": "weeks",
    "weekly": "weeks",
    "months": "months",
    "monthly": "months",
}
"""The names of a resolution, each with the period that it stands for."""


class UnknownZoneError(ValueError):
    """A time zone that nobody knows."""


def zone(name: str | None) -> dt.tzinfo:
    """Return a time zone by its name in the form Region/City; without one EST.

    Raises:
        UnknownZoneError: There is no such zone.
    """
    if not name:
        return EASTERN
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZoneError(name) from error


def beginning(period: str, moment: int, where: dt.tzinfo) -> int:
    """Return when the period began that a moment lies in, in unix seconds."""
    local = dt.datetime.fromtimestamp(moment, where)
    if period == "hours":
        return moment - local.minute * 60 - local.second
    days = {"days": 0, "weeks": (local.weekday() + 1) % DAYS_OF_A_WEEK, "months": local.day - 1}
    return _midnight(local.date() - dt.timedelta(days=days[period]), where)


def later(period: str, begin: int, count: int, where: dt.tzinfo) -> int:
    """Return when the period begins that comes so many after another; fewer than 0 come before."""
    if period == "hours":
        return begin + count * HOUR
    date = dt.datetime.fromtimestamp(begin, where).date()
    if period == "months":
        years, month = divmod(date.month - 1 + count, MONTHS_OF_A_YEAR)
        return _midnight(dt.date(date.year + years, month + 1, 1), where)
    days = count * (DAYS_OF_A_WEEK if period == "weeks" else 1)
    return _midnight(date + dt.timedelta(days=days), where)


def between(period: str, first: int, last: int, where: dt.tzinfo) -> list[int]:
    """Return the boundaries of all periods from one moment to another, the last one excluded.

    Returns:
        The beginnings of the periods and, as the last entry, the end of the last period.
    """
    boundaries = [beginning(period, first, where)]
    while len(boundaries) == 1 or boundaries[-1] < last:
        boundaries.append(later(period, boundaries[-1], 1, where))
    return boundaries


def latest(period: str, count: int, now: int, where: dt.tzinfo) -> list[int]:
    """Return the boundaries, as `between` does, of so many periods of which the last is present."""
    present = beginning(period, now, where)
    return [later(period, present, nth - count + 1, where) for nth in range(count + 1)]


def _midnight(date: dt.date, where: dt.tzinfo) -> int:
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=where).timestamp())


def shown(moment: int, where: dt.tzinfo) -> str:
    """Return a moment as ISO 8601 with the offset of a zone."""
    return dt.datetime.fromtimestamp(moment, where).isoformat()
