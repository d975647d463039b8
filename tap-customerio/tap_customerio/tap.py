"""The tap: its streams, one client for all of them, and the run from its begin to its end."""

from __future__ import annotations

import functools
import logging
import sys
import typing as t

from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities

from tap_customerio import connection, settings
from tap_customerio.api import AppApi
from tap_customerio.command_line import CommandLineTap, Stopped
from tap_customerio.fetch import Chain, Event, walk
from tap_customerio.limiter import Clock
from tap_customerio.output import Output, States
from tap_customerio.parents import Parents
from tap_customerio.report import Report
from tap_customerio.streams import STREAMS, custom

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from types import FrameType

    from tap_customerio.errors import RunError, StreamError
    from tap_customerio.shape import Record
    from tap_customerio.streams.base import CustomerIOStream

    Kind = t.TypeVar("Kind", bound=CustomerIOStream)


class TapCustomerIO(CommandLineTap):
    """Reads a Customer.io workspace through the App API."""

    name = "tap-customerio"
    config_jsonschema = settings.SETTINGS.to_dict()
    message_writer_class = Output

    # No BATCH and no ACTIVATE_VERSION: an option that does nothing is a defect.
    capabilities: t.ClassVar[list[t.Any]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, **kwargs: t.Any) -> None:  # noqa: ANN401 - those of the SDK
        # Its debug lines show what the filter of a stream map made of a record: perhaps a value.
        logging.getLogger("singer_sdk.mapper").setLevel(logging.INFO)
        self._signal: int | None = None
        self.failures: list[str] = []  # streams that ended with an error
        super().__init__(**kwargs)

    @override
    def run(self) -> None:
        try:
            self.sync_all()
        except Stopped as stop:
            self.logger.warning("Stopped by %s.", stop.signal_name)
            self.state_writer.write_state(self.state)
            raise
        finally:
            self.report.close()
        if self.failures:
            self.logger.error(
                "%d of %d selected streams ended with an error: %s.",
                len(self.failures),
                sum(stream.selected for stream in self.streams.values()),
                ", ".join(self.failures),
            )
            raise SystemExit(1)

    @override
    def check(self, say: t.Callable[[str], None]) -> bool:
        return connection.check(self.api, say)

    # What the streams need

    @functools.cached_property
    def settings(self) -> settings.Settings:
        """The configuration, read."""
        agent = f"{self.name}/{self.plugin_version} singer-sdk/{self.sdk_version}"
        return settings.parse(self.config, user_agent=agent)

    @functools.cached_property
    def clock(self) -> Clock:
        """Where time comes from."""
        return Clock()

    @functools.cached_property
    def report(self) -> Report:
        """What an operator sees."""
        return Report(self.logger, self.clock.now)

    @functools.cached_property
    def api(self) -> AppApi:
        """The client; nothing is sent before a stream asks for something."""
        return AppApi(self.settings, clock=self.clock, note=self.report.call)

    @functools.cached_property
    def parents(self) -> Parents:
        """The lists that streams fan out from."""
        return Parents(self)

    @functools.cached_property
    @override
    def state_writer(self) -> States:
        return States(t.cast("Output", self.message_writer))

    @property
    def started(self) -> int:
        """Start of the run, in unix seconds."""
        return int(self.initialized_at // 1000)

    def walk(self, chains: t.Iterable[Chain], concurrency: int | None = None) -> t.Iterator[Event]:
        """Walk chains, up to as many at a time as the settings allow.

        Args:
            chains: What to walk.
            concurrency: How many chains may be open at a time, if fewer than the settings say.
        """
        most = self.settings.max_concurrency
        return walk(
            self.api,
            chains,
            concurrency=min(concurrency or most, most),
            interrupt=self.check_stop,
        )

    def write_records(self, stream: str, records: t.Sequence[Record], version: int | None) -> None:
        """Write records, in the buffer to begin with.

        Args:
            stream: The name under which they go.
            records: The records.
            version: Their version, None if they have none.
        """
        t.cast("Output", self.message_writer).write_records(stream, records, version)

    def flush(self) -> None:
        """Hand on the records that were written."""
        t.cast("Output", self.message_writer).flush()

    def note_failure(self, stream: str, error: StreamError) -> None:
        """Note that a stream ended with an error; the others go on."""
        self.failures.append(stream)
        self.logger.error("Stream '%s' ended with an error: %s.", stream, error)

    def give_up(self, error: RunError) -> t.NoReturn:
        """End the run.

        Raises:
            SystemExit: With exit code 1.
        """
        self.logger.error("%s.", error)
        raise SystemExit(1)

    # Streams

    @override
    def discover_streams(self) -> t.Sequence[CustomerIOStream]:
        return [kind(self) for kind in self.kinds]

    @functools.cached_property
    def kinds(self) -> list[type[CustomerIOStream]]:
        """The streams' classes, custom ones last; in the order in which they are read."""
        return [*STREAMS, *custom.make(self.config.get("custom_streams") or [], STREAMS)]

    @property
    @override
    def streams(self) -> t.Any:
        if self._streams is None:
            found = t.cast("t.Iterable[CustomerIOStream]", super().streams.values())
            declared = sorted(found, key=lambda stream: self.kinds.index(type(stream)))
            self._streams = {stream.name: stream for stream in declared}
        return self._streams

    def stream(self, kind: type[Kind]) -> Kind:
        """The stream of a class."""
        return next(stream for stream in self.streams.values() if type(stream) is kind)

    @override
    def _reset_state_progress_markers(self) -> None:
        """Keep them: with the SDK they are worth nothing after a cut, here a run goes on there."""

    # Signals: the handler only takes note. The engine looks when it waits, a stream after each
    # thousand rows, so that no line is cut and STATE is true when it leaves.

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self._signal = signum

    def check_stop(self) -> None:
        """Stop if a signal asked for it.

        Raises:
            Stopped: If one did.
        """
        if self._signal is not None:
            raise Stopped(self._signal)
