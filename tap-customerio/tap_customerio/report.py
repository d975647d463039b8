"""What an operator sees: how far a run is while it lasts, and what it did when it is over.

Streams are read one after the other, but for lists that others fan out from: those are read
together. Nothing here is about a person.
"""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass

from singer_sdk import metrics

if t.TYPE_CHECKING:
    import logging

EVERY_SECONDS: t.Final = 10.0
"""How often the progress of a run is told."""

TOO_MANY_REQUESTS: t.Final = 429


@dataclass
class Tally:
    """What reading one stream took.

    Attributes:
        rows: Records that were handed on.
        calls: Calls that were sent, retries included.
        refused: Those of them that met the rate limit (429).
        bytes: Length of all answers.
        seconds: How long it took; what is read together takes as long as the last of it.
        pages: Answers with records.
        done: Chains that ended.
        total: Chains there are.
    """

    rows: int = 0
    calls: int = 0
    refused: int = 0
    bytes: int = 0
    seconds: float = 0.0
    pages: int = 0
    done: int = 0
    total: int = 0


class Report:
    """Counts, and tells.

    Args:
        logger: Where to.
        now: Seconds on a clock that never goes back.
    """

    def __init__(self, logger: logging.Logger, now: t.Callable[[], float]) -> None:
        self._logger = logger
        self._now = now
        self._lock = threading.Lock()
        self._streams: dict[str, Tally] = {}
        self._test = Tally()  # what a test of the connection asks; nobody is told of it
        self._reading: list[str] = []
        self._began = self._told = now()

    def begin(self, totals: t.Mapping[str, int]) -> None:
        """Note that streams are read from now on, together.

        Args:
            totals: How many chains each of them has, by its name.
        """
        with self._lock:
            self.end()
            self._reading, self._began = list(totals), self._now()
            for stream, total in totals.items():
                tally = self._streams.setdefault(stream, Tally())
                tally.done, tally.total = 0, total

    def end(self) -> None:
        """Note that what was being read is over."""
        for stream in self._reading:
            self._streams[stream].seconds += self._now() - self._began
        self._reading = []

    def call(self, stream: str, status: int, size: int) -> None:
        """Note a call; threads do.

        Args:
            stream: The stream that asked, by its name; empty if none did: then the call was needed
                for the one that is being read, or for the test of the connection.
            status: The HTTP status, 0 without an answer.
            size: Length of the answer in bytes.
        """
        with self._lock:
            name = stream or next(iter(self._reading), "")
            tally = self._streams.get(name, self._test)
            tally.calls += 1
            tally.bytes += size
            tally.refused += status == TOO_MANY_REQUESTS

    def rows(self, stream: str, count: int) -> None:
        """Note a page whose records were handed on, and tell the progress if it is time to.

        Args:
            stream: Whose page it is, by its name.
            count: How many records.
        """
        tally = self._streams[stream]
        tally.rows += count
        tally.pages += 1
        self._tell()

    def chain(self, stream: str) -> None:
        """Note that a chain ended, and tell the progress if it is time to.

        Args:
            stream: Whose chain it is, by its name.
        """
        self._streams[stream].done += 1
        self._tell()

    def along(self, stream: str) -> Tally:
        """Where to count the records of a stream that come along with those of another one.

        Args:
            stream: Its name.
        """
        return self._streams.setdefault(stream, Tally())

    def _tell(self) -> None:
        now = self._now()
        if now - self._told < EVERY_SECONDS:
            return
        self._told = now
        spent = max(now - self._began, 0.001)
        for stream in self._reading:
            tally = self._streams[stream]
            left = f"{spent / tally.done * (tally.total - tally.done):.0f} s" if tally.done else "?"
            self._logger.info(
                "%s: %d of %d parts, %d pages, %d rows, %.1f calls/s, %s to go.",
                stream, tally.done, tally.total, tally.pages, tally.rows, tally.calls / spent, left,
            )  # fmt: skip

    def close(self) -> None:
        """Tell what each stream took, as a table and as metrics."""
        with self._lock:
            self.end()
        if not self._streams:
            return
        header = ("stream", "rows", "calls", "429s", "seconds", "bytes")
        lines = [
            (name, str(tally.rows), str(tally.calls), str(tally.refused),
             f"{tally.seconds:.1f}", str(tally.bytes))
            for name, tally in self._streams.items()
        ]  # fmt: skip
        widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
        for line in (header, *lines):
            name, *figures = line
            cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
            self._logger.info("%s  %s", name.ljust(widths[0]), "  ".join(cells))
        # The SDK's own metrics of each stream hold its records and its duration.
        for name, tally in self._streams.items():
            point = metrics.Point(
                "counter",
                metrics.Metric.HTTP_REQUEST_COUNT,
                tally.calls,
                {"stream": name, "refused": tally.refused, "bytes": tally.bytes},
            )
            metrics.log(metrics.get_metrics_logger(), point)
