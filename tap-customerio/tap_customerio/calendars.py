"""Hours, days, weeks and months as Customer.io counts metrics in them.

Days start at midnight and weeks at midnight on Sunday (documented), in a time zone whose clock may
be changed twice a year: a day then has 23 or 25 hours.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass

EST: t.Final = dt.timezone(dt.timedelta(hours=-5))
"""What the API calls EST: five hours behind UTC the whole year."""

HOUR: t.Final = 3600
"""Seconds in an hour."""

RESOLUTIONS: t.Final = ("hours", "days", "weeks", "months")
"""The lengths of a period, by the API's names."""


@dataclass(frozen=True)
class Calendar:
    """Cuts time into periods.

    Attributes:
        resolution: The length of a period: `hours`, `days`, `weeks` or `months`.
        zone: The time zone in which days, weeks and months start.
    """

    resolution: str
    zone: dt.tzinfo = EST

    def start(self, seconds: int) -> int:
        """The start of the period that a moment lies in; both in unix seconds."""
        local = dt.datetime.fromtimestamp(seconds, self.zone)
        if self.resolution == "hours":
            return seconds - (local.minute * 60 + local.second)
        midnight = local.replace(hour=0, minute=0, second=0, fold=0)
        if self.resolution == "weeks":
            midnight -= dt.timedelta(days=midnight.isoweekday() % 7)
        elif self.resolution == "months":
            midnight = midnight.replace(day=1)
        return int(midnight.timestamp())

    def step(self, start: int, periods: int) -> int:
        """The start of a later period, or of an earlier one.

        Args:
            start: The start of a period, in unix seconds.
            periods: How many periods to go on; back, if negative.
        """
        if self.resolution == "hours":
            return start + periods * HOUR
        # By the clock on the wall, not by the time that passes: midnight follows midnight, even
        # where a clock that is put forward has none and the day starts at one.
        local = dt.datetime.fromtimestamp(start, self.zone).replace(fold=0)
        midnight = local.replace(hour=0, minute=0, second=0)
        wall = midnight if int(midnight.timestamp()) == start else local
        if self.resolution == "months":
            years, month = divmod(wall.year * 12 + wall.month - 1 + periods, 12)
            moved = wall.replace(year=years, month=month + 1)
        else:
            days = 7 * periods if self.resolution == "weeks" else periods
            moved = wall + dt.timedelta(days=days)
        return int(moved.timestamp())

    def count(self, first: int, last: int) -> int:
        """How many periods there are from one to another, both included.

        Args:
            first: The start of a period, in unix seconds.
            last: The start of a period that is not before it, in unix seconds.
        """
        days = (last - first) / 86_400
        estimate = int(days / _DAYS[self.resolution]) + 2
        while self.step(first, estimate - 1) > last:
            estimate -= 1
        return estimate


_DAYS: t.Final = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 28}
"""Days in the shortest period, but for the change of a clock."""
