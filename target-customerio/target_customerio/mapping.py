"""From a RECORD to items: stream maps, the check against the schema, and the operation.

Everything that can be decided when a SCHEMA comes is decided there, so that a record costs little.
"""

from __future__ import annotations

import typing as t

import msgspec
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from target_customerio import limits
from target_customerio.checks import RecordCheck
from target_customerio.errors import RunEnded
from target_customerio.event_id import BroughtIds, Repetitions
from target_customerio.identifiers import Fitness
from target_customerio.items import Item, Origin, Rejection
from target_customerio.operations import OPERATIONS, operation_of
from target_customerio.shapes import Shapes
from target_customerio.steps import Draft, Refused, StreamContext, encode
from target_customerio.streams import StreamEntry
from target_customerio.times import find_times

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.mapper import PluginMapper, StreamMap

    from target_customerio.checkpoints import Checkpoint
    from target_customerio.guards import Deletions
    from target_customerio.operations import Operation
    from target_customerio.shapes import Shape
    from target_customerio.steps import Rules
    from target_customerio.streams import StreamEntries
    from target_customerio.summary import Summary


TOO_DEEP = Rejection("invalid", None, "the record is nested too deep")
DELETED_AT = "_sdc_deleted_at"
NO_DELETE = Rejection("invalid", DELETED_AT, "what the record says cannot be deleted")


class StreamPlan:
    """How the records of one stream, after one stream map, become items.

    Attributes:
        operation: What they mean.
        source: The name of the stream as the tap has it.
        stream: Its name after the stream map.
        columns: The columns that its schema names, after the stream map.
        entry: What the setting `streams` says about it.
        counts: What happened to them so far.
        says: What the user should know about the stream before its first record; empty if nothing.
    """

    def __init__(
        self,
        operation: Operation,
        context: StreamContext,
        *,
        check: RecordCheck | None,
        repetitions: Repetitions,
        deletions: Deletions,
    ) -> None:
        """Compile the operation for the stream.

        Args:
            operation: What the records mean.
            context: What is known about the stream.
            check: Holds a record against its schema; None if it shall not be.
            repetitions: Remembers the ids that events got.
            deletions: Counts what takes somebody away.
        """
        self.operation = operation.name
        self.source = context.source
        self.stream = context.stream
        self.columns = context.columns
        self.entry = context.entry
        self.counts = context.counts
        self._is_event = operation.is_event
        self._check = check
        is_typed = check.is_typed if check else lambda _: True
        self._shapes = Shapes(context.foreseen(), context.keys, is_typed)
        self._build = operation.compile(context)
        self._repetitions = repetitions
        self._deletions = deletions
        self._fitness = Fitness()
        self._is_deletion = operation.is_deletion
        self._reads_marks = context.rules.delete_marked and not operation.is_deletion
        self._undo = undo.compile(context) if (undo := operation.undone_by) else _refuse_undoing
        self._undo_is_deletion = undo is not None and undo.is_deletion
        has_id = (context.entry.event_id or "event_id") in context.columns
        self.says = (
            f"Stream '{context.stream}' has no key and no event_id: "
            "identical rows become one event."
            if operation.gives_ids and not context.keys and not has_id
            else ""
        )

    def item(
        self,
        record: dict[str, t.Any],
        mapped: dict[str, t.Any] | Rejection,
        line: bytes,
        origin: Origin,
    ) -> Item:
        """Return what to send for a record.

        Args:
            record: The record as it came, which is what its schema describes; not changed.
            mapped: The record after the stream map, not changed; or why that failed.
            line: The RECORD message, byte for byte.
            origin: Where it came from.

        Raises:
            Refused: It cannot be sent.
        """
        self.counts.records += 1
        if isinstance(mapped, Rejection):
            raise Refused(mapped)
        try:
            shape = self._checked(record)
            if mapped is not record:
                shape = self._shapes.of(mapped)
            if self._reads_marks and record.get(DELETED_AT):
                build, is_deletion = self._undo, self._undo_is_deletion
            elif shape.lacks:
                message = f"the record lacks its key {shape.lacks}"
                raise Refused(Rejection("missing_key", shape.lacks, message))
            else:
                build, is_deletion = self._build, self._is_deletion
            draft = build(mapped, shape)
            encoded = encode(draft.item)
        except RecursionError:
            raise Refused(TOO_DEEP) from None
        if too_large := limits.check_item(encoded):
            raise Refused(too_large)
        self._count(draft)
        if is_deletion:
            self._deletions.note(self.stream, self.operation)
            self.counts.deletes += 1
        return Item(line, origin, encoded, draft.identifier, self._is_event, draft.also)

    def _checked(self, record: dict[str, t.Any]) -> Shape:
        """Hold a record against its schema, and return its shape."""
        shape, check = self._shapes.of(record), self._check
        if check is None or (shape.is_typed and check.is_surely_valid(record)):
            return shape
        if broken := check.find_fault(record):
            raise Refused(broken)
        return shape

    def _count(self, draft: Draft) -> None:
        """Note what the user should know about the items of the stream."""
        counts = self.counts
        if draft.has_derived_id:
            counts.derived_ids += 1
            if self._repetitions.note(draft.item["id"]):
                counts.identical += 1
        if not self._fitness.is_settled:
            self._fitness.look(draft.identifier)
            counts.misfit = self._fitness.doubt


def _refuse_undoing(_: dict[str, t.Any], __: Shape) -> Draft:
    raise Refused(NO_DELETE)


Transform: t.TypeAlias = "Callable[[dict[str, t.Any]], dict[str, t.Any] | Rejection | None]"
"""Returns the record as a stream map has it, None if it filters it out, or why it failed."""


class Route:
    """What one RECORD of a stream becomes; a stream has several if stream maps copy it.

    Attributes:
        transform: The stream map; None if the record stays as it is.
        plan: How the record becomes an item.
    """

    def __init__(self, transform: Transform | None, plan: StreamPlan, schema: bytes) -> None:
        """Wait for the first record.

        Args:
            transform: The stream map; None if the record stays as it is.
            plan: How the record becomes an item.
            schema: The SCHEMA message, byte for byte.
        """
        self.transform = transform
        self.plan = plan
        self._schema = schema
        self._origin: Origin | None = None

    def origin(self, checkpoint: Checkpoint) -> Origin:
        """Return where a record comes from.

        Args:
            checkpoint: The count of records to which it belongs.
        """
        origin = self._origin
        if origin is None or origin.checkpoint is not checkpoint:
            plan = self.plan
            origin = Origin(plan.source, plan.operation, self._schema, checkpoint)
            self._origin = origin
        return origin


class SchemaMessage(msgspec.Struct):
    """A SCHEMA message.

    Attributes:
        stream: The name of the stream.
        schema: Its JSON Schema.
        key_properties: The names of its key columns.
        bookmark_properties: The names of the columns by which the tap reads only what is new.
    """

    stream: str
    schema: dict[str, t.Any]
    key_properties: list[str] | None = None
    bookmark_properties: list[str] | None = None


class Mapping:
    """The streams of a run, as their latest SCHEMA has them."""

    def __init__(  # noqa: PLR0913 - settings, each with a meaning of its own
        self,
        mapper: PluginMapper,
        entries: StreamEntries,
        summary: Summary,
        *,
        rules: Rules,
        deletions: Deletions,
        skip_unmapped: bool,
        check_records: bool,
    ) -> None:
        """Start without a stream.

        Args:
            mapper: The stream maps of the SDK.
            entries: The setting `streams`.
            summary: Counts records by stream and operation.
            rules: What holds for the records of every stream.
            deletions: Counts what takes somebody away.
            skip_unmapped: Whether a stream without an operation is skipped; else it is an error.
            check_records: Whether records are held against their schema.
        """
        self._mapper = mapper
        self._entries = entries
        self._summary = summary
        self._skip_unmapped = skip_unmapped
        self._rules = rules
        self._deletions = deletions
        self._check_records = check_records
        self._repetitions = Repetitions()
        self._brought = BroughtIds()

    def plan(self, message: SchemaMessage, line: bytes) -> list[Route]:
        """Return what the records after a SCHEMA become; nothing if the stream is left out.

        Args:
            message: The SCHEMA message.
            line: The same, byte for byte.

        Raises:
            RunEnded: The stream means no operation, or schema and settings contradict each other.
            SchemaError: The schema is not valid. What is hardly one may raise anything, here and in
                the SDK.
        """
        stream = message.stream
        self._mapper.register_raw_stream_schema(stream, message.schema, message.key_properties)
        return [
            route
            for stream_map in self._mapper.stream_maps[stream]
            if not isinstance(stream_map, RemoveRecordTransform)
            and (route := self._route(message, line, stream_map))
        ]

    def _route(self, message: SchemaMessage, line: bytes, stream_map: StreamMap) -> Route | None:
        stream, name = message.stream, stream_map.stream_alias
        entry = self._entries.find(name)
        operation = operation_of(name, entry)
        if operation is None:
            if self._skip_unmapped:
                return None
            msg = (
                f"Stream '{name}' means no operation of Customer.io: name it in `streams` with an "
                f"operation ({', '.join(OPERATIONS)}), or set `unmapped_streams` to `skip`."
            )
            raise RunEnded(msg)
        schema = stream_map.transformed_schema
        context = StreamContext(
            stream=name,
            source=stream,
            keys=tuple(stream_map.transformed_key_properties or ()),
            times=find_times(schema),
            columns=tuple(schema.get("properties") or ()),
            entry=entry or StreamEntry(stream=name),
            rules=self._rules,
            counts=self._summary.of(stream, operation.name),
            brought=self._brought,
        )
        _check_columns(context)
        is_same = type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled
        plan = StreamPlan(
            operation,
            context,
            check=RecordCheck(message.schema) if self._check_records else None,
            repetitions=self._repetitions,
            deletions=self._deletions,
        )
        return Route(None if is_same else _guarded(stream_map.transform), plan, line)


def _check_columns(context: StreamContext) -> None:
    """Hold the columns that an entry names against those of the schema, if that names any."""
    missing = [name for name in context.entry.columns() if name not in context.columns]
    if missing and context.columns:
        msg = (
            f"The entry of `streams` for '{context.entry.stream}' names columns that the SCHEMA of "
            f"stream '{context.stream}' lacks: {', '.join(missing)}."
        )
        raise RunEnded(msg)


def _guarded(transform: Callable[[dict[str, t.Any]], dict[str, t.Any] | None]) -> Transform:
    def apply(record: dict[str, t.Any]) -> dict[str, t.Any] | Rejection | None:
        try:
            return transform(record)
        except Exception as fault:  # noqa: BLE001 - an expression of the user may raise anything
            message = f"a stream map failed on the record ({type(fault).__name__})"
            return Rejection("stream_map", None, message)

    return apply
