"""Metrics as tidy tables: a row for each parent and period, a column for each series."""

from __future__ import annotations

import functools
import sys
import time
import typing as t

import msgspec

from tap_customerio import state as bookmarks
from tap_customerio import times
from tap_customerio.answers import ANYTHING, Content, decode
from tap_customerio.calendars import EST, Calendar
from tap_customerio.errors import UnreadableAnswerError
from tap_customerio.shape import to_seconds
from tap_customerio.streams.base import FanOutStream, IncrementalStream
from tap_customerio.streams.generations import JOURNEYS, LINKS, Span

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.answers import Answer
    from tap_customerio.fetch import Chain, Row
    from tap_customerio.shape import Record
    from tap_customerio.streams.generations import Generation

FIRST_PERIODS: t.Final = 45
"""Periods that a read without bookmark and start date goes back, the present one included."""

TOUCHES: t.Final = (
    "created", "updated", "first_started", "scheduled_start", "sent_at",
)  # fmt: skip
"""Properties of parents that say when something last happened to them."""


# What may be null: lists and series, as the API writes empty ones. The envelope must be there, and
# all must be of its kind, or a read that found nothing would move the bookmark past what it missed.


class _Metric(msgspec.Struct):
    series: dict[str, list[t.Any] | None] | None = None
    start: t.Any = None


class _Link(msgspec.Struct):
    id: int | str
    href: t.Any = None


class _LinkMetric(msgspec.Struct):
    link: _Link
    metric: _Metric | None = None


_METRIC = msgspec.json.Decoder(_Metric | None)
_JOURNEY = msgspec.json.Decoder(dict[str, t.Any] | None)
_LINKS = msgspec.json.Decoder(list[_LinkMetric] | None)


class MetricsStream(FanOutStream, IncrementalStream):
    """Metrics of one kind of parent.

    Attributes:
        generation: How the API gives them.
        parts: The property of the parent that lists the parts which have metrics of their own,
            empty if the parent has them itself.
        part_key: The property that holds the part's id, also the path's placeholder.
    """

    selected_by_default = False
    replication_key = "period_start"
    rows = "metric"
    generation: t.ClassVar[Generation]
    parts: t.ClassVar[str] = ""
    part_key: t.ClassVar[str] = ""

    _span: Span
    _blank: t.Mapping[str, None]

    @override
    def chains(self) -> t.Sequence[Chain]:
        span = self._plan()
        if span is None:
            return []
        self._span = span
        taken = {*self.primary_keys, "href"}
        self._blank = dict.fromkeys(name for name in self.schema["properties"] if name not in taken)
        params = self.generation.params(span)
        return [self._chain(ids, params) for row in self._touched() for ids in self._ids(row)]

    def _chain(self, ids: dict[str, object], params: dict[str, str | int]) -> Chain:
        return self.chain(ids=ids, params=params)

    def _plan(self) -> Span | None:
        """Decide what to read; None if it all lies in the future."""
        settings = self.tap.settings
        # What goes on after a cut asks for the same time as before, and so need not ask again.
        now = bookmarks.read(self.progress.notes, "began") or self.tap.started
        zone = settings.metrics_timezone if self.generation.zoned else None
        calendar = Calendar(settings.metrics_resolution, zone or EST)
        present = calendar.start(now)
        reach = self.generation.reach[calendar.resolution]
        oldest = calendar.step(present, 1 - reach)
        wanted = self._wanted(calendar)
        if wanted is None:
            wanted = max(calendar.step(present, 1 - FIRST_PERIODS), oldest)
        if wanted < oldest:
            self.logger.warning(
                "The API gives no more than %d %s of these metrics: nothing from %s to %s is read.",
                reach,
                calendar.resolution,
                times.to_text(wanted),
                times.to_text(oldest),
            )
        end = now if settings.end is None else min(now, settings.end - 1)
        first = max(wanted, oldest)
        return Span(calendar, first, end, str(zone or "")) if first <= end else None

    def _wanted(self, calendar: Calendar) -> int | None:
        """The start of the first period that is wanted; None if nobody said."""
        settings, bookmark = self.tap.settings, self.bookmark
        wanted = [] if settings.start is None else [calendar.start(settings.start)]
        if bookmark is not None:
            wanted.append(calendar.step(calendar.start(bookmark), -settings.metrics_lookback))
        return max(wanted, default=None)

    def _touched(self) -> list[Record]:
        days, parents = self.tap.settings.metrics_parent_days, self.parents()
        if not days:
            return parents
        cutoff = times.to_text(self.tap.started - days * times.DAY)
        found = [row for row in parents if _runs(row) or _last_touch(row) >= cutoff]
        if len(found) < len(parents):
            self.logger.warning(
                "%d of %d %s do not run and were not touched for %d days: their metrics are not "
                "read (`metrics_parent_days`; 0 reads all).",
                len(parents) - len(found),
                len(parents),
                self.parent_stream.name,
                days,
            )
        return found

    def _ids(self, row: Record) -> t.Iterator[dict[str, object]]:
        if not self.parts:
            yield self.ids(row)
            return
        for part in row[self.parts] or []:
            found = part.get("id") if isinstance(part, dict) else part
            if found is None:
                raise self._partless()
            yield {**self.ids(row), self.part_key: found}

    @override
    def parents(self) -> list[Record]:
        found = super().parents()
        # What was no list of ids is null by now, as a list of none may be.
        if self.parts in self.parent_stream.shape.unfit:
            raise self._partless()
        return found

    def _partless(self) -> UnreadableAnswerError:
        return UnreadableAnswerError(f"GET {self.parent.path}", f"no ids under `{self.parts}`")

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        metric = self._decode(_METRIC, answer) or _Metric()
        return self._rows(metric.series or {}, chain.call, _start(metric.start, answer))

    def _decode(self, decoder: msgspec.json.Decoder[Content], answer: Answer) -> Content:
        key, call = self.generation.envelope, answer.request.call
        return decode(decoder, answer.envelope.get(key, b""), call, f"no series under `{key}`")

    def _rows(
        self, series: t.Mapping[str, t.Any], call: str, start: int | None = None
    ) -> list[Record]:
        """Turn series into rows.

        Args:
            series: The values of each series, oldest first.
            call: What they answered, as texts name it.
            start: The start of the first period as the answer says it, None if it does not.

        Raises:
            UnreadableAnswerError: If no calendar has that start, or so many periods.
        """
        found = {name: values for name, values in series.items() if values}
        count = max((len(values) for values in found.values()), default=0)
        try:
            starts = self._starts(count, start)
        except (ValueError, OverflowError, OSError) as error:
            raise UnreadableAnswerError(call, "periods that no calendar has") from error
        rows = [
            {**self._blank, "resolution": self._span.calendar.resolution, "period_start": begin}
            for begin in starts
        ]
        for name, values in found.items():
            shift = 0 if self.generation.anchored else count - len(values)
            for index, value in enumerate(values, start=shift):
                rows[index][name] = value
        return rows

    def _starts(self, count: int, start: int | None) -> t.Sequence[int]:
        calendar = self._span.calendar
        if self.generation.anchored:
            return _periods(calendar, start or self._span.first, count)
        # The present as it is when the answer comes: a long run does not end on the day on which
        # it started. A call that is under way at midnight is read again next time.
        return _periods(calendar, calendar.step(calendar.start(int(time.time())), 1 - count), count)

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        if not self._span.first <= row["period_start"] <= self._span.end:
            return None
        return super().prepare(row, chain)


class JourneyMetricsStream(MetricsStream):
    """Metrics whose series are not wrapped once more."""

    generation = JOURNEYS

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        found = self._decode(_JOURNEY, answer) or {}
        lists = {name: values for name, values in found.items() if isinstance(values, list)}
        for name in self._blank:
            if name not in lists and found.get(name) is not None:
                raise UnreadableAnswerError(answer.request.call, f"no list under `{name}`")
        return self._rows(lists, chain.call, _start(found.get("start"), answer))


class LinkMetricsStream(MetricsStream):
    """Clicks on links: all of them, and those of different people, which takes another call."""

    generation = LINKS

    @override
    def _chain(self, ids: dict[str, object], params: dict[str, str | int]) -> Chain:
        def unique(rows: t.Sequence[Row]) -> t.Sequence[Chain]:
            if not rows:
                return []
            return [self.chain(ids=ids, params={**params, "unique": "true"}, subject=rows)]

        return self.chain(ids=ids, params={**params, "unique": "false"}, opens=unique)

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        rows = self._clicks(answer)
        if chain.opens is not None:
            return rows
        merged = {(row["link_id"], row["period_start"]): row for row in chain.subject}
        for row in rows:
            key = row["link_id"], row["period_start"]
            found = merged.setdefault(key, {**row, **self._blank})
            found["unique_clicked"] = row["clicked"]
        return list(merged.values())

    def _clicks(self, answer: Answer) -> list[Record]:
        found = self._decode(_LINKS, answer) or []
        return [
            {"link_id": each.link.id, "href": each.link.href, **row}
            for each in found
            for row in self._rows((each.metric or _Metric()).series or {}, answer.request.call)
        ]


def _runs(row: Record) -> bool:
    """Whether a parent still sends, though nobody may have touched it for years."""
    return bool(row.get("active")) or row.get("state") == "running"


def _last_touch(row: Record) -> str:
    """When something last happened to a parent; what does not say so is taken to be new."""
    found = [row[name] for name in TOUCHES if row.get(name)]
    return max(found, default="9")


def _start(inside: object, answer: Answer) -> int | None:
    """The start of the first period: the documents put it beside the series or around them."""
    raw = answer.envelope.get("start", b"null")
    around = decode(ANYTHING, raw, answer.request.call, "a `start` that cannot be read as JSON")
    return to_seconds(inside) or to_seconds(around)


@functools.lru_cache(maxsize=16)
def _periods(calendar: Calendar, first: int, count: int) -> tuple[int, ...]:
    """The starts of periods, the same for nearly every parent."""
    return tuple(calendar.step(first, index) for index in range(count))
