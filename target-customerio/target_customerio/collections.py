"""The rows of a collection, gathered and replaced at once."""

from __future__ import annotations

import typing as t

from target_customerio.errors import RunEnded
from target_customerio.limits import COLLECTION_BYTES
from target_customerio.members import LEFT_OUT

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.effects import App, Effects
    from target_customerio.gatherings import Verdicts
    from target_customerio.items import Item, Origin
    from target_customerio.streams import StreamEntry


def find_collection(
    app: App, entry: StreamEntry, stream: str
) -> tuple[str, Callable[[bytes], None]]:
    """Return the collection that an entry means: what to call it, and how its rows are replaced.

    Args:
        app: The App API.
        entry: The entry.
        stream: The stream.

    Raises:
        RunEnded: There is no such collection.
        DeliveryStopped: The App API could not be asked.
    """
    name, number = entry.collection_name, entry.collection_id
    if name is None and number is None:
        msg = f"Stream '{stream}' needs `collection_id` or `collection_name` in `streams`."
        raise RunEnded(msg)
    wanted = ("id", number) if name is None else ("name", name)
    found = [row for row in app.collections() if str(row.get(wanted[0])) == str(wanted[1])]
    if not found and name is not None and entry.create_missing:
        return f"collection '{name}'", lambda rows: app.create_collection(name, rows)
    if len(found) != 1:
        many = "several collections" if found else "no collection"
        msg = f"Customer.io has {many} as stream '{stream}' names it: mend `streams`."
        raise RunEnded(msg)
    known = int(found[0]["id"])
    return f"collection {known}", lambda rows: app.replace_collection(known, rows)


class Replacement:
    """The rows that a collection shall hold."""

    needs_end = True
    waiting_since: float | None = None

    def __init__(self, effects: Effects, send: Callable[[bytes], None], verdicts: Verdicts) -> None:
        """Start without a row.

        Args:
            effects: Replaces the rows.
            send: Sends those of this collection, as a JSON array.
            verdicts: The verdicts of its records.
        """
        self._effects = effects
        self._send = send
        self._verdicts = verdicts
        self._origin: Origin | None = None
        self._rows: list[bytes] = []
        self._bytes = len(b"[]") - 1  # the first row has no comma before it

    def take(self, item: Item) -> None:
        """Add a row; of what is too large in any case no more is kept."""
        self._verdicts.add(item)
        self._origin = item.origin
        if item.identifier == LEFT_OUT:
            return
        self._bytes += len(item.encoded) + 1
        if self._bytes <= COLLECTION_BYTES:
            self._rows.append(item.encoded)

    def give_way(self, item: Item) -> None:
        """Nothing can be sent before the end."""

    def flush(self) -> None:
        """Nothing can be sent before the end."""

    def finish(self, *, has_rejects: bool) -> None:
        """Replace the rows, all at once.

        Args:
            has_rejects: Whether rows are missing because their records were rejected.

        Raises:
            RunEnded: They must not be replaced.
        """
        if has_rejects:
            msg = "the collection was not replaced, since records were rejected."
            raise RunEnded(msg)
        if self._bytes > COLLECTION_BYTES:
            msg = (
                f"the collection was not replaced, since its rows take {self._bytes:,} bytes and a "
                f"collection holds {COLLECTION_BYTES:,} at most."
            )
            raise RunEnded(msg)
        if self._origin is not None:
            self._effects.replace(self._origin, self._send, b"[" + b",".join(self._rows) + b"]")
        self._verdicts.accept()
