"""Lanes: order within an identifier, parallel across identifiers; one verdict for every item.

All items of an identifier go to the same lane, and a lane has one request in flight. The main
thread packs; a thread a lane sends. Few bodies wait, so a slow Customer.io slows the reading down
and memory stays bounded. An item of two identifiers, such as a merge, brings the second one into
the lane of the first, once everything sent for it before is answered.
"""

from __future__ import annotations

import threading
import time
import typing as t
from collections import deque
from zlib import crc32

from target_customerio.batching import Packer, encode_body
from target_customerio.halving import Halving

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_customerio.answers import Answer
    from target_customerio.batching import Body
    from target_customerio.items import Item, Rejection, SourceRecord

PATIENCE = 5.0
"""Seconds that an item waits for its body to fill up while a STATE waits for it."""

MOVED = 10_000
"""How many identifiers are remembered that a second identifier of an item brought elsewhere."""


class Client(t.Protocol):
    """What delivery needs of the HTTP client."""

    def send(self, body: bytes) -> Answer:
        """Post one body and return what was said about it.

        Args:
            body: As `encode_body` makes it, under `batching.BODY_BYTES`.

        Raises:
            DeliveryStopped: No repetition helped, or no request can succeed: the run ends.
        """

    def stop(self) -> None:
        """End every wait."""


class Ledger(t.Protocol):
    """Where verdicts go. Called from the lanes' threads; raises `RunEnded` to end the run."""

    def accepted(self, items: Sequence[Item]) -> None:
        """Note that Customer.io took these items."""

    def rejected(self, record: SourceRecord, rejection: Rejection) -> None:
        """Note that Customer.io refused this record's item."""


class Lane:
    """The bodies of the identifiers that share a request at a time.

    Args:
        is_awaited: Tells whether a STATE waits for verdicts.
        patience: Seconds that items wait for their body to fill up while a STATE waits.
    """

    def __init__(self, is_awaited: Callable[[], bool], patience: float) -> None:
        self._is_awaited = is_awaited
        self._patience = patience
        self._packer = Packer()
        self._full: deque[Body] = deque()
        self._sent: Body | None = None  # the one whose answer is awaited
        self._hurries = False
        self._waiting_since: float | None = None  # when the oldest item in an open body came
        self._closing = False
        self._abandoned = False
        # Taken for every item by itself: entering a condition costs a call in Python.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def put(self, item: Item) -> None:
        """Pack one item; wait while a full body waits for its turn already."""
        with self._lock:
            full = self._packer.add(item)
            if self._waiting_since is None:
                self._waiting_since = time.monotonic()
                self._changed.notify_all()
            if full is not None:
                self._waiting_since = time.monotonic()
                self._full.append(full)
                self._changed.notify_all()
                while len(self._full) > 1 and not self._abandoned:
                    self._changed.wait()

    def get(self) -> Sequence[Item]:
        """Wait for the next body to send; empty when the lane is closed and nothing is left.

        Whoever asks for the next body has got the answers to the one before.
        """
        with self._changed:
            self._sent = None
            self._changed.notify_all()
            while not (self._full or self._closing or self._is_overdue()):
                self._changed.wait(None if self._waiting_since is None else self._patience / 5)
            if self._abandoned:
                return ()
            if self._full:
                self._sent = self._full.popleft()
            else:
                self._sent = self._packer.take()
                self._waiting_since = time.monotonic() if self._packer else None
            return self._sent.items

    def settle(self, identifier: str) -> None:
        """Send what waits of an identifier, and wait until all of it is answered."""
        with self._changed:
            self._hurries = True
            while self._knows(identifier) and not self._abandoned:
                self._changed.notify_all()
                self._changed.wait()
            self._hurries = False

    def close(self, *, abandon: bool = False) -> None:
        """Let the lane's thread end: after the last item, or at once if `abandon`."""
        with self._changed:
            self._closing = True
            self._abandoned = self._abandoned or abandon
            self._changed.notify_all()

    def _knows(self, identifier: str) -> bool:
        bodies = [*self._full, self._sent] if self._sent else self._full
        return self._packer.knows(identifier) or any(
            identifier in body.only_events for body in bodies
        )

    def _is_overdue(self) -> bool:
        if self._waiting_since is None:
            return False
        is_late = time.monotonic() - self._waiting_since >= self._patience
        return self._hurries or (is_late and self._is_awaited())


class Delivery:
    """Sends items and reports one verdict for each to the ledger."""

    def __init__(  # noqa: PLR0913 - settings, each with a meaning of its own
        self,
        client: Client,
        ledger: Ledger,
        *,
        lanes: int = 16,
        is_awaited: Callable[[], bool] = lambda: False,
        patience: float = PATIENCE,
        halving: Halving | None = None,
    ) -> None:
        """Start the lanes.

        Args:
            client: Sends one body at a time for each lane.
            ledger: Receives the verdicts.
            lanes: How many requests may be in flight.
            is_awaited: Tells whether a STATE waits for verdicts.
            patience: Seconds that items wait for their body to fill up while a STATE waits.
            halving: Finds out whom bodies are refused for, where more than these lanes send some.
        """
        self._client = client
        self._ledger = ledger
        self._failure: BaseException | None = None
        self._halving = halving or Halving()
        self._moved: dict[str, Lane] = {}
        self._lanes = [Lane(is_awaited, patience) for _ in range(lanes)]
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"lane-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: Item) -> None:
        """Take one item over; wait while its lane has enough to do.

        Raises:
            BaseException: Whatever ended a lane: `DeliveryStopped`, or what the ledger raised.
        """
        if self._failure is not None:
            raise self._failure
        if item.also is not None:
            self._join(item.identifier, item.also)
        self._lane_of(item.identifier).put(item)

    def close(self) -> None:
        """Send what waits and wait for every verdict.

        Raises:
            BaseException: Whatever ended a lane: `DeliveryStopped`, or what the ledger raised.
        """
        for lane in self._lanes:
            lane.close()
        for thread in self._threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _lane_of(self, identifier: str) -> Lane:
        if self._moved and identifier in self._moved:
            return self._moved[identifier]
        return self._lanes[crc32(identifier.encode()) % len(self._lanes)]

    def _join(self, identifier: str, other: str) -> None:
        """Let the items of `other` travel behind those of `identifier` from now on."""
        lane, left = self._lane_of(identifier), self._lane_of(other)
        if lane is left:
            return
        left.settle(other)
        self._moved[other] = lane
        if len(self._moved) > MOVED:
            oldest = next(iter(self._moved))
            self._moved[oldest].settle(oldest)
            del self._moved[oldest]

    def _run(self, lane: Lane) -> None:
        try:
            while items := lane.get():
                self._deliver(items)
        except BaseException as error:  # noqa: BLE001 - it ends the run: the main thread raises it
            self._failure = self._failure or error
            self._client.stop()
            for other in self._lanes:
                other.close(abandon=True)

    def _deliver(self, items: Sequence[Item]) -> None:
        """Send a body, in halves where the answer does not say whom it refuses.

        Raises:
            RunEnded: One body too many was refused until each of its items was alone.
        """
        for accepted, refused in self._halving.send(items, self._post):
            for item, rejection in refused:
                self._ledger.rejected(item, rejection)
            self._ledger.accepted(accepted)

    def _post(self, items: Sequence[Item]) -> Answer:
        if self._failure is not None:
            raise self._failure
        return self._client.send(encode_body(items))
