"""What all streams share: they declare chains and a schema, and the engine does the rest."""

from __future__ import annotations

import abc
import decimal
import operator
import sys
import typing as t

import msgspec
from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_customerio.errors import RunError, StreamError, UnreadableAnswerError, VanishedError
from tap_customerio.fetch import Chain, End, Page
from tap_customerio.pagination import Dialect, unpaged
from tap_customerio.shape import Record, Shaper

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.helpers import types

    from tap_customerio.tap import TapCustomerIO

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
    """

    # The shaper has converted everything already.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    path: t.ClassVar[str]
    rows: t.ClassVar[str]
    page_size: t.ClassVar[int | None] = None
    dialect: t.ClassVar[Dialect] = staticmethod(unpaged)
    concurrency: t.ClassVar[int | None] = None

    def __init__(self, tap: TapCustomerIO) -> None:
        super().__init__(tap)
        self.tap = tap
        keys = tuple(self.primary_keys)
        self._shape = Shaper(self.name, self.schema, keys, self.logger)
        self._key_of = operator.itemgetter(*keys)
        self._recent: dict[object, _RecentKeys] = {}

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
        return Chain(self.path, self.rows, params=params, dialect=self.dialect, **details)

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

    def chain_ended(self, end: End) -> None:
        """Note that a chain ended; its records have been handed on.

        Raises:
            Exception: What ended it, if it is not whole.
        """
        if end.error is not None:
            raise end.error

    def finished(self) -> None:
        """Note that every chain was read."""

    @override
    def get_records(self, context: types.Context | None) -> t.Iterator[Record]:
        self._recent.clear()
        for event in self.tap.walk(self.chains(), self.concurrency):
            if isinstance(event, Page):
                yield from self._records(event)
                self.tap.flush()
            else:
                self._recent.pop(event.chain, None)
                self.chain_ended(event)
        self.finished()

    def _records(self, page: Page) -> t.Iterator[Record]:
        recent = self._recent.setdefault(self.repeats_within(page.chain), _RecentKeys())
        for raw in page.rows:
            row = _decode(raw, page)
            prepared = None if row is None else self.prepare(row, page.chain)
            if prepared is None:
                continue
            record = self._shape(prepared)
            if recent.has(self._key_of(record)):
                continue
            yield record
            self.tap.check_stop()

    def repeats_within(self, chain: Chain) -> object:
        """Where a key that comes again is a repetition: in the same chain.

        Tokens are positions, so a row that moves while a list is read comes twice.
        """
        return chain

    def write_state(self) -> None:
        """Emit STATE, records or not."""
        self.state_manager.is_flushed = False
        self._write_state_message()

    @property
    def incremental(self) -> bool:
        """Whether this read goes by bookmarks."""
        return bool(self.replication_method != REPLICATION_FULL_TABLE)

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
        try:
            yield from super()._sync_records(context, write_messages=write_messages)
        except StreamError as error:
            self.tap.note_failure(self.name, error)
        except RunError as error:
            self.tap.give_up(error)

    # Bookmarks are the business of tap_customerio.state: the SDK's ways of moving them assume
    # sorted records, or progress that is worth nothing once it is interrupted.

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
    """A list whose rows others fan out from: they are listed once a run.

    Attributes:
        keeps: The properties that the others need.
    """

    keeps: t.ClassVar[tuple[str, ...]] = ("id",)

    @override
    def get_records(self, context: types.Context | None) -> t.Iterator[Record]:
        kept = []
        for record in super().get_records(context):
            kept.append({name: record.get(name) for name in self.keeps})
            yield record
        self.tap.parents[type(self)] = kept


class FanOutStream(CustomerIOStream):
    """A stream with one chain for each row of a parent stream.

    Attributes:
        parent: The parent stream.
        parent_key: The property that holds the parent's id, also the path's placeholder.
    """

    parent: t.ClassVar[type[ParentStream]]
    parent_key: t.ClassVar[str]

    @override
    def chains(self) -> t.Sequence[Chain]:
        return [self.chain(ids={self.parent_key: row["id"]}) for row in self.parents()]

    def parents(self) -> list[Record]:
        """The parent's rows, as far as it keeps them."""
        if self.parent not in self.tap.parents:
            for _ in self.tap.stream(self.parent).get_records(None):
                pass
        return self.tap.parents[self.parent]

    @override
    def chain_ended(self, end: End) -> None:
        if isinstance(end.error, VanishedError):
            self.logger.warning(
                "%s %s is gone since it was listed and is skipped (reference %s).",
                self.parent_key,
                end.chain.ids[self.parent_key],
                end.error.reference or "none",
            )
            return
        super().chain_ended(end)


class _RecentKeys:
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


def _decode(raw: msgspec.Raw, page: Page) -> Record | None:
    try:
        row = _decode_row(raw)
    except msgspec.DecodeError as error:
        raise UnreadableAnswerError(page.chain.call, "a row that is not JSON") from error
    if row is not None and not isinstance(row, dict):
        raise UnreadableAnswerError(page.chain.call, "a row that is no object")
    return t.cast("Record | None", row)
