from __future__ import annotations

import contextlib
import sqlite3
import threading
import time

import pytest

from target_customerio.api import TrackClient
from target_customerio.budget import ExplainedBudget, OwnBudget
from target_customerio.errors import RunEnded
from target_customerio.settings import check_store


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/budget.db"
    return request.getfixturevalue("redis_url")


def take(budget: ExplainedBudget | OwnBudget, number: int, taken: list[float]) -> None:
    while number:
        if wait := budget.take():
            time.sleep(wait)  # as the budget says
        else:
            taken.append(time.monotonic())
            number -= 1


def test_no_second_holds_more_calls_than_are_allowed():
    taken: list[float] = []
    take(OwnBudget(20), 30, taken)
    assert all(later - earlier >= 1.0 for earlier, later in zip(taken, taken[20:], strict=False))


def test_two_targets_share_one_budget(store):
    taken: list[float] = []
    budgets = [ExplainedBudget(20, store, "workspace") for _ in range(2)]
    threads = [threading.Thread(target=take, args=(budget, 25, taken)) for budget in budgets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    assert len(taken) == 50
    assert all(later - earlier >= 0.95 for earlier, later in zip(taken, taken[20:], strict=False))


def test_budgets_of_other_names_are_apart(store):
    one, other = ExplainedBudget(1, store, "one"), ExplainedBudget(1, store, "other")
    assert one.take() == 0
    assert one.take() > 0
    assert other.take() == 0


def test_a_pause_holds_for_everyone_and_a_shorter_one_does_not_end_it(store):
    one, other = ExplainedBudget(10, store, "w"), ExplainedBudget(10, store, "w")
    one.pause(30)
    one.pause(1)
    assert 25 < other.take() <= 30


@pytest.mark.parametrize("store", ["sqlite:////no/such/folder/budget.db", "redis://127.0.0.1:1/0"])
def test_a_store_that_cannot_be_used_is_one_sentence(store):
    with pytest.raises(RunEnded, match="`rate_limit_store` names cannot be used") as ended:
        ExplainedBudget(10, store, "w")
    assert "/no/such" not in str(ended.value)


def test_a_store_that_breaks_in_the_middle_is_one_sentence(tmp_path):
    budget = ExplainedBudget(10, f"sqlite:///{tmp_path}/budget.db", "w")
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.db")) as file:
        file.execute("DROP TABLE track_pauses")
    with pytest.raises(RunEnded, match="OperationalError"):
        budget.take()


def test_the_client_takes_its_turns_from_the_budget_and_tells_it_of_a_429(simulator):
    class Book:
        def __init__(self):
            self.turns = [0.0, 0.5, 0.0]
            self.taken = 0
            self.pauses = []

        def take(self):
            self.taken += 1
            return self.turns.pop(0)

        def pause(self, seconds):
            self.pauses.append(seconds)

    book, waits = Book(), []
    client = TrackClient(
        site_id=simulator.site_id,
        api_key=simulator.track_api_key,
        url=simulator.url,
        budget=book,
        sleep=lambda seconds: (waits.append(seconds), ticks.append(seconds)),
        clock=lambda: sum(ticks),
    )
    ticks: list[float] = []
    simulator.fault(times=1, path="/api/v1/accounts/region", status=429, retry_after=7)
    client.check()
    assert book.taken == 3
    assert book.pauses == [7.0]
    assert waits == [7.0, 0.5]


@pytest.mark.parametrize(
    "store", ["sqlite:///relative.db", "sqlite://host/x", "postgres://host/x", "redis://", "x"]
)
def test_a_store_of_another_kind_is_refused(store):
    with pytest.raises(RunEnded, match="four slashes"):
        check_store(store)


def test_runs_that_share_a_budget_deliver_everything(run, simulator, singer, tmp_path):
    messages = [singer.SCHEMA("person_identify", {"id": "string"}), singer.STATE(done=1)]
    messages.insert(1, singer.RECORD("person_identify", id="jane"))
    done = run(messages, rate_limit_store=f"sqlite:///{tmp_path}/budget.db", rate_limit_name="w")
    assert done.exit_code == 0
    assert done.states == ['{"done": 1}']
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.db")) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    assert len([name for name in tables if name.startswith("track_")]) >= 2
