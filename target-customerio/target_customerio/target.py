"""The target: takes Singer messages apart, hands records on, lets STATE out, and ends the run."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
import typing as t
from functools import cached_property

import msgspec
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities

from target_customerio import connection
from target_customerio.api import DeliveryStopped, TrackClient
from target_customerio.app_api import HASTE, AppClient, Patience
from target_customerio.app_api import HOSTS as APP_HOSTS
from target_customerio.budget import ExplainedBudget
from target_customerio.checkpoints import Checkpoints
from target_customerio.checks import SchemaError, SchemaTooSlow
from target_customerio.command_line import CommandLineTarget
from target_customerio.delivery import Delivery
from target_customerio.effects import Deeds
from target_customerio.errors import RecordBeforeSchema, RunEnded
from target_customerio.failures import report
from target_customerio.gathering_kinds import GatheringKinds, needs_app
from target_customerio.gatherings import Gatherings
from target_customerio.guards import Deletions
from target_customerio.halving import Halving
from target_customerio.items import SourceRecord
from target_customerio.ledger import Ledger
from target_customerio.log import OneLine
from target_customerio.mapping import Mapping, Route, SchemaMessage
from target_customerio.plan import Planner
from target_customerio.reader import MessageReader
from target_customerio.rehearsal import Rehearsal
from target_customerio.rejects import CountedRejects, Rejects, new_run_id, utc_now
from target_customerio.settings import SETTINGS, read_settings
from target_customerio.signals import Signals
from target_customerio.steps import Refused
from target_customerio.streams import StreamEntries
from target_customerio.summary import Summary

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from target_customerio.budget import Budget
    from target_customerio.effects import Effects
    from target_customerio.items import Rejection

ONE_LINE = OneLine()

LONGEST_NAME = 1_000
"""Characters of a stream's name, which stands in every text about it."""


class StateMessage(msgspec.Struct):
    """A STATE message.

    Attributes:
        value: What the tap wants back, byte for byte: its numbers are not ours to write anew.
    """

    value: msgspec.Raw


class TargetCustomerIO(CommandLineTarget):
    """Writes people and events to Customer.io through the Track API."""

    name = "target-customerio"
    config_jsonschema: t.ClassVar[dict[str, t.Any]] = SETTINGS.to_dict()
    capabilities: t.ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]
    message_reader: MessageReader

    @override
    def __init__(self, **options: t.Any) -> None:
        self.logger.addFilter(ONE_LINE)
        # Its debug lines show what the filter of a stream map made of a record: perhaps a value.
        logging.getLogger("singer_sdk.mapper").setLevel(logging.INFO)
        self._signals = Signals()
        super().__init__(**options, message_reader=MessageReader(self._signals))
        settings = read_settings(self.config)
        self._settings = settings
        self._started = time.monotonic()
        self._started_at = time.time()
        self._summary = Summary()
        keep = CountedRejects if settings.dry_run else Rejects
        self._rejects = keep(settings.rejected_records_path, new_run_id(utc_now()))
        self._checkpoints = Checkpoints(self._write_state)
        self._ledger = Ledger(
            self._summary,
            self._rejects,
            self._checkpoints,
            max_rejected_percent=100 if settings.dry_run else settings.max_rejected_percent,
        )
        self._mapping = Mapping(
            self.mapper,
            StreamEntries(settings.entries),
            self._summary,
            rules=settings.rules,
            deletions=Deletions(None if settings.dry_run else settings.max_deletes),
            skip_unmapped=settings.skip_unmapped,
            check_records=settings.check_records,
        )
        self._client = TrackClient(
            site_id=settings.site_id,
            api_key=settings.track_api_key,
            region=settings.region,
            url=settings.track_api_url,
            user_agent=f"{self.name}/{self.plugin_version}",
            requests_per_second=settings.requests_per_second,
            budget=self._open_budget(),
            max_concurrency=settings.max_concurrency,
            max_retries=settings.max_retries,
        )
        self.message_reader.meanwhile = self._send_overdue
        self._halving = Halving()
        self._routes: dict[str, list[Route]] = {}
        self._schemas: dict[str, bytes] = {}

    def _open_budget(self) -> Budget | None:
        settings = self._settings
        if not settings.rate_limit_store or not settings.requests_per_second:
            return None
        own_name = hashlib.blake2b(settings.site_id.encode(), digest_size=8).hexdigest()
        return ExplainedBudget(
            settings.requests_per_second,
            settings.rate_limit_store,
            settings.rate_limit_name or own_name,
        )

    @cached_property
    def _planner(self) -> Planner:
        return Planner(
            self._summary,
            requests_per_second=self._settings.requests_per_second,
            max_deletes=self._settings.max_deletes,
            max_removed_percent=self._settings.max_removed_percent,
        )

    @cached_property
    def _delivery(self) -> Delivery | Planner:
        if self._settings.dry_run:
            return self._planner
        return Delivery(
            self._client,
            self._ledger,
            lanes=self._settings.max_concurrency,
            is_awaited=self._checkpoints.waiting,
            halving=self._halving,
        )

    @cached_property
    def _gatherings(self) -> Gatherings:
        effects = self._effects
        make = GatheringKinds(effects, self._ledger, self.logger.warning)
        return Gatherings(make, self._checkpoints, note=effects.take)

    @cached_property
    def _effects(self) -> Effects:
        if self._settings.dry_run:
            return Rehearsal(self._planner, self._app_client)
        return Deeds(
            self._client.post,
            self._app_client,
            settle=self._settle,
            max_removed_percent=self._settings.max_removed_percent,
        )

    @cached_property
    def _app_client(self) -> AppClient | None:
        settings = self._settings
        if settings.app_api_key is None:
            return None

        def find_url() -> str:
            if settings.app_api_url:
                return settings.app_api_url.rstrip("/")
            region = settings.region
            if region == "auto":
                region = self._client.region or self._client.check()
            return APP_HOSTS.get(region, APP_HOSTS["us"])

        return AppClient(
            key=settings.app_api_key,
            find_url=find_url,
            user_agent=f"{self.name}/{self.plugin_version}",
            patience=Patience(settings.max_retries),
        )

    def _send_overdue(self) -> None:
        try:
            self._gatherings.flush_overdue()
        except DeliveryStopped as stopped:
            raise RunEnded(str(stopped)) from None

    def _settle(self) -> None:
        """Wait for the answers to everything sent so far; what comes later gets new lanes."""
        if "_delivery" in vars(self):
            delivery = self._delivery
            del self._delivery
            delivery.close()

    # Messages

    @override
    def _process_schema_message(self, message_dict: dict[str, t.Any]) -> None:
        reader = self.message_reader
        try:
            message = msgspec.convert(message_dict, SchemaMessage)
        except msgspec.ValidationError as fault:
            reader.fail(f"is no SCHEMA: {fault}")
        if not message.stream.isprintable() or len(message.stream) > LONGEST_NAME:
            reader.fail("is a SCHEMA of a stream whose name is no name: it cannot be shown")
        if self._schemas.get(message.stream) == reader.line:
            return
        if not isinstance(message.schema.get("properties"), dict):
            reader.fail(f"is the SCHEMA of stream '{message.stream}' and lacks its properties")
        if message.stream == connection.STREAM:
            self._check_connection()
        is_test = message.stream == connection.STREAM
        routes = [] if is_test else self._plan(message)
        for route in routes:
            self._gatherings.open(route.plan, message)
        self._schemas[message.stream] = reader.line
        self._routes[message.stream] = routes
        for route in routes:
            if route.plan.says:
                self.logger.info(route.plan.says)

    def _plan(self, message: SchemaMessage) -> list[Route]:
        reader, stream = self.message_reader, message.stream
        try:
            return self._mapping.plan(message, reader.line)
        except (RunEnded, SingerSDKError):
            raise
        except SchemaError as fault:
            reader.fail(f"is the SCHEMA of stream '{stream}' and {fault}")
        except Exception as defect:  # noqa: BLE001 - jsonschema and the SDK stumble on odd schemas
            kind = type(defect).__name__
            reader.fail(f"is the SCHEMA of stream '{stream}' and cannot be read ({kind})")

    @override
    def _process_record_message(self, message_dict: dict[str, t.Any]) -> None:
        reader = self.message_reader
        stream, record = message_dict.get("stream"), message_dict.get("record")
        if type(stream) is not str or type(record) is not dict:
            reader.fail("is a RECORD that lacks its stream or its record")
        routes = self._routes.get(stream)
        if routes is None:
            reader.fail("is a RECORD before the SCHEMA of its stream", RecordBeforeSchema)
        if not routes and stream != connection.STREAM:
            self._summary.skipped[stream] += 1
        if stream in self._gatherings.sources:
            self._gatherings.note_record(stream)
        for route in routes:
            mapped = record if route.transform is None else route.transform(record)
            if mapped is not None:
                self._deliver(route, record, mapped)

    def _deliver(
        self, route: Route, record: dict[str, t.Any], mapped: dict[str, t.Any] | Rejection
    ) -> None:
        line, origin = self.message_reader.line, route.origin(self._ledger.admit())
        try:
            item = route.plan.item(record, mapped, line, origin)
            gatherings = self._gatherings
            if not (gatherings.sources and gatherings.take(route.plan, item)):
                self._delivery.submit(item)
        except Refused as refused:
            self._ledger.rejected(SourceRecord(line, origin), refused.rejection)
        except DeliveryStopped as stopped:
            raise RunEnded(str(stopped)) from None
        except SchemaTooSlow as slow:
            self.message_reader.fail(f"is a RECORD of stream '{origin.stream}' that {slow}")

    @override
    def _process_state_message(self, message_dict: dict[str, t.Any]) -> None:
        if not isinstance(message_dict.get("value"), dict):
            self.message_reader.fail("is a STATE that lacks its value")
        self._gatherings.note_state(message_dict["value"])
        if message_dict["value"]:
            line = self.message_reader.line
            self._checkpoints.close(bytes(msgspec.json.decode(line, type=StateMessage).value))

    @override
    def _process_activate_version_message(self, message_dict: dict[str, t.Any]) -> None:
        self._gatherings.note_version(str(message_dict.get("stream")))
        self.logger.debug("A version of a stream means nothing to Customer.io: ignored.")

    @override
    def _process_batch_message(self, message_dict: dict[str, t.Any]) -> None:
        self.message_reader.fail("is a BATCH, which is not read: switch batches off in the tap")

    def _check_connection(self) -> None:
        connection.check_connection(
            self._client,
            self._rejects,
            self._app_client,
            self._settings.region,
            self.logger.info,
            needs_app=any(map(needs_app, self._settings.entries)),
        )

    def _write_state(self, value: bytes) -> None:
        """Let a STATE out, after the rejects that it counts as done are on the disk."""
        if self._settings.dry_run:
            return
        self._rejects.flush()
        if sys.stdout is None:  # closed before the start
            msg = "STATE cannot be written to standard output (it is closed)."
            raise RunEnded(msg)
        try:
            sys.stdout.write(f"{value.decode()}\n")
            sys.stdout.flush()
        except OSError as fault:
            # Or Python would try again when it exits, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            msg = f"STATE cannot be written to standard output ({fault.strerror})."
            raise RunEnded(msg) from None

    # The end

    @override
    def process_endofpipe(self) -> None:
        """Deliver what was read, say what happened, and raise what ended the run, if anything did.

        Raises:
            RunEnded: The input was not read to its end, or records were rejected.
        """
        try:
            self._end()
        finally:
            self._client.close()
            if (app := vars(self).get("_app_client")) is not None:
                app.close()

    def _end(self) -> None:
        end = self._finish(self.message_reader.ended_by)
        if self._settings.dry_run:
            self._tell_plan()
            if end is not None:
                raise end
            self._signals.check()
            return
        self._tell_summary()
        if end is not None:
            raise end
        self._signals.check()
        if self._rejects.count and self._settings.fail_on_rejects:
            msg = (
                f"{self._rejects.count:,} records were rejected; everything else was delivered. "
                "Set `fail_on_rejects` to false if that shall not fail a run."
            )
            raise RunEnded(msg)

    def _finish(self, end: RunEnded | None) -> RunEnded | None:
        """Deliver what waits, let act what acts at the end, and return what ended the run."""
        try:
            self._gatherings.flush()
            self._settle()
            gatherings = self._gatherings
            # A signal to a whole pipeline also ends the tap, and its end may be seen first.
            is_whole = end is None and self._signals.received is None
            undone = list(gatherings.finish() if is_whole else gatherings.unfinished())
            self._rejects.flush()
        except (RunEnded, DeliveryStopped) as failure:
            return RunEnded(str(failure))
        if is_whole and undone and not self._settings.dry_run:
            return RunEnded(" ".join(undone))
        if undone:
            self.logger.warning(" ".join(undone))
        return end

    def _tell_summary(self) -> None:
        seconds = time.monotonic() - self._started
        for line in self._summary.lines(self._client.traffic, seconds):
            self.logger.info(line)
        # Beside another host of the Track API, the App API's usual one is of some other workspace.
        is_ours = self._settings.app_api_url or not self._settings.track_api_url
        app = self._app_client
        if app is not None and is_ours and self._client.traffic.bodies:
            app.patience = HASTE
            for line in report(app, self._started_at):
                self.logger.info(line)
        for line in self._summary.warnings():
            self.logger.warning(line)
        if self._rejects.location:
            self.logger.info(
                "The rejected records lie in %s: mend the cause, then read them with --input.",
                self._rejects.location,
            )

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self._signals.receive(signum)

    def _tell_plan(self) -> None:
        self._planner.close()
        for line in self._planner.lines():
            self.logger.info(line)
        if self._settings.plan_path:
            self._planner.write(self._settings.plan_path)
