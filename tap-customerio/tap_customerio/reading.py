"""Reads a stream: walks the chains that it declares, and makes records of the rows.

The stream says what to ask for, what its rows mean and when one of them is a repetition; here is
what all of them have in common, from the plan of a read to its end.
"""

from __future__ import annotations

import typing as t

from tap_customerio.answers import decode_row
from tap_customerio.chains import End
from tap_customerio.errors import UnreadableAnswerError
from tap_customerio.progress import Progress

if t.TYPE_CHECKING:
    from tap_customerio.chains import Chain, Event, Page, Row
    from tap_customerio.shape import Record
    from tap_customerio.streams.base import CustomerIOStream

STATE_SECONDS: t.Final = 3.0
"""How often STATE is written while pages come in."""

ROWS_AT_A_TIME: t.Final = 1000
"""Rows that are decoded together: a page of a membership has 30,000, which as records would take
ten times the memory of the page."""


class Reading:
    """One read of a stream.

    Args:
        stream: What is read.
        together: The streams whose records come of it, the stream itself included: how far the
            read came is kept in the state of each. None for a read that leaves no trace.
        version: The version of the records, None if they have none.

    Attributes:
        stream: What is read.
        progress: How far it has come.
    """

    def __init__(
        self,
        stream: CustomerIOStream,
        together: t.Sequence[CustomerIOStream] = (),
        version: int | None = None,
    ) -> None:
        self.stream = stream
        self._together = together
        self.progress = Progress([each.stream_state for each in together], stream.mark, version)
        self._planned: frozenset[Chain] = frozenset()
        self._recent: dict[object, RecentKeys] = {}

    def batches(self) -> t.Iterator[list[Record]]:
        """Read it all.

        Yields:
            Records, as many at a time as are at hand; those before are handed on by then.

        Raises:
            Exception: What ended the read before its time; the progress is kept if it may pass.
        """
        chains = self.plan()
        self.stream.tap.report.begin({self.stream.name: len(chains)})
        try:
            yield from self._walk(chains)
        except Exception as error:
            if getattr(error, "may_pass", False):
                self.progress.save()
            else:
                self.progress.forget()  # or it would be met again at once, and the rest grow old
            raise
        except BaseException:
            self.progress.save()
            raise
        self.finish()

    def plan(self) -> list[Chain]:
        """Begin the read.

        Returns:
            What there is to walk.
        """
        stream, progress = self.stream, self.progress
        stream.progress = progress
        progress.begin()
        for each in self._together or (stream,):
            each.begin(progress.version)
        chains = stream.chains()
        left = progress.plan(chains)
        self._planned = frozenset(left)
        for chain in chains:
            chain.stream = stream.name
            if chain not in self._planned:
                stream.chain_done(chain)
        return left

    def _walk(self, chains: t.Sequence[Chain]) -> t.Iterator[list[Record]]:
        stream, clock = self.stream, self.stream.tap.clock
        written = clock.now()
        for event in stream.tap.walk(chains, stream.concurrency):
            yield from self.take(event)
            if clock.now() - written >= STATE_SECONDS:
                stream.write_state()
                written = clock.now()

    def take(self, event: Event) -> t.Iterator[list[Record]]:
        """Make records of a page of the walk, or note the end of a chain.

        Args:
            event: What the walk brought.

        Raises:
            Exception: What is wrong with a row, or why a chain is not whole.
        """
        if isinstance(event, End):
            self._end(event)
            return
        if event.chain.opens is None:
            yield from self._page(event)
        self.progress.page(event)
        self.stream.tap.flush()

    def finish(self) -> None:
        """Note that all chains were walked to their ends."""
        complete = self.stream.complete()
        if complete:
            self.progress.finish()
        else:
            self.progress.forget()  # what lacks cannot be read yet: the next run begins anew
        self.stream.finished()
        if self.progress.version is not None and complete:
            for each in self._together:
                each.announce(self.progress.version)

    def _end(self, end: End) -> None:
        self._recent.pop(end.chain, None)
        self.stream.chain_ended(end)
        self.progress.end(end.chain)
        self.stream.chain_done(end.chain)
        if end.chain in self._planned:  # not what a page of it opened
            self.stream.tap.report.chain(self.stream.name)

    def _page(self, page: Page) -> t.Iterator[list[Record]]:
        for start in range(0, len(page.rows), ROWS_AT_A_TIME):
            yield from self._records(page.rows[start : start + ROWS_AT_A_TIME], page.chain)
            self.stream.tap.check_stop()

    def _records(self, rows: t.Sequence[Row], chain: Chain) -> t.Iterator[list[Record]]:
        """Make records of rows, but for repetitions; those before a faulty row are handed on."""
        stream, call = self.stream, chain.call
        recent = self._recent.setdefault(stream.repeats_within(chain), RecentKeys())
        records: list[Record] = []
        fault: Exception | None = None
        try:
            for raw in rows:
                row = decode(raw, call)
                prepared = None if row is None else stream.prepare(row, chain)
                if prepared is not None:
                    record = stream.shape(prepared)
                    if not recent.has(stream.key_of(record)):
                        records.append(record)
        except Exception as error:  # noqa: BLE001 - raised when what came before it is counted
            fault = error
        stream.records_made(records, chain)
        yield records
        stream.tap.report.rows(stream.name, len(records))
        if fault is not None:
            raise fault


class RecentKeys:
    """The last keys of a chain, at least `LIMIT` of them, in bounded memory."""

    LIMIT: t.Final = 10_000

    def __init__(self) -> None:
        self._new: set[t.Hashable] = set()
        self._old: set[t.Hashable] = set()

    def has(self, key: t.Hashable) -> bool:
        """Tell whether a key was here, and remember it."""
        if key in self._new or key in self._old:
            return True
        if len(self._new) >= self.LIMIT:
            self._old, self._new = self._new, set()
        self._new.add(key)
        return False


def decode(raw: Row, call: str) -> Record | None:
    """A row as an object.

    Args:
        raw: The row, decoded or not.
        call: What it answered, as texts name it.

    Returns:
        The row; None for a null, which is no record.

    Raises:
        UnreadableAnswerError: If it is something else.
    """
    if isinstance(raw, dict):
        return raw
    row = decode_row(raw, call)
    if row is not None and not isinstance(row, dict):
        raise UnreadableAnswerError(call, "a row that is no object")
    return t.cast("Record | None", row)
