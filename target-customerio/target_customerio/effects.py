"""What gatherings do to Customer.io; a run that only plans counts it instead, see `rehearsal`."""

from __future__ import annotations

import typing as t
from collections import defaultdict

import msgspec

from target_customerio.errors import RunEnded
from target_customerio.halving import Halving

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from target_customerio.answers import Answer
    from target_customerio.halving import Judged
    from target_customerio.items import Item, Origin

ADD, REMOVE = "add_customers", "remove_customers"


class App(t.Protocol):
    """What gatherings need of the App API.

    Whoever asks gets `DeliveryStopped` if there is no answer, also after repetitions, or one that
    no request here expects.
    """

    def segments(self) -> list[dict[str, t.Any]]:
        """Return all segments but archived ones."""

    def collections(self) -> list[dict[str, t.Any]]:
        """Return all collections."""

    def members(self, segment_id: int) -> Iterator[dict[str, t.Any]]:
        """Yield the identifiers of a segment's members."""

    def create_segment(self, name: str) -> int:
        """Make a manual segment and return its id."""

    def create_collection(self, name: str, rows: bytes) -> None:
        """Make a collection of rows."""

    def replace_collection(self, collection_id: int, rows: bytes) -> None:
        """Replace all rows of a collection."""


class Removal(msgspec.Struct, frozen=True):
    """Whom a mirror takes out of its segment.

    Attributes:
        segment: The id of the segment.
        ids: The ids of those to remove.
        members: How many members have an id, so that they could be removed.
        without_id: Those to remove who have none, by `cio_id`.
    """

    segment: str
    ids: list[str]
    members: int
    without_id: list[str]

    def exceeds(self, percent: int) -> bool:
        """Tell whether that is a larger share of the members who have an id than `percent`."""
        return len(self.ids) * 100 > percent * self.members


class Effects(t.Protocol):
    """What gatherings do.

    Attributes:
        app: The App API; None without a key.
    """

    app: App | None

    def take(self, item: Item) -> None:
        """Note that a record is gathered."""

    def settle(self) -> None:
        """Wait for the answers to everything sent so far."""

    def change(
        self, origin: Origin, segment: str, change: str, kind: str, ids: Sequence[str]
    ) -> Iterable[Judged[str]]:
        """Add people to a segment or remove them, at most `limits.SEGMENT_IDS`.

        Args:
            origin: Whose records ask for it.
            segment: The id of the segment.
            change: `ADD` or `REMOVE`.
            kind: What the ids are: `id`, `email` or `cio_id`.
            ids: Who, nobody twice.

        Returns:
            Whom Customer.io took and whom it refused, as its answers come.

        Raises:
            RunEnded: All people of one call too many to this segment were refused, each alone.
            DeliveryStopped: There was no answer, or one that means that no request can succeed.
        """

    def allow(self, origin: Origin, removal: Removal) -> None:
        """Agree to a removal before it is done.

        Args:
            origin: Whose records ask for it.
            removal: Whom it takes out.

        Raises:
            RunEnded: So many must not be removed.
        """

    def replace(self, origin: Origin, send: Callable[[bytes], None], rows: bytes) -> None:
        """Replace the rows of a collection.

        Args:
            origin: Whose records are the rows.
            send: Sends them.
            rows: A JSON array.

        Raises:
            DeliveryStopped: As what sends them.
        """


class Deeds:
    """The effects of a run: done."""

    def __init__(
        self,
        post: Callable[[str, bytes], Answer],
        app: App | None,
        *,
        settle: Callable[[], None],
        max_removed_percent: int,
    ) -> None:
        """Keep what is needed.

        Args:
            post: Posts a body to a path of the Track API.
            app: The App API; None without a key.
            settle: Waits for the answers to everything sent so far.
            max_removed_percent: The share of members above which a mirror removes none.
        """
        self.app = app
        self.settle = settle
        self._post = post
        self._max_removed_percent = max_removed_percent
        # Of each segment by itself: what is wrong with two of them is no reason to stop the others.
        self._halving: dict[str, Halving] = defaultdict(Halving)

    def take(self, item: Item) -> None:
        """Do nothing: what is gathered has its effect later."""

    def change(
        self,
        origin: Origin,  # noqa: ARG002 - of no matter to Customer.io
        segment: str,
        change: str,
        kind: str,
        ids: Sequence[str],
    ) -> Iterable[Judged[str]]:
        """Add people to a segment or remove them, after all that was sent before is answered."""
        self.settle()
        return self._halving[segment].send(
            ids, lambda some: self._post(*segment_call(segment, change, kind, some))
        )

    def allow(self, origin: Origin, removal: Removal) -> None:  # noqa: ARG002 - as above
        """Raise `RunEnded` if so many must not be removed."""
        if removal.exceeds(self._max_removed_percent):
            msg = (
                f"Of segment {removal.segment} {len(removal.ids):,} of {removal.members:,} members "
                "would have been removed, so none was: if that many are meant, raise "
                "`max_removed_percent`."
            )
            raise RunEnded(msg)

    def replace(
        self,
        origin: Origin,  # noqa: ARG002 - as above
        send: Callable[[bytes], None],
        rows: bytes,
    ) -> None:
        """Replace the rows of a collection."""
        send(rows)


def segment_call(segment: str, change: str, kind: str, ids: Sequence[str]) -> tuple[str, bytes]:
    """Return path and body of the call of the Track API that changes a segment.

    Args:
        segment: The id of the segment.
        change: `ADD` or `REMOVE`.
        kind: What the ids are: `id`, `email` or `cio_id`.
        ids: Who, at most `limits.SEGMENT_IDS`.
    """
    return (
        f"/api/v1/segments/{segment}/{change}?id_type={kind}",
        msgspec.json.encode({"ids": ids}),
    )
