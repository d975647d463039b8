"""The engine: walks chains of requests concurrently and hands on their pages as they arrive.

A chain is one paginated sequence of requests. A list is one chain, a fan-out one chain for each
parent, a history one chain for each window of time: one engine serves them all, so no stream
starts a thread, sleeps, retries or counts calls.

Each chain has one request in flight, so its pages come in order. Up to `concurrency` chains are
open; a turn of the limiter goes to the next page of an open chain before it opens a new one, or
the longest chain would end long after all the others. The rows of a page may open chains of their
own: a search whose pages ask for details runs one page ahead of them. Pages wait in a buffer of
bounded size: a consumer that is slow stops the fetching.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from dataclasses import dataclass, field

from tap_customerio.chains import Chain, End, Event, Page, Position, Row
from tap_customerio.errors import AnswerError
from tap_customerio.pagination import Params, Tokens

if t.TYPE_CHECKING:
    from tap_customerio.answers import Answer, Request
    from tap_customerio.api import AppApi

__all__ = ["Chain", "End", "Event", "Page", "Position", "Row", "walk"]

BUFFER_BYTES: t.Final = 20_000_000
"""Bodies that may wait for the consumer or be on their way, each of those taken to be as large as
the pages before it were on average: eight full pages of a segment's members, 200 of activities."""

EVENTS_AHEAD: t.Final = 2
"""Pages and ends that may wait for the consumer, for each chain that may be open: what was fetched
and not handed on is fetched again by the run after a cut."""

POLL_SECONDS: t.Final = 0.1
"""How often a waiting consumer looks whether it was told to stop."""


@dataclass(eq=False)
class _Family:
    """A page whose rows opened chains; it is handed on after all of them have ended."""

    page: Page
    open: int


@dataclass(eq=False)
class _Course:
    """How far a chain has come.

    Attributes:
        chain: The chain.
        opened_by: The page whose rows opened it, None for a chain of the consumer's.
        tokens: Those that its pages carried.
        families: Its pages that wait for the chains they opened, in order.
        ended: Whether its last page was read.
        closed: Whether its end was handed on.
    """

    chain: Chain
    opened_by: tuple[_Course, _Family] | None = None
    tokens: Tokens = field(default_factory=Tokens)
    families: deque[_Family] = field(default_factory=deque)
    ended: bool = False
    closed: bool = False


@dataclass(eq=False)
class _Step:
    """The next request of a chain.

    Attributes:
        course: The chain it belongs to.
        params: What the page before says about this one.
        resumes: Whether it asks for the page at which an earlier run was cut.
    """

    course: _Course
    params: Params
    resumes: bool = False

    @property
    def request(self) -> Request:
        """What is sent."""
        return self.course.chain.request(self.params)

    @classmethod
    def first(cls, course: _Course) -> _Step:
        """The step that opens a chain."""
        position = course.chain.position
        return cls(course, {}) if position is None else cls(course, position.params, resumes=True)


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
        # What is next, the first of these three that is not empty:
        self._next: deque[_Step] = deque()  # pages of open chains
        self._line: deque[_Step] = deque()  # chains that a page opened, and the page after it
        self._new = deque(_Step.first(_Course(chain)) for chain in chains)
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
            with self._changed:
                if isinstance(event, Page):
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
        return len(self._next) + len(self._line) + len(self._new) > self._claimed

    def _has_room(self) -> bool:
        under_way = self._workers - self._idle
        expected = self._buffered + (under_way + 1) * self._average
        if not (under_way or self._buffered):
            return True
        ahead = len(self._events) + under_way
        return expected <= BUFFER_BYTES and ahead < EVENTS_AHEAD * self._concurrency

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
            if self._next or self._line:
                return (self._next or self._line).popleft()
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
            outcome = _read(t.cast("_Step", step), answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the consumer must hear of it
            outcome = _fail(step or self._choose(), error)
        with self._changed:
            self._note(outcome)
            self._changed.notify_all()

    # Called with the lock held

    def _note(self, outcome: _Outcome) -> None:
        course, page = outcome.course, outcome.page
        if page is not None:
            self._pages += 1
            self._average += (page.size - self._average) / self._pages
        if outcome.following is not None:
            (self._next if outcome.opened is None else self._line).append(outcome.following)
        if page is not None and outcome.opened is not None:
            family = _Family(page, len(outcome.opened))
            course.families.append(family)
            self._open += family.open
            self._line.extend(
                _Step.first(_Course(chain, opened_by=(course, family))) for chain in outcome.opened
            )
        elif page is not None:
            self._hand_on(page)
        course.ended = outcome.following is None
        self._settle(course, outcome.error)

    def _hand_on(self, event: Event) -> None:
        self._events.append(event)
        if isinstance(event, Page):
            self._buffered += event.size

    def _settle(self, course: _Course, error: Exception | None = None) -> None:
        """Hand on the pages that waited, and the end of the chain if nothing is missing."""
        while course.families and not course.families[0].open:
            self._hand_on(course.families.popleft().page)
        if course.closed or not course.ended or (course.families and error is None):
            return
        course.closed = True
        self._hand_on(End(course.chain, error))
        self._open -= 1
        if course.opened_by is not None:
            opener, family = course.opened_by
            family.open -= 1
            self._settle(opener)


@dataclass(frozen=True)
class _Outcome:
    """What became of a step.

    Attributes:
        course: The chain it belongs to.
        page: What it brought, if anything.
        opened: The chains that the page's rows opened, None if they open none.
        following: The step after it, None at the end of the chain.
        error: Why the chain ends before its time.
    """

    course: _Course
    page: Page | None = None
    opened: t.Sequence[Chain] | None = None
    following: _Step | None = None
    error: Exception | None = None


def _read(step: _Step, answer: Answer) -> _Outcome:
    """Make a page of an answer, and the step after it.

    Raises:
        StreamError: If the answer cannot be understood or leads in a circle; its rows are then
            those of an earlier page.
    """
    course, chain, token = step.course, step.course.chain, answer.token()
    rows = chain.read(answer)
    if step.resumes and not t.cast("Position", chain.position).believes(rows):
        return _Outcome(course, following=_Step(course, {}))
    page = Page(chain, rows, answer.size, step.params)
    opened = None if chain.opens is None else chain.opens(rows)
    for each in opened or ():
        each.stream = chain.stream
    following = chain.dialect(token, len(rows), answer.request.params)
    if following is None or (chain.enough is not None and chain.enough(rows)):
        return _Outcome(course, page, opened)
    course.tokens.check(following, answer.request.call)
    return _Outcome(course, page, opened, _Step(course, following))


def _fail(step: _Step, error: Exception) -> _Outcome:
    """End a chain; only a token that is not known any more makes it begin anew."""
    refused = isinstance(error, AnswerError) and error.status in _REFUSED_TOKEN
    if step.resumes and refused:
        return _Outcome(step.course, following=_Step(step.course, {}))
    return _Outcome(step.course, error=error)


_REFUSED_TOKEN: t.Final = frozenset({400, 404})
"""Answers to a token that belongs elsewhere or to nothing any more."""
