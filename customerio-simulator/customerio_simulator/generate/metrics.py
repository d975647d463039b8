"""What became of messages, counted: as many per second whichever way the seconds are divided."""

from __future__ import annotations

import itertools
import typing as t

from customerio_simulator.identity import Noise

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from customerio_simulator.options import Options
    from customerio_simulator.tables import Row

DAY, HOUR = 86_400, 3600
FINENESS = 16
"""Parts in which something is counted before whole ones are shown."""

SERIES = {
    "2xx": 6, "3xx": 1, "4xx": 2, "5xx": 1, "attempted": 60, "bounced": 2, "clicked": 9,
    "human_clicked": 8, "prefetch_clicked": 1, "converted": 3, "created": 64, "deferred": 4,
    "delivered": 54, "drafted": 1, "failed": 2, "opened": 30, "human_opened": 20,
    "prefetch_opened": 10, "sent": 56, "spammed": 1, "suppressed": 1, "undeliverable": 2,
    "topic_unsubscribed": 1, "unsubscribed": 1,
}  # fmt: skip
"""The metrics of what is sent, each with about how many a day there are."""
LINK_SERIES = {"clicked": 12, "human_clicked": 9, "machine_clicked": 3}
"""The metrics of a link."""
JOURNEY_SERIES = {
    "started": 40, "activated": 36, "exited_early": 6, "finished": 24, "converted": 9,
    "never_activated": 4, "messaged": 30,
}  # fmt: skip
"""The metrics of journeys through a campaign."""
RATES = {"": SERIES, "links": LINK_SERIES, "journeys": JOURNEY_SERIES}
"""What is counted, by the part of the path in which it lies."""


class Metrics:
    """Counts what became of messages.

    The number of a period is the difference of a running total at its two ends. So a day's number
    is the same whoever asks, the numbers of its hours add up to it, and none is below zero. Days
    and hours differ from each other, so that a number in the wrong period is seen.

    Args:
        options: The seed of the workspace.
    """

    def __init__(self, options: Options) -> None:
        self._seed = options.seed

    def count(
        self, parent: str, name: str, rate: int, boundaries: Sequence[int], span: tuple[int, int]
    ) -> list[int]:
        """Return how often something happened in each period.

        Args:
            parent: Whose metric it is, such as "campaigns/3" or "newsletters/2/contents/20".
            name: The metric's name.
            rate: About how often it happens in a day.
            boundaries: Where periods begin, and where the last one ends, in unix seconds.
            span: Since when the parent exists, and the present; outside nothing happened.
        """
        noise, (since, now) = Noise(self._seed, f"{parent}:{name}"), span
        totals = [_total(noise, rate, min(max(each, since), now)) for each in boundaries]
        return [max(0, last - first) for first, last in itertools.pairwise(totals)]

    def series(
        self, parent: str, kind: str, boundaries: Sequence[int], span: tuple[int, int]
    ) -> Row:
        """Return every metric of a kind: see `count`.

        Args:
            parent: Whose metrics they are.
            kind: A key of `RATES`.
            boundaries: Where periods begin, and where the last one ends, in unix seconds.
            span: Since when the parent exists, and the present.
        """
        return {
            name: self.count(parent, name, rate, boundaries, span)
            for name, rate in RATES[kind].items()
        }


def _total(noise: Noise, rate: int, moment: int) -> int:
    """Return how often something happened until a moment; it never falls.

    Half of it comes evenly within a day and unevenly from day to day, half unevenly by the hour.
    """
    day, second = divmod(moment, DAY)
    share = rate * FINENESS // 2
    begin, end = (each * share + noise(each) % share for each in (day, day + 1))
    daily = begin * DAY + (end - begin) * second
    hour = moment // HOUR
    hourly = (hour * share + noise(-hour) % share) * HOUR
    return (daily + hourly) // (FINENESS * DAY)
