"""The tap: settings in, streams out, one client for all of them."""

from __future__ import annotations

import functools
import pathlib
import sys
import typing as t

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigurationError, ConfigValidationError
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import JSONSchemaValidator, _ConfigInput
from singer_sdk.singerlib import Catalog
from singer_sdk.tap_base import CliTestOptionValue

from tap_customerio import connection, settings
from tap_customerio.api import AppApi
from tap_customerio.cli import Command, Stopped, read_json
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


class TapCustomerIO(Tap):
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
        self._signal: int | None = None
        self.failures: list[str] = []  # streams that ended with an error
        super().__init__(**kwargs)

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

    # Configuration

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        given = {name: value for name, value in self._config.items() if value is not None}
        self.append_builtin_config(self.config_jsonschema)
        # Fills in the defaults, but only once the nulls are gone.
        validator = JSONSchemaValidator(self.config_jsonschema)
        found = list(validator.iter_errors(given))
        self._config = given
        faulty = {str(step) for fault in found for step in list(fault.absolute_path)[:1]}
        rest = {name: value for name, value in given.items() if name not in faulty}
        faults = [settings.describe_fault(fault) for fault in found] + settings.problems(rest)
        if faults and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=faults, schema=self.config_jsonschema)
        return faults

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

    # Command line

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as in the SDK, each plugin has its own options
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: t.IO[str] | None = None,
        catalog: t.IO[str] | None = None,
    ) -> None:
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        config = config or _ConfigInput()
        tap = cls(
            config=config.config,
            parse_env_config=config.parse_env,
            state=None if state is None else read_json("--state", state.read()),
            catalog=None if catalog is None else _read_catalog(catalog.read()),
        )
        tap.run()

    def run(self) -> None:
        """Sync all streams, and exit if not all is well.

        Raises:
            SystemExit: With the exit code, if it is not 0.
        """
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

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        found = _ConfigInput()
        for path in value:
            if path == "ENV":
                found.parse_env = True
                continue
            try:
                text = pathlib.Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                msg = f"The file of --config cannot be read: {path}"
                raise ConfigurationError(msg) from error
            found.config |= read_json("--config", text)
        return found

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        config: _ConfigInput = ctx.params.get("config", _ConfigInput())
        tap = cls(config=config.config, parse_env_config=config.parse_env)
        ctx.exit(0 if connection.check(tap.api, click.echo) else 1)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        test = next(option for option in command.params if option.name == "test")
        t.cast("click.Option", test).help = (
            "Check the region and read one page each of campaigns and segments; --test=schema "
            "writes the schemas and reads nothing."
        )
        return Command(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=cls.logger,
        )


def _read_catalog(text: str) -> Catalog:
    found = read_json("--catalog", text)
    try:
        return Catalog.from_dict(found)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        msg = "The file of --catalog is no Singer catalog: make one with --discover."
        raise ConfigurationError(msg) from error
