"""What stands in for effects in a run that only plans: Customer.io is read and never changed."""

from __future__ import annotations

import typing as t

from target_customerio.effects import ADD, segment_call

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from target_customerio.effects import App, Removal
    from target_customerio.halving import Judged
    from target_customerio.items import Item, Origin
    from target_customerio.plan import Planner


class Rehearsal:
    """The effects of a run, counted in its plan."""

    def __init__(self, planner: Planner, app: App | None) -> None:
        """Keep what is needed.

        Args:
            planner: Counts.
            app: The App API; None without a key.
        """
        self.app: App | None = None if app is None else ReadApp(app)
        self._planner = planner

    def take(self, item: Item) -> None:
        """Count a record that is gathered."""
        self._planner.describe(item)

    def settle(self) -> None:
        """Do nothing: nothing was sent."""

    def change(
        self, origin: Origin, segment: str, change: str, kind: str, ids: Sequence[str]
    ) -> Iterable[Judged[str]]:
        """Count a call that changes a segment; everybody counts as taken."""
        _, body = segment_call(segment, change, kind, ids)
        self._planner.count_call(origin, body)
        self._planner.count_members(origin, segment, added=change == ADD, people=len(ids))
        return [(ids, [])]

    def allow(self, origin: Origin, removal: Removal) -> None:
        """Note what a mirror would remove, and let the rehearsal go on."""
        self._planner.judge_removal(origin, removal)

    def replace(
        self,
        origin: Origin,
        send: Callable[[bytes], None],  # noqa: ARG002 - what must not be done
        rows: bytes,
    ) -> None:
        """Count a call that replaces a collection."""
        self._planner.count_call(origin, rows)


class ReadApp:
    """The App API, of which nothing is asked that changes anything."""

    def __init__(self, app: App) -> None:
        """Keep the App API.

        Args:
            app: It.
        """
        self._app = app
        self._made = 0

    def segments(self) -> list[dict[str, t.Any]]:
        """Return all segments but archived ones."""
        return self._app.segments()

    def collections(self) -> list[dict[str, t.Any]]:
        """Return all collections."""
        return self._app.collections()

    def members(self, segment_id: int) -> Iterator[dict[str, t.Any]]:
        """Yield the identifiers of a segment's members; one that would be made has none."""
        return iter(()) if segment_id < 0 else self._app.members(segment_id)

    def create_segment(self, name: str) -> int:  # noqa: ARG002 - what must not be done
        """Return an id that no segment has."""
        self._made -= 1
        return self._made

    def create_collection(self, name: str, rows: bytes) -> None:
        """Do nothing."""

    def replace_collection(self, collection_id: int, rows: bytes) -> None:
        """Do nothing."""
