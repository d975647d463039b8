"""Endpoints of collections: their rows are kept as the bytes that were sent."""

from __future__ import annotations

import typing as t

import msgspec

from customerio_simulator.answers import MalformedError, decode
from customerio_simulator.app_api.call import AppError, parent

if t.TYPE_CHECKING:
    from customerio_simulator.app_api.call import Call
    from customerio_simulator.tables import Row

LARGEST_COLLECTION = 10_000_000
"""Bytes of a collection (documented: 10 MB; the narrower reading)."""
LARGEST_ROW = 10_000
"""Bytes of a row (documented: 10 KB; the narrower reading)."""
MOST_COLLECTIONS = 50
"""Collections of a workspace (documented)."""


class Order(msgspec.Struct):
    """What creates or changes a collection; a `url` is taken for rows that nobody fetches."""

    name: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    url: str | None = None

    @property
    def content(self) -> bytes | None:
        """The rows as sent; of a `url` none; None when the order says nothing of them."""
        return bytes(self.data) or (b"[]" if self.url else None)


def content(call: Call) -> msgspec.Raw:
    """Return the rows of a collection, as they were sent."""
    return call.workspace.collection_content(parent(call, "collections"))


def replace_content(call: Call) -> Row:
    """Replace all rows of a collection."""
    return _stored(call, parent(call, "collections"), {}, call.body)


def create(call: Call) -> Row:
    """Create a collection.

    Raises:
        AppError: The name or the rows are missing, or there are too many collections.
    """
    order, table = _order(call), call.workspace.tables["collections"]
    if not order.name or not order.name.strip() or order.content is None:
        raise AppError(400)
    if len(table.rows) >= MOST_COLLECTIONS:
        raise AppError(400)
    row = call.workspace.make_up("collections")
    created = {"name": order.name, "created_at": call.workspace.clock.now()}
    return _stored(call, row, created, order.content)


def change(call: Call) -> Row:
    """Rename a collection, or replace its rows, or both.

    Raises:
        AppError: There is no such collection, or its new name is empty.
    """
    order, row = _order(call), parent(call, "collections")
    if order.name is not None and not order.name.strip():
        raise AppError(400)
    return _stored(call, row, {"name": order.name} if order.name else {}, order.content)


def delete(call: Call) -> None:
    """Delete a collection."""
    call.workspace.tables["collections"].remove(parent(call, "collections")["id"])


def _order(call: Call) -> Order:
    try:
        return decode(call.body, Order)
    except (MalformedError, msgspec.ValidationError):
        raise AppError(400) from None


def _stored(call: Call, row: Row, fields: Row, content: bytes | None) -> Row:
    """Store a collection with new rows, if there are any, and return its description."""
    changed = row | fields | {"updated_at": call.workspace.clock.now()}
    if content is not None:
        changed |= _measured(content)
        call.workspace.collection_contents[row["id"]] = msgspec.Raw(content)
    call.workspace.tables["collections"].add(changed)
    return {"collection": changed}


def _measured(content: bytes) -> Row:
    """Return the columns, rows and bytes of content; what is too large is a bad request."""
    if len(content) > LARGEST_COLLECTION:
        raise AppError(400)
    try:
        listed = content.lstrip().startswith(b"[")
        rows = decode(content, list[msgspec.Raw]) if listed else [msgspec.Raw(content)]
        columns = {column for row in rows for column in decode(row, dict)}
    except (MalformedError, msgspec.ValidationError):
        raise AppError(400) from None
    if any(len(bytes(row)) > LARGEST_ROW for row in rows):
        raise AppError(400)
    return {"schema": sorted(columns), "rows": len(rows), "bytes": len(content)}
