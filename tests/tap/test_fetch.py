"""The engine, on a client that answers from memory."""

from __future__ import annotations

import collections
import threading

import msgspec
import pytest

from tap_customerio import fetch
from tap_customerio.answers import Answer
from tap_customerio.errors import StreamError
from tap_customerio.fetch import Chain, End, Page, walk
from tap_customerio.pagination import start_token, start_token_until_empty, unpaged

_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw])


class MemoryApi:
    """Answers `pages[chain][page]`; `gate`, if any, decides when."""

    def __init__(self, pages, gate=None):
        self.pages = pages
        self.gate = gate or (lambda: None)
        self.sent = []
        self.waiting = 0
        self.flying = 0
        self.most_flying = 0
        self.lock = threading.Lock()

    def call(self, choose, stop):
        with self.lock:
            self.waiting += 1
        self.gate()
        with self.lock:
            self.waiting -= 1
        request = choose()
        with self.lock:
            self.sent.append((request.ids["n"], request.params.get("start", "0")))
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
        try:
            found = self.pages[request.ids["n"]][int(request.params.get("start", "0"))]
            if isinstance(found, Exception):
                raise found
            body = msgspec.json.encode(found)
            return Answer(request, _envelope.decode(body), body)
        finally:
            with self.lock:
                self.flying -= 1


def chain(number, dialect=start_token, **details):
    return Chain("/v1/{n}", "rows", ids={"n": number}, dialect=dialect, **details)


def pages_of(number, count):
    return [
        {"rows": [{"n": number, "page": page}], "next": str(page + 1) if page + 1 < count else ""}
        for page in range(count)
    ]


def rows(event):
    return [msgspec.json.decode(row) for row in event.rows]


def collect(api, chains, concurrency=4):
    found = collections.defaultdict(list)
    for event in walk(api, chains, concurrency=concurrency):
        found[event.chain.ids["n"]].append(rows(event) if isinstance(event, Page) else event.error)
    return found


def test_pages_come_in_order_within_each_chain_and_then_its_end():
    api = MemoryApi([pages_of(number, number % 5 + 1) for number in range(40)])
    found = collect(api, [chain(number) for number in range(40)])
    assert found == {
        number: [[{"n": number, "page": page}] for page in range(number % 5 + 1)] + [None]
        for number in range(40)
    }


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_chains_are_open_than_allowed(concurrency):
    barrier = threading.Barrier(concurrency, timeout=5)
    first = iter(range(concurrency))

    def gate():
        # The first calls meet here, which they can only at full concurrency.
        if next(first, None) is not None:
            barrier.wait()

    api = MemoryApi([pages_of(number, 2) for number in range(20)], gate)
    collect(api, [chain(number) for number in range(20)], concurrency)
    assert api.most_flying <= concurrency


def test_the_next_page_of_an_open_chain_goes_before_a_new_chain():
    turn = threading.Semaphore(0)
    api = MemoryApi([pages_of(number, 6 if number == 1 else 1) for number in range(30)])
    api.gate = turn.acquire
    walking = walk(api, [chain(number) for number in range(30)], concurrency=8)
    events = []
    # One turn at a time: the consumer has seen all of an answer before the next turn is given.
    for sent in range(1, 36):
        turn.release()
        while sum(isinstance(event, Page) for event in events) < sent:
            events.append(next(walking))
        settle(api)
    events.extend(walking)
    assert sum(isinstance(event, End) for event in events) == 30
    first = api.sent.index((1, "0"))
    assert api.sent[first : first + 6] == [(1, str(page)) for page in range(6)]


def settle(api):
    """Wait until each of the eight workers waits for its turn, or has gone home."""
    while api.waiting < min(8, 35 - len(api.sent)):
        threading.Event().wait(0.001)


def test_a_slow_consumer_stops_the_fetching(monkeypatch):
    monkeypatch.setattr(fetch, "BUFFER_BYTES", 100)
    api = MemoryApi([pages_of(0, 500)])
    walking = walk(api, [chain(0)], concurrency=1)
    next(walking)
    idle = threading.Event()
    seen = -1
    while seen != len(api.sent):
        seen = len(api.sent)
        idle.wait(0.05)
    assert len(api.sent) < 10
    assert sum(isinstance(event, Page) for event in walking) == 499


def test_an_error_ends_its_own_chain_and_reaches_the_consumer():
    broken = StreamError("no")
    api = MemoryApi([pages_of(0, 3), [pages_of(1, 2)[0], broken], pages_of(2, 3)])
    found = collect(api, [chain(number) for number in range(3)])
    assert found[1] == [[{"n": 1, "page": 0}], broken]
    assert found[0][-1] is None
    assert found[2][-1] is None


def test_closing_the_walk_lets_its_threads_go():
    before = set(threading.enumerate())
    api = MemoryApi([pages_of(number, 50) for number in range(50)])
    walking = walk(api, [chain(number) for number in range(50)], concurrency=8)
    next(walking)
    hired = set(threading.enumerate()) - before
    walking.close()
    for thread in hired:
        thread.join(5)
    assert hired
    assert not any(thread.is_alive() for thread in hired)
    assert len(api.sent) < 2500


def test_an_interruption_ends_the_waiting():
    asked = []

    def interrupt():
        asked.append(1)
        if len(asked) > 2:
            raise InterruptedError

    answer = threading.Event()
    api = MemoryApi([pages_of(0, 1)], lambda: answer.wait(10))
    with pytest.raises(InterruptedError):
        list(walk(api, [chain(0)], concurrency=1, interrupt=interrupt))
    answer.set()


def test_no_chains_are_no_events():
    assert list(walk(MemoryApi([]), [], concurrency=4)) == []


@pytest.mark.parametrize("end", ["", None, 0])
@pytest.mark.parametrize("dialect", [start_token, start_token_until_empty])
def test_quirk_01_every_falsy_next_is_the_end(dialect, end):
    api = MemoryApi([[{"rows": [1], "next": "1"}, {"rows": [2], "next": end}]])
    assert collect(api, [chain(0, dialect)])[0] == [[1], [2], None]


def test_quirk_01_an_absent_next_is_the_end():
    assert collect(MemoryApi([[{"rows": [1]}]]), [chain(0)])[0] == [[1], None]


def test_quirk_02_a_repeated_token_ends_the_chain_with_an_error():
    pages = [
        {"rows": [0], "next": "1"},
        {"rows": [1], "next": "2"},
        {"rows": [0], "next": "1"},
    ]
    *found, error = collect(MemoryApi([pages]), [chain(0)])[0]
    assert found == [[0], [1]]
    assert "repeated a page token" in str(error)


def test_quirk_03_a_token_after_the_last_row_costs_one_empty_page():
    pages = [{"rows": [0], "next": "1"}, {"rows": [], "next": ""}]
    for dialect in (start_token, start_token_until_empty):
        assert collect(MemoryApi([pages]), [chain(0, dialect)])[0] == [[0], [], None]


def test_quirk_04_empty_page_with_token_goes_on_or_ends_by_dialect():
    pages = [{"rows": [0], "next": "1"}, {"rows": None, "next": "2"}, {"rows": [2], "next": ""}]
    assert collect(MemoryApi([pages]), [chain(0)])[0] == [[0], [], [2], None]
    until_empty = collect(MemoryApi([pages]), [chain(0, start_token_until_empty)])[0]
    assert until_empty == [[0], [], None]


def test_quirk_07_an_unpaged_list_is_one_request_whatever_it_says():
    api = MemoryApi([[{"rows": [0], "next": "1"}]])
    assert collect(api, [chain(0, unpaged)])[0] == [[0], None]


@pytest.mark.parametrize("body", [{}, {"rows": None}, {"rows": []}])
def test_quirk_12_null_and_absent_lists_are_empty(body):
    assert collect(MemoryApi([[body]]), [chain(0)])[0] == [[], None]


@pytest.mark.parametrize("body", [{"rows": {}}, {"rows": "x"}, {"rows": [], "next": {}}])
def test_an_answer_of_another_shape_ends_the_chain_with_an_error(body):
    (error,) = collect(MemoryApi([[body]]), [chain(0)])[0]
    assert isinstance(error, StreamError)


def test_enough_ends_a_chain_after_the_page_that_it_was_told_of():
    api = MemoryApi([pages_of(0, 9)])
    found = collect(api, [chain(0, enough=lambda rows: b'"page":3' in bytes(rows[0]))])[0]
    assert len(found) == 5
    assert len(api.sent) == 4
