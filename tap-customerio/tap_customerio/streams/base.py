"""What all streams share: they declare chains and a schema, and the engine does the rest."""

from __future__ import annotations

import abc
import decimal
import functools
import hashlib
import operator
import sys
import typing as t

import msgspec
from singer_sdk import Stream
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_customerio import state as bookmarks
from tap_customerio import times
from tap_customerio.answers import UNREADABLE
from tap_customerio.errors import (
    RunError,
    StreamError,
    UnforeseenError,
    UnreadableAnswerError,
    VanishedError,
)
from tap_customerio.fetch import Chain, End, Row
from tap_customerio.pagination import Dialect, unpaged
from tap_customerio.progress import Progress
from tap_customerio.shape import Record, Shaper

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.helpers import types

    from tap_customerio.answers import Answer
    from tap_customerio.tap import TapCustomerIO

STATE_SECONDS: t.Final = 3.0
"""How often STATE is written while pages come in."""

ROWS_AT_A_TIME: t.Final = 1000
"""Rows that are decoded together: a page of a membership has 30,000, which as records would take
ten times the memory of the page."""

_encode_key = msgspec.json.Encoder(order="sorted").encode

# Decimals keep the digits that they had in the API's answer.
_decode_row = msgspec.json.Decoder(float_hook=decimal.Decimal).decode


class CustomerIOStream(Stream, abc.ABC):
    """A stream of the App API: by default one list.

    Attributes:
        path: The path template.
        rows: The key of the answer that holds the rows.
        page_size: How many rows to ask for at a time, None where the API knows no `limit`.
        dialect: How the list goes on after a page.
        concurrency: How many chains may be open at a time; None leaves it to the settings.
        calls: What a run costs in calls, as its user should know it; the list of a parent aside.
        keeps: The properties that streams which fan out from this one always need; those that
            their paths name are kept without being listed here.
    """

    path: t.ClassVar[str]
    rows: t.ClassVar[str]
    page_size: t.ClassVar[int | None] = None
    dialect: t.ClassVar[Dialect] = staticmethod(unpaged)
    concurrency: t.ClassVar[int | None] = None
    calls: t.ClassVar[str] = "1"
    keeps: t.ClassVar[tuple[str, ...]] = ()

    def __init__(self, tap: TapCustomerIO) -> None:
        super().__init__(tap)
        self.tap = tap
        keys = tuple(self.primary_keys)
        self._shape = Shaper(self.name, self.schema, keys, self.logger)
        self._key_of = operator.itemgetter(*keys)
        self._recent: dict[object, RecentKeys] = {}
        self.progress = Progress([], self._mark)
        self._together: t.Sequence[CustomerIOStream] = (self,)

    def chains(self) -> t.Sequence[Chain]:
        """What to walk."""
        return [self.chain()]

    def chain(self, **details: t.Any) -> Chain:  # noqa: ANN401 - the attributes of a chain
        """One chain of this stream.

        Args:
            **details: What the chain has of its own.
        """
        limit = {} if self.page_size is None else {"limit": self.page_size}
        params = {**limit, **details.pop("params", {})}
        shared = {"dialect": self.dialect, "unpack": self.unpack, **details}
        return Chain(shared.pop("path", self.path), self.rows, params=params, **shared)

    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        """Make rows of an answer; called in the threads that fetch.

        Args:
            answer: What the API answered.
            chain: Where it comes from.

        Returns:
            Rows, decoded or not; by default those under the key `rows`.

        Raises:
            UnreadableAnswerError: If they are not where they should be.
        """
        return answer.rows(chain.rows)

    def prepare(self, row: Record, chain: Chain) -> Record | None:
        """Add to a row what it does not say itself.

        Args:
            row: The row, as the API sent it.
            chain: Where it comes from.

        Returns:
            The row, or None if it is no record of this read.
        """
        row.update(chain.ids)
        return row

    def chain_done(self, chain: Chain) -> None:
        """Note that this run or an earlier one has handed on all records of a chain."""

    def chain_ended(self, end: End) -> None:
        """Note that a chain ended; its records have been handed on.

        Raises:
            Exception: What ended it, if it is not whole.
        """
        if end.error is not None:
            raise end.error

    def finished(self) -> None:
        """Note that every chain was read."""

    @property
    def replaceable(self) -> bool:
        """Whether a whole read holds all there is: not what is appended, narrowed or kept a while.

        Only then do records carry a version.
        """
        return not self.incremental

    def complete(self) -> bool:
        """Whether what was read is all there is, so that anything else can be deleted."""
        return True

    def companions(self) -> t.Sequence[CustomerIOStream]:
        """The streams that are read together with this one, from the same answers."""
        return ()

    @override
    def get_records(self, context: types.Context | None) -> t.Iterator[Record]:
        for records in self._batches():
            yield from records

    def _batches(self) -> t.Iterator[list[Record]]:
        """All records, as many at a time as are at hand; those before are handed on by then."""
        columns = self.tap.columns_kept(self)
        kept: list[Record] = []
        self._together = (self, *self.companions())
        states = [stream.stream_state for stream in self._together]
        for records in self._read(Progress(states, self._mark, self._new_version())):
            if columns:
                kept += _keep(columns, records)
            yield records
        if self.progress.whole:
            self.tap.parents[self.name] = kept

    def list_for_others(self) -> None:
        """Read what others fan out from, without a trace in the state."""
        columns = self.tap.columns_kept(self)
        self.tap.parents[self.name] = [
            row
            for records in self._read(Progress([], self._mark))
            for row in _keep(columns, records)
        ]

    def _read(self, progress: Progress) -> t.Iterator[list[Record]]:
        self.progress = progress
        self._recent.clear()
        progress.begin()
        for stream in self._together:
            stream.begin(progress.version)
        chains = self.chains()
        left = progress.plan(chains)
        for chain in chains:
            if chain not in left:
                self.chain_done(chain)
        self.tap.report.begin(self.name, len(left))
        try:
            yield from self._walk(left)
        except Exception as error:
            if getattr(error, "may_pass", False):
                progress.save()
            else:
                progress.forget()  # or it would be met again at once, and the rest grow old
            raise
        except BaseException:
            progress.save()
            raise
        progress.finish()
        self.finished()
        if progress.version is not None and self.complete():
            for stream in self._together:
                stream.announce(progress.version)

    def _walk(self, chains: t.Sequence[Chain]) -> t.Iterator[list[Record]]:
        clock, planned = self.tap.clock, set(chains)
        written = clock.now()
        for event in self.tap.walk(chains, self.concurrency):
            if isinstance(event, End):
                self._recent.pop(event.chain, None)
                self.chain_ended(event)
                self.progress.end(event.chain)
                self.chain_done(event.chain)
                if event.chain in planned:  # not what a page of it opened
                    self.tap.report.chain()
            else:
                if event.chain.opens is None:
                    for start in range(0, len(event.rows), ROWS_AT_A_TIME):
                        rows = event.rows[start : start + ROWS_AT_A_TIME]
                        yield from self._records(rows, event.chain)
                        self.tap.check_stop()
                self.progress.page(event)
                self.tap.flush()
            if clock.now() - written >= STATE_SECONDS:
                self.write_state()
                written = clock.now()

    def _records(self, rows: t.Sequence[Row], chain: Chain) -> t.Iterator[list[Record]]:
        """Make records of rows, but for repetitions; those before a faulty row are handed on."""
        recent = self._recent.setdefault(self.repeats_within(chain), RecentKeys())
        call = chain.call
        records: list[Record] = []
        try:
            for raw in rows:
                row = _decode(raw, call)
                prepared = None if row is None else self.prepare(row, chain)
                if prepared is not None:
                    record = self._shape(prepared)
                    if not recent.has(self._key_of(record)):
                        records.append(record)
        except Exception:
            yield records
            raise
        yield records
        self.tap.report.rows(len(records))

    def repeats_within(self, chain: Chain) -> object:
        """Where a key that comes again is a repetition: in the same chain.

        Tokens are positions, so a row that moves while a list is read comes twice.
        """
        return chain

    def _mark(self, row: Row) -> str | None:
        """By what a row is known again: 48 bits of its key."""
        found = _decode(row, self.name)
        values = None if found is None else [found.get(key) for key in self.primary_keys]
        if values is None or not any(values):
            return None
        return hashlib.blake2b(_encode_key(values), digest_size=6).hexdigest()

    def write_state(self) -> None:
        """Emit STATE, records or not."""
        self.progress.save()
        self.state_manager.is_flushed = False
        self._write_state_message()

    @property
    def incremental(self) -> bool:
        """Whether this read goes by bookmarks."""
        return bool(self.replication_method != REPLICATION_FULL_TABLE)

    # Deletes: a version that is announced after its last record makes a target drop all others.

    def _new_version(self) -> int | None:
        if not self._announces_deletes():
            return None
        return int(self.tap.started)

    def begin(self, version: int | None) -> None:
        """Note the version of the records that are about to come, None if they have none."""
        self._stream_version = version

    def announce(self, version: int) -> None:
        """Announce that all records of a version were handed on."""
        self._write_activate_version_message(version)

    def _announces_deletes(self) -> bool:
        asked = bool(self.config.get("emit_activate_version_messages"))
        return asked and self.replaceable

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        # The SDK sends them before the records, which tells a target to drop all rows.
        return False

    @override
    def get_batch_config(self, config: t.Mapping[str, t.Any]) -> None:
        return None

    @override
    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> t.Generator[Record, t.Any, t.Any]:
        # The SDK's own takes records one by one, asks each whether it has children, and each
        # thousandth for a STATE: here a page is the unit, and `_walk` knows when STATE is due.
        count = 0
        try:
            with self.get_record_counter() as counter, self.get_sync_timer():
                for found in self._batches():
                    # In a dry run of the SDK, no more than it asks for.
                    most = self.ABORT_AT_RECORD_COUNT
                    records = found if most is None else found[: most - count]
                    if write_messages:
                        self._write(records)
                    counter.increment(len(records))
                    yield from records
                    count += len(found)
                    self._check_max_record_limit(count - 1)
            self._finalize_state(self.stream_state)
            if write_messages:
                self._write_state_message()
        except StreamError as error:
            for stream in self._together:
                self.tap.note_failure(stream.name, error)
        except RunError as error:
            self.tap.give_up(error)
        except SingerSDKError:
            raise  # the settings of stream maps are those of the whole run
        except Exception as error:  # noqa: BLE001 - answers may raise anything; other streams go on
            for stream in self._together:
                self.tap.note_failure(stream.name, UnforeseenError(error))

    def _write(self, records: t.Sequence[Record]) -> None:
        # Looking for deselected properties costs a quarter of the time, and there are seldom any.
        if not self._everything_selected:
            for record in records:
                pop_deselected_record_properties(record, self.schema, self.mask)
        for stream_map in self.stream_maps:
            mapped = map(stream_map.transform, records)
            self.tap.write_records(
                stream_map.stream_alias,
                [record for record in mapped if record is not None],
                self._stream_version,
            )
        self.state_manager.is_flushed = False

    @functools.cached_property
    def _everything_selected(self) -> bool:
        return all(self.mask.values())

    # Bookmarks are the business of tap_customerio.state: the SDK's ways of moving them assume
    # sorted records, or progress that is worth nothing once it is interrupted.

    @override
    def finalize_state_progress_markers(self, state: dict[str, t.Any] | None = None) -> None:
        # The SDK drops the markers of a failed stream, too.
        self.state_manager.is_flushed = False
        self._write_state_message()

    @override
    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        return None

    @override
    def _write_starting_replication_value(self, context: types.Context | None) -> None:
        return None

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: types.Context | None = None
    ) -> None:
        return None


class ParentStream(CustomerIOStream):
    """A list whose rows others fan out from: they are listed once a run."""

    keeps: t.ClassVar[tuple[str, ...]] = ("id",)


class FanOutStream(CustomerIOStream):
    """A stream with one chain for each row of a parent stream, which may fan out itself.

    Attributes:
        parent: The parent stream.
        parent_key: The property that holds the parent's id, also the path's placeholder.
    """

    parent: t.ClassVar[type[CustomerIOStream]]
    parent_key: t.ClassVar[str]

    @property
    def parent_stream(self) -> CustomerIOStream:
        """The parent stream."""
        return self.tap.stream(self.parent)

    @property
    def parent_columns(self) -> t.Mapping[str, str]:
        """The parent's property that stands for each placeholder of the path."""
        return {self.parent_key: "id"}

    @override
    def chains(self) -> t.Sequence[Chain]:
        return [self.chain(ids=self.ids(row)) for row in self.parents()]

    def ids(self, row: Record) -> dict[str, object]:
        """What the path's placeholders stand for.

        Args:
            row: A row of the parent.
        """
        return {name: row[column] for name, column in self.parent_columns.items()}

    def parents(self) -> list[Record]:
        """The parent's rows, as far as they are kept."""
        parent = self.parent_stream
        if parent.name not in self.tap.parents:
            parent.list_for_others()
        return self.tap.parents[parent.name]

    @override
    def chain_ended(self, end: End) -> None:
        if isinstance(end.error, VanishedError):
            named = ", ".join(f"{name} {value!a}" for name, value in end.chain.ids.items())
            self.logger.warning(
                "%s is gone since it was listed and is skipped (reference %s).",
                named,
                end.error.reference or "none",
            )
            return
        super().chain_ended(end)


class IncrementalStream(CustomerIOStream):
    """A stream whose chains, all together, move one bookmark on a date-time.

    The bookmark moves when every chain was read to its end, never before; how far back a read
    looks is for the stream to say, from `bookmark`.

    Attributes:
        replication_key: The property that holds the date-time.
    """

    replication_key: str
    _newest: str = ""

    @property
    @override
    def replaceable(self) -> bool:
        return False

    @override
    def _walk(self, chains: t.Sequence[Chain]) -> t.Iterator[list[Record]]:
        self.progress.notes.setdefault("began", times.to_text(self.tap.started))
        yield from super()._walk(chains)

    @property
    def bookmark(self) -> int | None:
        """Unix seconds up to which all chains were read; None for a read that starts anew.

        Raises:
            StreamError: If the state holds no date-time.
        """
        return bookmarks.read(self.stream_state) if self.incremental else None

    @override
    def _records(self, rows: t.Sequence[Row], chain: Chain) -> t.Iterator[list[Record]]:
        for records in super()._records(rows, chain):
            times_of = [record.get(self.replication_key) or "" for record in records]
            self._newest = max(self._newest, *times_of, "")
            yield records

    @override
    def finished(self) -> None:
        if self.incremental and self._newest:
            # Of the chains that an earlier run read, nothing later is known.
            began = times.to_seconds(self.progress.notes.get("began", times.LAST))
            newest = min(times.to_seconds(self._newest), self.tap.started, began)
            bookmarks.advance(self.stream_state, self.replication_key, newest)


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


def _keep(columns: t.Collection[str], records: t.Iterable[Record]) -> list[Record]:
    return [{name: record.get(name) for name in columns} for record in records]


def _decode(raw: Row, call: str) -> Record | None:
    if isinstance(raw, dict):
        return raw
    try:
        row = _decode_row(raw)
    except UNREADABLE as error:
        raise UnreadableAnswerError(call, "a row that cannot be read as JSON") from error
    if row is not None and not isinstance(row, dict):
        raise UnreadableAnswerError(call, "a row that is no object")
    return t.cast("Record | None", row)
