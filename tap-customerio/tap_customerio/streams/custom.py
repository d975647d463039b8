"""Custom streams: any other endpoint, made of a definition in the configuration."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio import answers, definitions
from tap_customerio.errors import UnreadableAnswerError
from tap_customerio.pagination import offset, start_token, unpaged
from tap_customerio.streams.base import CustomerIOStream, FanOutStream, ParentStream
from tap_customerio.streams.schema import free_object, record

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.answers import Answer
    from tap_customerio.definitions import Definition
    from tap_customerio.fetch import Chain, Row
    from tap_customerio.pagination import Dialect
    from tap_customerio.shape import Record
    from tap_customerio.streams.schema import Schema

DIALECTS: t.Final[t.Mapping[str, Dialect]] = {
    "start": start_token,
    "offset": offset,
    "none": unpaged,
}

OFFSET_PAGE_SIZE: t.Final = 100
"""Rows to ask for at a time where a definition that counts rows names no `limit`."""


class CustomStream(CustomerIOStream):
    """A list that a definition describes."""

    calls = "1 for each page"
    replaceable = False
    rows = "$"
    definition: t.ClassVar[Definition]

    @override
    def chain(self, **details: t.Any) -> Chain:
        body = self.definition.body if self.definition.method == "POST" else None
        return super().chain(params=self.definition.query, body=body, **details)

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        call = answer.request.call
        found = answers.decode(answers.ANYTHING, answer.body, call, "a body that is no whole JSON")
        for step in self.definition.steps:
            if not isinstance(found, (dict, type(None))):
                raise UnreadableAnswerError(call, f"no object around `{step}`")
            found = (found or {}).get(step)
        if isinstance(found, dict):
            return [found]
        if not isinstance(found, (list, type(None))):
            where = self.definition.records_path
            raise UnreadableAnswerError(call, f"no records under `{where}`")
        rows = (row for row in found or [] if row is not None)
        return [row if isinstance(row, dict) else {"value": row} for row in rows]

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        if self.definition.schema is None:
            keys = {key: row.get(key, chain.ids.get(key)) for key in self.primary_keys}
            return {**keys, "record": row}
        declared = self.definition.columns
        return {name: value for name, value in chain.ids.items() if name in declared} | row


class CustomList(CustomStream, ParentStream):
    """A list that may be asked for beside others."""

    keeps = ()


class CustomFanOut(CustomStream, FanOutStream):
    """A list for each record of a parent."""

    calls = "1 for each page, at least 1 for each record of the parent"

    @property
    @override
    def parent_columns(self) -> t.Mapping[str, str]:
        return {name: name for name in self.definition.placeholders}

    @override
    def named(self, ids: t.Mapping[str, object]) -> str:
        names = ", ".join(f"`{name}`" for name in ids)
        return f"A record of `{self.definition.parent}` (known by {names})"

    @override
    def parents(self) -> list[Record]:
        columns = self.definition.placeholders
        return [row for row in super().parents() if all(row[name] is not None for name in columns)]


def columns(streams: t.Iterable[type[CustomerIOStream]]) -> definitions.Known:
    """The properties of streams' records, by the streams' names."""
    return {name: stream.schema["properties"] for name, stream in _by_name(streams).items()}


def make(
    found: t.Iterable[t.Mapping[str, t.Any]], streams: t.Iterable[type[CustomerIOStream]]
) -> list[type[CustomerIOStream]]:
    """Make streams of definitions.

    Args:
        found: The definitions, checked.
        streams: The streams that can be parents, beside custom ones further up.
    """
    known = _by_name(streams)
    made = []
    for definition in map(definitions.read, found):
        stream = _make(definition, known.get(definition.parent))
        known[definition.name] = stream
        made.append(stream)
    return made


def _by_name(streams: t.Iterable[t.Any]) -> dict[str, t.Any]:
    return {stream.name: stream for stream in streams}


def _make(definition: Definition, parent: type[CustomerIOStream] | None) -> type[CustomerIOStream]:
    counts = definition.pagination == "offset" and "limit" not in definition.params
    details = {
        "__doc__": f"{definition.method} {definition.path}, as the configuration defines it.",
        "definition": definition,
        "name": definition.name,
        "path": definition.path,
        "dialect": staticmethod(DIALECTS[definition.pagination]),
        "page_size": OFFSET_PAGE_SIZE if counts else None,
        "primary_keys": tuple(definition.primary_keys),
        "schema": _schema(definition, parent),
    }
    if parent is None:
        return type("CustomStream", (CustomList,), details)
    return type("CustomStream", (CustomFanOut,), {**details, "parent": parent})


def _schema(definition: Definition, parent: type[CustomerIOStream] | None) -> Schema:
    if definition.schema is not None:
        return {"type": "object", **definition.schema}
    schema = record(free_object("record", "The record, as the API sent it."))
    of_parent = t.cast("Schema", parent.schema)["properties"] if parent is not None else {}
    placeholders = definition.placeholders
    keys = {
        key: {
            "type": _type(of_parent[key]) if key in placeholders else ["integer", "string"],
            "description": "Part of the key.",
        }
        for key in definition.primary_keys
    }
    return {
        **schema,
        "properties": {**keys, **schema["properties"]},
        "required": list(definition.primary_keys),
    }


def _type(schema: Schema) -> t.Any:  # noqa: ANN401 - one type or several
    kinds = schema.get("type", ["integer", "string"])
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    return kinds[0] if len(kinds) == 1 else kinds
