"""Writes what was read of a stream: records page by page, STATE, and versions that end a read.

The SDK takes records one by one, and moves bookmarks in ways that assume sorted records, or
progress that is worth nothing once it is interrupted. Here a page is the unit, and bookmarks are
the business of `tap_customerio.state` and `tap_customerio.progress`.
"""

from __future__ import annotations

import abc
import functools
import sys
import typing as t

from singer_sdk import Stream
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers._catalog import pop_deselected_record_properties

from tap_customerio.errors import RunError, StreamError, UnforeseenError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.helpers import types

    from tap_customerio.shape import Record
    from tap_customerio.tap import TapCustomerIO


class EmittingStream(Stream, abc.ABC):
    """A stream of the SDK whose records come in batches.

    Attributes:
        tap: The tap that it belongs to.
        together: The streams that are read together with this one, itself included: what ends
            one of them ends all.
    """

    def __init__(self, tap: TapCustomerIO) -> None:
        super().__init__(tap)
        self.tap = tap
        self.together: t.Sequence[EmittingStream] = (self,)

    @abc.abstractmethod
    def batches(self) -> t.Iterator[list[Record]]:
        """All records, as many at a time as are at hand; those before are handed on by then."""

    @override
    def get_records(self, context: types.Context | None) -> t.Iterator[Record]:
        for records in self.batches():
            yield from records

    @override
    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> t.Generator[Record, t.Any, t.Any]:
        # The SDK's own asks each record whether it has children, and each thousandth for a STATE.
        count = 0
        try:
            with self.get_record_counter() as counter, self.get_sync_timer():
                for found in self.batches():
                    # In a dry run of the SDK, no more than it asks for.
                    most = self.ABORT_AT_RECORD_COUNT
                    records = found if most is None else found[: most - count]
                    if write_messages:
                        self.write(records)
                    counter.increment(len(records))
                    yield from records
                    count += len(found)
                    self._check_max_record_limit(count - 1)
            if write_messages:
                self.emit_state()
        except StreamError as error:
            for stream in self.together:
                self.tap.note_failure(stream.name, error)
        except RunError as error:
            self.tap.give_up(error)
        except SingerSDKError:
            raise  # the settings of stream maps are those of the whole run
        except Exception as error:  # noqa: BLE001 - answers may raise anything; other streams go on
            for stream in self.together:
                self.tap.note_failure(stream.name, UnforeseenError(error))

    def write(self, records: t.Sequence[Record]) -> None:
        """Write records, less what is deselected, through the stream maps.

        Args:
            records: The records.
        """
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

    @override
    def get_batch_config(self, config: t.Mapping[str, t.Any]) -> None:
        return None

    @functools.cached_property
    def _everything_selected(self) -> bool:
        return all(self.mask.values())

    # Versions: one that is announced after its last record makes a target drop all others.

    @property
    def replaceable(self) -> bool:
        """Whether a whole read holds all there is: not what is appended, narrowed or kept a while.

        Only then do records carry a version.
        """
        return True

    def new_version(self) -> int | None:
        """The version of a read that begins now, None if its records have none."""
        asked = bool(self.config.get("emit_activate_version_messages"))
        return int(self.tap.started) if asked and self.replaceable else None

    def begin(self, version: int | None) -> None:
        """Note the version of the records that are about to come, None if they have none."""
        self._stream_version = version

    def announce(self, version: int) -> None:
        """Announce that all records of a version were handed on."""
        self._write_activate_version_message(version)

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        # The SDK sends them before the records, which tells a target to drop all rows.
        return False

    # STATE, and what the SDK would do about it

    def emit_state(self) -> None:
        """Emit STATE as it is, records or not."""
        self.state_manager.is_flushed = False
        self._write_state_message()

    @override
    def finalize_state_progress_markers(self, state: dict[str, t.Any] | None = None) -> None:
        # The SDK drops the markers of a stream that is not whole, too.
        self.emit_state()

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
