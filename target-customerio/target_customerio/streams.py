"""What the setting `streams` says about a stream: its operation, and which column means what."""

from __future__ import annotations

import typing as t
from fnmatch import fnmatchcase

import msgspec

from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GLOB = frozenset("*?[")
"""Characters that make a name a pattern."""

EXCLUDED_BY = {
    "event_name": ("event_name_column", "event_names"),
    "segment_id": ("segment_name",),
    "collection_id": ("collection_name",),
}
"""Keys that say the same in another way, by key: an entry has one or the others."""

IdentifierKind = t.Literal["id", "email", "phone", "cio_id", "anonymous_id"]


class Attributes(msgspec.Struct, forbid_unknown_fields=True):
    """Which columns become attributes, and under which name.

    Attributes:
        include: Names or globs of the only columns to send; None for all.
        exclude: Names or globs of columns not to send.
        rename: The attribute's name by column.
        spread: Columns of objects whose members count as columns of the record.
    """

    include: list[str] | None = None
    exclude: list[str] = []
    rename: dict[str, str] = {}
    spread: list[str] = []

    def name_of(self, column: str, default: str) -> str | None:
        """Return the attribute that a column becomes, or None if it is not sent."""
        if self.include is not None and not _matches_any(column, self.include):
            return None
        if _matches_any(column, self.exclude):
            return None
        return self.rename.get(column, default)


class StreamEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of the setting `streams`.

    Attributes:
        stream: A stream's name, or a glob.
        operation: What its records mean; None if the stream's name says it.
        identifiers: The column of each kind of identifier, in order of preference, in place of the
            columns that the operation would look into.
        event_name: The name of every event of the stream.
        event_name_column: The column that holds the name.
        event_names: Customer.io's name by the name in the record.
        event_id: The column that holds what makes an event the same event.
        timestamp: The column that holds when the event happened.
        attributes: Which columns become attributes.
        write_mode: Whether a person that does not exist is created.
        object_type_id: The type of the objects of records that do not say it.
        segment_id: The segment that the records are about.
        segment_name: Its name, in place of its id.
        collection_id: The collection that the records replace.
        collection_name: Its name, in place of its id.
        create_missing: Whether a segment or collection is made if none has the name.
    """

    stream: str
    operation: str | None = None
    identifiers: dict[IdentifierKind, str] | None = None
    event_name: str | None = None
    event_name_column: str | None = None
    event_names: dict[str, str] | None = None
    event_id: str | None = None
    timestamp: str | None = None
    attributes: Attributes | None = None
    write_mode: t.Literal["upsert", "update_only"] | None = None
    object_type_id: str | None = None
    segment_id: int | None = None
    segment_name: str | None = None
    collection_id: int | None = None
    collection_name: str | None = None
    create_missing: bool | None = None

    def used_keys(self) -> set[str]:
        """Return the keys that are set, apart from the two that every entry has."""
        return {
            name
            for name in self.__struct_fields__
            if name not in {"stream", "operation"} and getattr(self, name) is not None
        }

    def columns(self) -> list[str]:
        """Return the columns that have to exist, as far as that can be said."""
        attributes = self.attributes or Attributes()
        if attributes.spread:  # what they hold is named nowhere
            return attributes.spread
        named = [*(self.identifiers or {}).values(), *attributes.rename]
        named += [name for name in attributes.include or () if not GLOB.intersection(name)]
        return [*named, *filter(None, (self.event_name_column, self.event_id, self.timestamp))]


class StreamEntries:
    """The entries in their order; the first that fits a stream is the one."""

    def __init__(self, entries: Iterable[StreamEntry]) -> None:
        """Keep the entries.

        Args:
            entries: The entries as read by `read_entries`.
        """
        self._entries = list(entries)

    def find(self, stream: str) -> StreamEntry | None:
        """Return the first entry whose name or glob fits `stream`."""
        return next((entry for entry in self._entries if fnmatchcase(stream, entry.stream)), None)


def read_entries(setting: Sequence[object]) -> list[StreamEntry]:
    """Return the entries of the setting `streams`.

    Args:
        setting: The array as configured.

    Raises:
        RunEnded: An entry has a key that does not exist, lacks one or contradicts itself.
    """
    try:
        # Nulls are keys left out: a form or an environment variable can say it no other way.
        entries = msgspec.convert(_without_nulls(setting), list[StreamEntry])
    except msgspec.ValidationError as fault:
        msg = f"The setting `streams` is not right: {fault}."
        raise RunEnded(msg) from None
    for entry in entries:
        used = entry.used_keys()
        for key, others in EXCLUDED_BY.items():
            if key in used and (excluded := used.intersection(others)):
                msg = (
                    f"The entry of `streams` for '{entry.stream}' contradicts itself: drop `{key}`,"
                    f" or {' and '.join(f'`{name}`' for name in sorted(excluded))}."
                )
                raise RunEnded(msg)
        if entry.object_type_id is not None and not entry.object_type_id.isdecimal():
            msg = (
                f"The entry of `streams` for '{entry.stream}' names a type of objects by something "
                "else than a number: `object_type_id` must be one, such as `1`."
            )
            raise RunEnded(msg)
    return entries


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: _without_nulls(member) for name, member in value.items() if member is not None
        }
    if isinstance(value, (list, tuple)):
        return [_without_nulls(item) for item in value]
    return value


def _matches_any(column: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(column, pattern) for pattern in patterns)
