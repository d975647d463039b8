"""Points in time: unix seconds as the API gives them, text as Singer carries it.

One format everywhere, `2026-11-21T20:14:03Z`, so that bookmarks compare as text.
"""

from __future__ import annotations

import calendar
import datetime as dt
import functools

DAY = 86_400
"""Seconds in a day."""

LAST = "9999-12-31T23:59:59Z"
"""The last moment that can be written."""

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the offset is written by hand


@functools.lru_cache(maxsize=4096)
def _minute_text(minutes: int) -> str:
    return (_EPOCH + dt.timedelta(minutes=minutes)).isoformat().removesuffix("00")


def to_text(seconds: int) -> str:
    """Write unix seconds as a date-time.

    Args:
        seconds: Seconds since 1970-01-01T00:00:00Z.

    Returns:
        The same moment as `YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        OverflowError: If the year is not between 1 and 9999.
    """
    minutes, rest = divmod(seconds, 60)
    return f"{_minute_text(minutes)}{rest:02}Z"


def to_seconds(text: str) -> int:
    """Read an ISO 8601 date or date-time; one without an offset is UTC.

    Args:
        text: For example `2026-11-21`, `2026-11-21T20:14:03Z` or `2026-11-21 21:14:03+01:00`.

    Returns:
        Seconds since 1970-01-01T00:00:00Z, fractions cut off.

    Raises:
        ValueError: If the text is neither.
    """
    text = text.strip()
    if text[-1:] in {"Z", "z"}:
        text = f"{text[:-1]}+00:00"
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return (moment - epoch) // dt.timedelta(seconds=1)


def months_before(seconds: int, months: int) -> int:
    """Go back by calendar months, to the last day of a month that is too short.

    Args:
        seconds: The moment to start from, in unix seconds.
        months: How many months to go back.

    Returns:
        The earlier moment, in unix seconds.
    """
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.timezone.utc)
    years, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(years, month + 1)[1])
    return int(moment.replace(year=years, month=month + 1, day=day).timestamp())
