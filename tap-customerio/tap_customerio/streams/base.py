"""What all streams share: what they declare, and what they may say about a read while it lasts.

`tap_customerio.reading` reads what is declared here, `tap_customerio.emitting` writes it.
"""

from __future__ import annotations

import abc
import hashlib
import operator
import sys
import typing as t

import msgspec
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_customerio import state as bookmarks
from tap_customerio import times
from tap_customerio.chains import Chain
from tap_customerio.emitting import EmittingStream
from tap_customerio.errors import VanishedError
from tap_customerio.pagination import Dialect, unpaged
from tap_customerio.progress import Progress
from tap_customerio.reading import Reading, decode
from tap_customerio.shape import Record, Shaper

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.answers import Answer
    from tap_customerio.chains import End, Row
    from tap_customerio.tap import TapCustomerIO

_encode_key = msgspec.json.Encoder(order="sorted").encode


class CustomerIOStream(EmittingStream, abc.ABC):
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
        shape: Makes a record hold to the schema.
        key_of: The key of a record.
        progress: How far the present read has come.
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
        keys = tuple(self.primary_keys)
        self.shape = Shaper(self.name, self.schema, keys, self.logger)
        self.key_of = operator.itemgetter(*keys)
        self.progress = Progress([], self.mark)

    @override
    def begin(self, version: int | None) -> None:
        super().begin(version)
        if self.incremental:
            now, notes = self.tap.started, self.progress.notes
            bookmarks.drop_future(self.stream_state, bookmarks.TIMES, now, self.logger)
            if bookmarks.drop_future(notes, list(notes), now, self.logger):
                self.progress.begin_anew()

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
    def incremental(self) -> bool:
        """Whether the present read goes by bookmarks and moves them.

        A list for others does not, whose records are not emitted: the next run would miss them.
        """
        return self.replication_method != REPLICATION_FULL_TABLE and self.progress.leaves_trace

    def complete(self) -> bool:
        """Whether what was read is all there is, so that anything else can be deleted.

        If not, no version is announced, and the state goes on saying that the stream is not whole.
        """
        return True

    def companions(self) -> t.Sequence[CustomerIOStream]:
        """The streams that are read together with this one, from the same answers."""
        return ()

    def records_made(self, records: t.Sequence[Record], chain: Chain) -> None:
        """Note records before they are handed on.

        Args:
            records: The records.
            chain: Where they come from.
        """

    def repeats_within(self, chain: Chain) -> object:
        """Where a key that comes again is a repetition: in the same chain.

        Tokens are positions, so a row that moves while a list is read comes twice.
        """
        return chain

    def mark(self, row: Row) -> str | None:
        """By what a later run knows a row again: 48 bits of its key; None if it has no key.

        Args:
            row: The row, decoded or not.
        """
        found = decode(row, self.name)
        values = None if found is None else [found.get(key) for key in self.primary_keys]
        if values is None or not any(values):
            return None
        return hashlib.blake2b(_encode_key(values), digest_size=6).hexdigest()

    def write_state(self) -> None:
        """Emit STATE with the progress so far, records or not."""
        self.progress.save()
        self.emit_state()

    @override
    def batches(self) -> t.Iterator[list[Record]]:
        self.together = together = (self, *self.companions())
        yield from self.tap.parents.gather(Reading(self, together, self.new_version()))


class ParentStream(CustomerIOStream):
    """A plain list whose rows others fan out from: it is asked once a run, others beside it."""

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
        return self.tap.parents.rows(self.parent_stream)

    def named(self, ids: t.Mapping[str, object]) -> str:
        """How the log names a parent; never by what could be about a person.

        Args:
            ids: What the path's placeholders stand for.
        """
        return ", ".join(f"{name} {value!a}" for name, value in ids.items())

    @override
    def chain_ended(self, end: End) -> None:
        if isinstance(end.error, VanishedError):
            self.logger.warning(
                "%s is gone since it was listed and is skipped (reference %s).",
                self.named(end.chain.ids),
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
    def begin(self, version: int | None) -> None:
        super().begin(version)
        self.progress.notes.setdefault("began", times.to_text(self.tap.started))

    @property
    def bookmark(self) -> int | None:
        """Unix seconds up to which all chains were read; None for a read that starts anew.

        Raises:
            StreamError: If the state holds no date-time.
        """
        return bookmarks.read(self.stream_state) if self.incremental else None

    @override
    def records_made(self, records: t.Sequence[Record], chain: Chain) -> None:
        times_of = [record.get(self.replication_key) or "" for record in records]
        self._newest = max(self._newest, *times_of, "")

    @override
    def finished(self) -> None:
        if self.incremental and self._newest:
            # Of the chains that an earlier run read, nothing later is known.
            began = times.to_seconds(self.progress.notes.get("began", times.LAST))
            newest = min(times.to_seconds(self._newest), self.tap.started, began)
            bookmarks.advance(self.stream_state, self.replication_key, newest)
