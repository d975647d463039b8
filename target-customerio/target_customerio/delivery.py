"""Lanes: order within an identifier, parallel across identifiers; one verdict for every item.

All items of an identifier go to the same lane, and a lane has one request in flight. The main
thread packs; a thread a lane sends. Few bodies wait, so a slow Customer.io slows the reading down
and memory stays bounded.
"""

from __future__ import annotations

import threading
import time
import typing as t
from collections import deque
from zlib import crc32

from target_customerio.answers import judge
from target_customerio.batching import Packer, encode_body

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_customerio.answers import Answer
    from target_customerio.items import Item, Rejection, SourceRecord

PATIENCE = 5.0
"""Seconds that an item waits for its body to fill up while a STATE waits for it."""


class Client(t.Protocol):
    """What delivery needs of the HTTP client."""

    def send(self, body: bytes) -> Answer:
        """Post one body and return what was said about it; raise to end the run."""

    def stop(self) -> None:
        """End every wait."""


class Ledger(t.Protocol):
    """Where verdicts go. Called from the lanes' threads; may raise to end the run."""

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
        self._full: deque[Sequence[Item]] = deque()
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
            if full:
                self._waiting_since = time.monotonic()
                self._full.append(full)
                self._changed.notify_all()
                while len(self._full) > 1 and not self._abandoned:
                    self._changed.wait()

    def get(self) -> Sequence[Item]:
        """Wait for the next body to send; empty when the lane is closed and nothing is left."""
        with self._changed:
            while not (self._full or self._closing or self._is_overdue()):
                self._changed.wait(None if self._waiting_since is None else self._patience / 5)
            if self._abandoned:
                return ()
            if self._full:
                self._changed.notify_all()
                return self._full.popleft()
            items = self._packer.take()
            self._waiting_since = time.monotonic() if self._packer else None
            return items

    def close(self, *, abandon: bool = False) -> None:
        """Let the lane's thread end: after the last item, or at once if `abandon`."""
        with self._changed:
            self._closing = True
            self._abandoned = self._abandoned or abandon
            self._changed.notify_all()

    def _is_overdue(self) -> bool:
        return (
            self._waiting_since is not None
            and time.monotonic() - self._waiting_since >= self._patience
            and self._is_awaited()
        )


class Delivery:
    """Sends items and reports one verdict for each to the ledger."""

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        *,
        lanes: int = 16,
        is_awaited: Callable[[], bool] = lambda: False,
        patience: float = PATIENCE,
    ) -> None:
        """Start the lanes.

        Args:
            client: Sends one body at a time for each lane.
            ledger: Receives the verdicts.
            lanes: How many requests may be in flight.
            is_awaited: Tells whether a STATE waits for verdicts.
            patience: Seconds that items wait for their body to fill up while a STATE waits.
        """
        self._client = client
        self._ledger = ledger
        self._failure: BaseException | None = None
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
        self._lanes[crc32(item.identifier.encode()) % len(self._lanes)].put(item)

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
        """Send a body, in halves where the answer does not say whom it refuses."""
        unsent = [items]
        while unsent and self._failure is None:
            batch = unsent.pop()
            rejections = judge(self._client.send(encode_body(batch)), len(batch))
            if rejections is None:
                middle = len(batch) // 2
                unsent += [batch[middle:], batch[:middle]]
                continue
            for position, rejection in rejections.items():
                self._ledger.rejected(batch[position].record, rejection)
            self._ledger.accepted(
                [item for position, item in enumerate(batch) if position not in rejections]
                if rejections
                else batch
            )
