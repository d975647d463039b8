from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections import defaultdict

import pytest

from target_customerio.answers import Answer, Fault
from target_customerio.api import DeliveryStopped
from target_customerio.checkpoints import Checkpoint
from target_customerio.delivery import Delivery
from target_customerio.errors import RunEnded
from target_customerio.items import Item, Origin

ORIGIN = Origin("stream", "operation", b"{}", Checkpoint())


def make_item(
    number: int, identifier: str, *, is_event: bool = True, size: int = 0, also: str | None = None
) -> Item:
    encoded = json.dumps({"number": number, "padding": "x" * size}).encode()
    return Item(str(number).encode(), ORIGIN, encoded, identifier, is_event, also)


class Book:
    """A ledger that remembers every verdict."""

    def __init__(self) -> None:
        self.verdicts: dict[int, list[str]] = defaultdict(list)
        self.rejections = {}
        self._lock = threading.Lock()

    def accepted(self, items):
        with self._lock:
            for one in items:
                self.verdicts[int(one.line)].append("accepted")

    def rejected(self, record, rejection):
        with self._lock:
            self.verdicts[int(record.line)].append("rejected")
            self.rejections[int(record.line)] = rejection


class Service:
    """A client whose answers the test writes."""

    def __init__(self, answer=lambda numbers: Answer(200)) -> None:
        self.bodies: list[list[int]] = []
        self.stopped = False
        self._answer = answer
        self._lock = threading.Lock()

    def send(self, body: bytes) -> Answer:
        numbers = [entry["number"] for entry in json.loads(body)["batch"]]
        with self._lock:
            self.bodies.append(numbers)
        return self._answer(numbers)

    def stop(self) -> None:
        self.stopped = True


def test_every_item_gets_one_verdict():
    service, book = Service(), Book()
    delivery = Delivery(service, book, lanes=4)
    for number in range(5_000):
        delivery.submit(make_item(number, f"id:{number % 700}", is_event=number % 3 > 0))
    delivery.close()
    assert book.verdicts == {number: ["accepted"] for number in range(5_000)}


def test_a_207_never_loses_or_repeats_an_item():
    def answer(numbers):
        bad = [position for position, number in enumerate(numbers) if number % 7 == 0]
        return Answer(207, tuple(Fault(position, "invalid", "name", "bad") for position in bad))

    service, book = Service(answer), Book()
    delivery = Delivery(service, book, lanes=3)
    for number in range(1_000):
        delivery.submit(make_item(number, f"id:{number}"))
    delivery.close()
    sent = sorted(number for body in service.bodies for number in body)
    assert sent == list(range(1_000))
    assert book.verdicts == {
        number: ["rejected" if number % 7 == 0 else "accepted"] for number in range(1_000)
    }


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_body_is_halved_until_the_culprit_is_alone(status):
    service = Service(lambda numbers: Answer(status if 333 in numbers else 200))
    book = Book()
    delivery = Delivery(service, book, lanes=1)
    for number in range(1_000):
        delivery.submit(make_item(number, f"id:{number}"))
    delivery.close()
    assert book.rejections.keys() == {333}
    assert all(len(verdicts) == 1 for verdicts in book.verdicts.values())
    assert len(book.verdicts) == 1_000
    assert len(service.bodies) - 1 <= 20


def test_halves_keep_the_order_of_one_person():
    service = Service(lambda numbers: Answer(400 if len(numbers) > 1 else 200))
    delivery = Delivery(service, Book(), lanes=1)
    for number in range(64):
        delivery.submit(make_item(number, "id:1"))
    delivery.close()
    assert [body[0] for body in service.bodies if len(body) == 1] == list(range(64))


def test_order_per_person_holds_across_lanes_and_latencies():
    chance = random.Random(7)

    def answer(numbers):
        time.sleep(chance.random() / 200)  # the latency of a server
        arrived.extend(numbers)
        return Answer(200)

    arrived: list[int] = []
    service = Service(answer)
    delivery = Delivery(service, Book(), lanes=16)
    people = {}
    for number in range(2_000):
        people[number] = f"id:{chance.randrange(50)}"
        delivery.submit(
            make_item(number, people[number], is_event=chance.random() < 0.7, size=9_000)
        )
    delivery.close()
    assert len(arrived) == 2_000
    for person in set(people.values()):
        mine = [number for number in arrived if people[number] == person]
        assert mine == sorted(mine)


def test_a_lane_has_one_request_in_flight():
    in_flight: dict[str, int] = defaultdict(int)
    worst = []

    def answer(numbers):
        name = threading.current_thread().name
        in_flight[name] += 1
        worst.append(in_flight[name])
        in_flight[name] -= 1
        return Answer(200)

    delivery = Delivery(Service(answer), Book(), lanes=4)
    for number in range(200):
        delivery.submit(make_item(number, f"id:{number}", size=30_000))
    delivery.close()
    assert set(worst) == {1}


def test_a_slow_service_slows_the_reading_down():
    gate = threading.Event()
    submitted = []

    def answer(numbers):
        gate.wait(10)
        return Answer(200)

    delivery = Delivery(Service(answer), Book(), lanes=2)

    def feed():
        for number in range(400):
            delivery.submit(make_item(number, f"id:{number}", size=30_000))
            submitted.append(number)

    feeder = threading.Thread(target=feed)
    feeder.start()
    feeder.join(0.5)
    assert feeder.is_alive()
    assert len(submitted) < 150  # two lanes of a body sent, one waiting, one being filled
    gate.set()
    feeder.join(10)
    delivery.close()
    assert len(submitted) == 400


def test_waiting_items_go_out_when_a_state_waits_for_them():
    awaited, arrived = threading.Event(), threading.Event()

    def answer(numbers):
        arrived.set()
        return Answer(200)

    delivery = Delivery(Service(answer), Book(), is_awaited=awaited.is_set, patience=0.05)
    delivery.submit(make_item(1, "id:1"))
    assert not arrived.wait(0.3)
    awaited.set()
    assert arrived.wait(5)
    delivery.close()


def test_what_ends_a_lane_ends_the_run_and_every_wait():
    def answer(numbers):
        msg = "Customer.io refused the credentials."
        raise DeliveryStopped(msg)

    service, book = Service(answer), Book()
    delivery = Delivery(service, book, lanes=2)
    with pytest.raises(DeliveryStopped, match="credentials"):  # noqa: PT012 - some submit fails
        for number in range(10_000):
            delivery.submit(make_item(number, f"id:{number}", size=30_000))
        delivery.close()
    with pytest.raises(DeliveryStopped, match="credentials"):
        delivery.close()
    assert service.stopped
    assert book.verdicts == {}


def test_halves_are_not_sent_once_another_lane_ended_the_run():
    arrived, stopped = threading.Event(), threading.Event()

    def answer(numbers):
        if 0 in numbers:
            assert arrived.wait(10)
            msg = "Customer.io refused the credentials."
            raise DeliveryStopped(msg)
        arrived.set()
        assert stopped.wait(10)
        return Answer(400)

    class Stoppable(Service):
        def stop(self):
            stopped.set()

    service, book = Stoppable(answer), Book()
    delivery = Delivery(service, book, lanes=2)
    delivery.submit(make_item(0, "id:1"))  # on the other lane than id:4
    for number in range(1, 5):
        delivery.submit(make_item(number, "id:4"))
    with pytest.raises(DeliveryStopped):
        delivery.close()
    assert sorted(service.bodies) == [[0], [1, 2, 3, 4]]
    assert book.verdicts == {}


def test_a_ledger_that_fails_ends_the_run():
    class Full(Book):
        def rejected(self, record, rejection):
            msg = "The folder of rejected records cannot be written."
            raise DeliveryStopped(msg)

    service = Service(lambda numbers: Answer(400))
    delivery = Delivery(service, Full(), lanes=1)
    delivery.submit(make_item(1, "id:1"))
    with pytest.raises(DeliveryStopped, match="cannot be written"):
        delivery.close()


@pytest.mark.parametrize("seed", range(3))
def test_an_item_of_two_people_waits_for_both_and_both_wait_for_it(seed):
    dice = random.Random(seed)
    started: dict[int, int] = {}
    answered: dict[int, int] = {}
    ticks = itertools.count()

    def answer(numbers):
        started.update(dict.fromkeys(numbers, next(ticks)))
        time.sleep(dice.random() / 100)  # the latency of a server
        answered.update(dict.fromkeys(numbers, next(ticks)))
        return Answer(200)

    book = Book()
    delivery = Delivery(Service(answer), book, lanes=16)
    about: list[set[str]] = []
    merges = []
    for number in range(800):
        one, other = (f"id:{person}" for person in dice.sample(range(40), 2))
        is_merge = dice.random() < 0.1
        about.append({one, other} if is_merge else {one})
        if is_merge:
            merges.append(number)
        delivery.submit(
            make_item(
                number,
                one,
                is_event=not is_merge and dice.random() < 0.7,
                size=dice.randrange(20_000),
                also=other if is_merge else None,
            )
        )
    delivery.close()
    assert book.verdicts == {number: ["accepted"] for number in range(800)}
    for merge in merges:
        related = [number for number, people in enumerate(about) if people & about[merge]]
        assert all(answered[number] < started[merge] for number in related if number < merge)
        assert all(answered[merge] < started[number] for number in related if number > merge)


def test_an_identifier_that_was_forgotten_as_moved_keeps_its_order(monkeypatch):
    monkeypatch.setattr("target_customerio.delivery.MOVED", 1)
    arrived: list[int] = []

    def answer(numbers):
        time.sleep(0.01)  # the latency of a server
        arrived.extend(numbers)
        return Answer(200)

    delivery = Delivery(Service(answer), Book(), lanes=16)
    sent: dict[str, list[int]] = defaultdict(list)

    def submit(person: str, *, identifier: str | None = None) -> None:
        number = sum(map(len, sent.values()))
        sent[person].append(number)
        also = person if identifier else None
        delivery.submit(make_item(number, identifier or person, is_event=False, also=also))

    for number in range(30):
        here, before = f"id:{number % 6}", f"id:{(number - 1) % 6}"
        submit(here, identifier="id:first")
        submit(here)
        submit(here)
        submit(before)  # which was forgotten just now
    delivery.close()
    assert len(arrived) == 120
    for numbers in sent.values():
        assert [one for one in arrived if one in numbers] == numbers


def test_the_second_body_whose_items_are_all_refused_alone_ends_the_run():
    service, book = Service(lambda numbers: Answer(400)), Book()
    delivery = Delivery(service, book, lanes=1)
    with pytest.raises(RunEnded, match="each item of 2 bodies"):  # noqa: PT012 - some submit fails
        for number in range(200):
            delivery.submit(make_item(number, f"id:{number}", size=30_000))
        delivery.close()
    assert len(book.rejections) == 32  # two bodies of 16


def test_one_item_after_the_other_refused_ends_no_run():
    service, book = Service(lambda numbers: Answer(400)), Book()
    delivery = Delivery(service, book, lanes=4)
    for number in range(5):
        delivery.submit(make_item(number, "id:1", is_event=False))
    delivery.close()
    assert len(book.rejections) == 5
