"""The lists that streams fan out from, each asked once in a run.

A parent that is read for itself brings its rows along. The first stream that needs another one has
all of those listed that any stream will need: one after the other, each would take the time of its
answers, in which hardly a call is sent. Of their rows no more is kept than is needed.
"""

from __future__ import annotations

import typing as t

from tap_customerio.errors import RunError
from tap_customerio.reading import Reading
from tap_customerio.streams.base import FanOutStream, ParentStream

if t.TYPE_CHECKING:
    from tap_customerio.shape import Record
    from tap_customerio.streams.base import CustomerIOStream
    from tap_customerio.tap import TapCustomerIO


class Parents:
    """What fan-outs need of other streams.

    Args:
        tap: Knows the streams, and which of them are selected.
    """

    def __init__(self, tap: TapCustomerIO) -> None:
        self._tap = tap
        self._rows: dict[str, list[Record]] = {}
        self._faults: dict[str, Exception] = {}

    def gather(self, reading: Reading) -> t.Iterator[list[Record]]:
        """Hand on what is read of a stream for itself, and keep what others need of it.

        Args:
            reading: The read.
        """
        columns = self._columns(reading.stream)
        kept: list[Record] = []
        for records in reading.batches():
            if columns:
                kept += _excerpt(records, columns)
            yield records
        if reading.progress.whole:
            self._rows[reading.stream.name] = kept

    def rows(self, parent: CustomerIOStream) -> list[Record]:
        """The rows of a parent, which is listed if nobody did so yet.

        Args:
            parent: The parent.

        Raises:
            RunError: If nothing can be read any more.
            Exception: Why it could not be listed, the same each time that it is asked for.
        """
        name = parent.name
        if name not in self._rows and name not in self._faults:
            self._list(parent)
        if name in self._faults:
            raise self._faults[name]
        return self._rows[name]

    def _list(self, parent: CustomerIOStream) -> None:
        """List a parent, without a trace in the state, and what else is missing with it."""
        # A parent that fans out itself has its own parents listed by its plan.
        asked = Reading(parent)
        plans = {asked: asked.plan()}
        if isinstance(parent, ParentStream):
            plans |= {each: each.plan() for each in map(Reading, self._missing(parent))}
        readings = {each.stream.name: each for each in plans}
        columns = {name: self._columns(each.stream) for name, each in readings.items()}
        found: dict[str, list[Record]] = {name: [] for name in readings}
        self._tap.report.begin({each.stream.name: len(plan) for each, plan in plans.items()})
        chains = [chain for plan in plans.values() for chain in plan]
        for event in self._tap.walk(chains, parent.concurrency):
            name = event.chain.stream
            if name in self._faults:
                continue
            try:
                for records in readings[name].take(event):
                    found[name] += _excerpt(records, columns[name])
            except RunError:
                raise
            except Exception as error:  # noqa: BLE001 - raised for those who need this list
                self._faults[name] = error
                if readings.keys() <= self._faults.keys():
                    break
        for name in readings.keys() - self._faults.keys():
            readings[name].finish()
            self._rows[name] = found[name]

    def _missing(self, parent: CustomerIOStream) -> list[CustomerIOStream]:
        """The plain lists, besides one, that are needed and not read for themselves."""
        known = self._rows.keys() | self._faults.keys() | {parent.name}
        return [
            stream
            for stream in self._streams()
            if isinstance(stream, ParentStream)
            and stream.name not in known
            and not stream.selected
            and self._columns(stream)
        ]

    def _columns(self, parent: CustomerIOStream) -> frozenset[str]:
        """The properties of a stream's records that streams to be read fan out from."""
        children = [
            stream
            for stream in self._streams()
            if isinstance(stream, FanOutStream) and stream.parent_stream is parent
        ]
        if not any(child.selected or self._columns(child) for child in children):
            return frozenset()
        columns = (column for child in children for column in child.parent_columns.values())
        return frozenset({*parent.keeps, *columns})

    def _streams(self) -> t.Iterable[CustomerIOStream]:
        return t.cast("t.Iterable[CustomerIOStream]", self._tap.streams.values())


def _excerpt(records: t.Iterable[Record], columns: t.Collection[str]) -> list[Record]:
    return [{name: record.get(name) for name in columns} for record in records]
