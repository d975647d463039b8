"""The limiter and the retries, in a time of their own."""

from __future__ import annotations

import email.utils
import itertools
import random
import threading

import pytest
import time_machine

from tap_customerio.errors import StreamError
from tap_customerio.limiter import Clock, Limiter
from tap_customerio.retries import Failure, Patience, parse_retry_after
from tap_customerio.turns import OwnBudget

NEVER = threading.Event()


class FakeClock(Clock):
    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        self.slept.append(seconds)
        self.time += seconds


def turns(limiter: Limiter, clock: FakeClock, count: int) -> list[float]:
    found = []
    for _ in range(count):
        turn = limiter.acquire(NEVER)
        turn.answered = clock.time
        found.append(clock.time)
    return found


def gaps(times: list[float], rate: int) -> list[float]:
    return [later - earlier for earlier, later in zip(times, times[rate:], strict=False)]


@pytest.mark.parametrize("rate", [1, 10])
def test_no_window_holds_more_turns_than_the_limit(rate):
    clock = FakeClock()
    times = turns(Limiter(OwnBudget(rate, clock.now), clock), clock, rate * 20)
    assert min(gaps(times, rate)) == pytest.approx(1.005)


def test_quirk_45_the_limit_is_used_to_99_percent():
    clock = FakeClock()
    times = turns(Limiter(OwnBudget(10, clock.now), clock), clock, 300)
    assert 290 / (times[290] - times[0]) >= 9.9


@pytest.mark.parametrize("latency", [0.02, 0.3, 1.0, 3.0])
def test_however_late_calls_are_up_to_40_ms_no_second_sees_more_than_ten_arrive(latency):
    clock, draw = FakeClock(), random.Random(7)
    limiter = Limiter(OwnBudget(10, clock.now), clock)
    arrivals, waiting = [], []
    for nth in range(500):
        turn = limiter.acquire(NEVER)
        late = 0 if nth == 0 else draw.choice([0, 0, 0.003, 0.02, 0.04])
        arrivals.append(clock.time + late)
        waiting.append((turn, clock.time + late + latency))
        # What is answered by now has been noted by the threads that sent it.
        for sent, answered in waiting:
            if answered <= clock.time:
                sent.answered = answered
    assert min(gaps(sorted(arrivals), 10)) >= 1


def test_late_calls_hold_back_those_alone_that_take_their_places():
    clock = FakeClock()
    limiter = Limiter(OwnBudget(2, clock.now), clock)
    first, second = limiter.acquire(NEVER), limiter.acquire(NEVER)
    first.answered, second.answered = first.taken + 0.3, second.taken + 0.31
    assert limiter.acquire(NEVER).taken == pytest.approx(first.taken + 1.005)
    assert limiter.acquire(NEVER).taken == pytest.approx(second.taken + 1.015)


def test_a_call_that_has_no_answer_yet_may_have_been_late():
    clock = FakeClock()
    limiter = Limiter(OwnBudget(1, clock.now), clock)
    first = limiter.acquire(NEVER)
    assert limiter.acquire(NEVER).taken == pytest.approx(first.taken + 1.045)


def test_slow_answers_cost_no_more_than_40_ms():
    clock = FakeClock()
    limiter = Limiter(OwnBudget(2, clock.now), clock)
    first, second = limiter.acquire(NEVER), limiter.acquire(NEVER)
    first.answered = first.taken + 0.1
    second.answered = second.taken + 0.9
    limiter.acquire(NEVER)
    assert limiter.acquire(NEVER).taken == pytest.approx(second.taken + 1.045)


def test_a_burst_is_spread_so_that_a_late_call_does_not_meet_the_next_burst():
    clock = FakeClock()
    times = turns(Limiter(OwnBudget(10, clock.now), clock), clock, 30)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.05


def test_turns_that_nobody_took_for_a_while_are_spread_as_well():
    clock = FakeClock()
    limiter = Limiter(OwnBudget(10, clock.now), clock)
    turns(limiter, clock, 10)
    clock.time += 60
    times = turns(limiter, clock, 10)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.05


def test_zero_means_no_limit():
    clock = FakeClock()
    turns(Limiter(None, clock), clock, 1000)
    assert clock.slept == []


def test_a_pause_holds_everyone_back_and_a_shorter_one_does_not_end_it():
    clock = FakeClock()
    limiter = Limiter(None, clock)
    limiter.pause(7)
    limiter.pause(2)
    assert turns(limiter, clock, 2) == [1007, 1007]


def test_waiting_ends_when_nobody_wants_the_turn_any_more():
    stop = threading.Event()
    limiter = Limiter(None, Clock())
    limiter.pause(300)
    thread = threading.Thread(target=limiter.acquire, args=(stop,))
    thread.start()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def failure(status: int = 503, retry_after: float | None = None, *, retried: bool = True):
    return Failure(StreamError("no"), retried, status, retry_after)


def waits(patience: Patience, how: Failure) -> list[float]:
    found: list[float] = []

    def wait_on() -> None:
        while True:
            found.append(patience.wait(how))

    with pytest.raises(StreamError):
        wait_on()
    return found


def test_waits_double_up_to_half_a_minute():
    assert waits(Patience(8, jitter=lambda wait: wait), failure()) == [
        0.5, 1, 2, 4, 8, 16, 30, 30,
    ]  # fmt: skip


def test_jitter_draws_from_the_whole_wait():
    drawn = waits(Patience(200), failure())
    assert all(0 <= wait <= 30 for wait in drawn)
    assert max(drawn) - min(drawn) > 10


def test_max_retries_counts_retries_not_tries():
    assert len(waits(Patience(3), failure())) == 3
    assert waits(Patience(0), failure()) == []


def test_a_final_answer_is_not_repeated():
    assert waits(Patience(8), failure(403, retried=False)) == []


def test_retry_after_is_followed_to_the_second_and_capped():
    assert waits(Patience(2), failure(429, 7)) == [7, 7]
    assert waits(Patience(1), failure(503, 4000)) == [300]


def test_quirk_45_a_429_without_retry_after_waits_exponentially_for_five_minutes_at_most():
    assert waits(Patience(8), failure(429)) == [1, 2, 4, 8, 16, 32, 64, 128]
    assert sum(waits(Patience(50), failure(429))) == 300


def test_retry_after_is_read_as_seconds_or_as_a_date():
    assert parse_retry_after("12") == 12
    with time_machine.travel(1_795_292_043, tick=False):
        assert parse_retry_after(email.utils.formatdate(1_795_292_053, usegmt=True)) == 10
        assert parse_retry_after(email.utils.formatdate(1_795_292_000, usegmt=True)) == 0


@pytest.mark.parametrize("header", [None, "soon", ""])
def test_retry_after_that_cannot_be_read_is_none(header):
    assert parse_retry_after(header) is None
