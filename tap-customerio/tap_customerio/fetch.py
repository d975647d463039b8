"""The engine: walks chains of requests concurrently and hands on their pages as they arrive.

A chain is one paginated sequence of requests. A list is one chain, a fan-out one chain for each
parent, a history one chain for each window of time: one engine serves them all, so no stream
starts a thread, sleeps, retries or counts calls.

Each chain has one request in flight, so its pages come in order. Up to `concurrency` chains are
open; a turn of the limiter goes to the next page of an open chain before it opens a new one, or
the longest chain would end long after all the others. Pages wait in a buffer of bounded size: a
consumer that is slow stops the fetching.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from dataclasses import dataclass, field

from tap_customerio.answers import Answer, Request
from tap_customerio.pagination import Dialect, Tokens, unpaged

if t.TYPE_CHECKING:
    import msgspec

    from tap_customerio.api import AppApi

BUFFER_BYTES: t.Final = 20_000_000
"""Bodies that may wait for the consumer or be on their way, each of those taken to be as large as
the pages before it were on average: eight full pages of a segment's members, 200 of activities."""

POLL_SECONDS: t.Final = 0.1
"""How often a waiting consumer looks whether it was told to stop."""


@dataclass(eq=False)
class Chain:
    """One paginated sequence of requests.

    Attributes:
        path: The path template.
        rows: The key of the envelope that holds the rows.
        ids: What the template's placeholders stand for.
        params: The query of the first page; later pages add their token.
        dialect: How the list goes on after a page.
        enough: Says, given a page's rows, that the pages after it are not wanted.
        subject: Whatever the consumer wants to know the chain by.
    """

    path: str
    rows: str
    ids: t.Mapping[str, object] = field(default_factory=dict)
    params: t.Mapping[str, str | int] = field(default_factory=dict)
    dialect: Dialect = unpaged
    enough: t.Callable[[list[msgspec.Raw]], bool] | None = None
    subject: t.Any = None

    @property
    def call(self) -> str:
        """Method and path template: how its requests are named in texts."""
        return Request(self.path).call


@dataclass(frozen=True)
class Page:
    """Rows of a chain, not decoded yet.

    Attributes:
        chain: The chain.
        rows: Its rows, in order.
        size: Length of the body that brought them, in bytes.
    """

    chain: Chain
    rows: list[msgspec.Raw]
    size: int


@dataclass(frozen=True)
class End:
    """The end of a chain.

    Attributes:
        chain: The chain.
        error: Why it is not whole, None if it is.
    """

    chain: Chain
    error: Exception | None = None


Event = Page | End


@dataclass(eq=False)
class _Step:
    """The next request of a chain; `tokens` is None before its first page."""

    chain: Chain
    request: Request
    tokens: Tokens | None = None


def walk(
    api: AppApi,
    chains: t.Iterable[Chain],
    *,
    concurrency: int,
    interrupt: t.Callable[[], None] = lambda: None,
) -> t.Iterator[Event]:
    """Walk chains.

    Args:
        api: Sends the requests.
        chains: What to walk, opened in this order.
        concurrency: How many chains may be open at a time.
        interrupt: Called every so often while waiting; an exception of its own ends the walk.

    Yields:
        The pages of each chain in order, then its end; chains are mixed.
    """
    walking = _Walk(api, chains, concurrency)
    try:
        yield from walking.events(interrupt)
    finally:
        walking.close()


class _Walk:
    """What a consumer and its workers share, guarded by one condition."""

    def __init__(self, api: AppApi, chains: t.Iterable[Chain], concurrency: int) -> None:
        self._api = api
        self._concurrency = concurrency
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._new = deque(
            _Step(chain, Request(chain.path, chain.ids, chain.params)) for chain in chains
        )
        self._next: deque[_Step] = deque()  # pages of open chains
        self._open = 0
        self._workers = 0
        self._idle = 0
        self._claimed = 0  # workers that wait for their turn
        self._events: deque[Event] = deque()
        self._buffered = 0
        self._pages = 0
        self._average = 0.0

    def events(self, interrupt: t.Callable[[], None]) -> t.Iterator[Event]:
        """Hand on what arrives until every chain has ended."""
        with self._changed:
            self._hire()
        while (event := self._take(interrupt)) is not None:
            yield event
            if isinstance(event, Page):
                with self._changed:
                    self._buffered -= event.size
                    self._changed.notify_all()

    def close(self) -> None:
        """Let the workers go; a request in flight is forgotten."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def _take(self, interrupt: t.Callable[[], None]) -> Event | None:
        while True:
            interrupt()
            with self._changed:
                if self._events:
                    return self._events.popleft()
                if self._finished():
                    return None
                self._changed.wait(POLL_SECONDS)

    def _finished(self) -> bool:
        return not self._open and not self._new

    def _has_work(self) -> bool:
        return len(self._next) + len(self._new) > self._claimed

    def _has_room(self) -> bool:
        under_way = self._workers - self._idle
        expected = self._buffered + (under_way + 1) * self._average
        return expected <= BUFFER_BYTES or not (under_way or self._buffered)

    def _hire(self) -> None:
        """Start a worker if there is work that nobody waits for; called with the lock held."""
        if self._idle or self._workers >= self._concurrency or not self._has_work():
            return
        self._workers += 1
        # A daemon: an exit must not wait for an answer that takes a minute.
        threading.Thread(target=self._work, name="tap-customerio-fetch", daemon=True).start()

    def _work(self) -> None:
        while self._claim():
            self._send()

    def _claim(self) -> bool:
        """Wait for something to send and room for its answer; False when all is done."""
        with self._changed:
            self._idle += 1
            while not self._stop.is_set() and not self._finished():
                if self._has_room() and self._has_work():
                    self._idle -= 1
                    self._claimed += 1
                    self._hire()
                    return True
                self._changed.wait()
            return False

    def _choose(self) -> _Step:
        """Redeem a claim, now that it is this worker's turn, for what matters most."""
        with self._changed:
            self._claimed -= 1
            if self._next:
                return self._next.popleft()
            self._open += 1
            return self._new.popleft()

    def _send(self) -> None:
        step: _Step | None = None

        def choose() -> Request:
            nonlocal step
            step = self._choose()
            return step.request

        try:
            answer = self._api.call(choose, self._stop)
            page, following = _follow(t.cast("_Step", step), answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the consumer must hear of it
            step = step or self._choose()
            self._deliver(End(step.chain, error))
        else:
            self._deliver(page, following or End(page.chain))

    def _deliver(self, *outcome: Event | _Step) -> None:
        with self._changed:
            for part in outcome:
                if isinstance(part, _Step):
                    self._next.append(part)
                else:
                    self._events.append(part)
                if isinstance(part, Page):
                    self._buffered += part.size
                    self._pages += 1
                    self._average += (part.size - self._average) / self._pages
                elif isinstance(part, End):
                    self._open -= 1
            self._changed.notify_all()


def _follow(step: _Step, answer: Answer) -> tuple[Page, _Step | None]:
    """Make a page of an answer, and the step after it.

    Raises:
        StreamError: If the answer cannot be understood or leads in a circle; its rows are then
            those of an earlier page.
    """
    chain, token = step.chain, answer.token()
    rows = answer.rows(chain.rows)
    page = Page(chain, rows, answer.size)
    following = chain.dialect(token, len(rows))
    if following is None or (chain.enough is not None and chain.enough(rows)):
        return page, None
    tokens = step.tokens or Tokens()
    tokens.check(str(token), answer.request.call)
    request = Request(chain.path, chain.ids, {**chain.params, **following})
    return page, _Step(chain, request, tokens)
