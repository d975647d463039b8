"""One budget of calls for several taps, in a file or in a Redis server."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tap_customerio import budgets, run_settings
from tap_customerio.budgets import open_budget
from tap_customerio.errors import RunError
from tap_customerio.limiter import Clock, Limiter
from tap_customerio.turns import Turn

from .conftest import Reply, configuration, run, selection

COMMAND = str(Path(sys.executable).with_name("tap-customerio"))


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/budget.db"
    return request.getfixturevalue("redis_url")


TAKE_TURNS = """
import sys, threading, time
from tap_customerio.budgets import open_budget
from tap_customerio.limiter import Clock, Limiter
limiter, never = Limiter(open_budget(10, sys.argv[1], "a"), Clock()), threading.Event()
sys.stdin.read()
for _ in range(10):
    limiter.acquire(never)
    print(time.time())
"""


def test_four_processes_on_one_budget_keep_the_limit_and_use_it(store):
    command = [sys.executable, "-c", TAKE_TURNS, store]
    takers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for taker in takers:
        taker.stdin.close()
    turns = sorted(float(line) for taker in takers for line in taker.stdout)
    for taker in takers:
        taker.stdout.close()
        assert taker.wait(10) == 0
    assert len(turns) == 40
    gaps = [later - earlier for earlier, later in zip(turns, turns[10:], strict=False)]
    assert min(gaps) > 1
    assert 30 / (turns[30] - turns[0]) >= 9


def test_names_keep_budgets_apart_and_bring_two_keys_together(store):
    one, same, other = (open_budget(1, store, name) for name in ("a", "a", "b"))
    assert one.take(Turn()) == 0
    assert 0 < same.take(Turn()) <= budgets.WINDOW_MS / 1000 + 0.01
    assert other.take(Turn()) == 0


def test_a_call_counts_from_when_its_connection_was_open(store):
    one, same = (open_budget(1, store, "a") for _ in range(2))
    turn = Turn()
    assert one.take(turn) == 0
    while (wait := same.take(Turn())) > 0.6:
        threading.Event().wait(wait - 0.6)
    assert wait > 0
    one.sent(turn)
    assert 0.7 < same.take(Turn()) <= budgets.WINDOW_MS / 1000 + 0.01


def test_a_pause_holds_back_all_who_share_the_budget(store):
    one, same = (open_budget(10, store, "a") for _ in range(2))
    one.pause(40)
    one.pause(5)
    assert 35 < same.take(Turn()) <= 40


def test_a_clock_that_was_set_back_holds_nobody_up(tmp_path, monkeypatch):
    store = f"sqlite:///{tmp_path}/budget.db"
    one, same = (open_budget(1, store, "a") for _ in range(2))
    ahead = time.time() + 3600
    with monkeypatch.context() as clock:
        clock.setattr(budgets.time, "time", lambda: ahead)
        assert one.take(Turn()) == 0
        one.pause(40)
    # The call counts as one that is made now: the limit holds, too.
    assert 0 < same.take(Turn()) <= budgets.WINDOW_MS / 1000 + 0.01


def test_a_429_is_told_to_the_others(fake, tmp_path):
    store = f"sqlite:///{tmp_path}/budget.db"
    fake.routes["/v1/snippets"] = Reply(429, {}, {"Retry-After": "200"})
    settings = configuration(
        fake.url, requests_per_second=10, rate_limit_store=store, max_retries=3,
        rate_limit_name="shared",
    )  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "catalog.json").write_text(json.dumps(selection("snippets")))
    command = [COMMAND, "--config", str(tmp_path / "config.json"),
               "--catalog", str(tmp_path / "catalog.json")]  # fmt: skip
    budget = open_budget(10, store, "shared")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tap:
        deadline = time.monotonic() + 30
        while (wait := budget.take(Turn())) < 5 and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        tap.terminate()
    assert 150 < wait <= 200


@pytest.mark.parametrize("store", ["sqlite:////no/such/folder/budget.db", "redis://127.0.0.1:1/0"])
def test_a_store_that_cannot_be_used_is_one_sentence(fake, store, caplog):
    result = run(fake.url, "snippets", requests_per_second=10, rate_limit_store=store)
    assert result.exit_code == 1
    assert "rate_limit_store" in caplog.text
    assert "/no/such" not in caplog.text
    assert fake.calls == []


def test_a_store_that_breaks_in_the_middle_is_one_sentence():
    class Broken:
        def take(self, turn):
            raise sqlite3.OperationalError

        def pause(self, seconds):
            raise sqlite3.OperationalError

    limiter = Limiter(Broken(), Clock())
    with pytest.raises(RunError, match="rate_limit_store"):
        limiter.acquire(threading.Event())


def test_without_the_client_of_redis_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(RunError, match=r"tap-customerio\[redis\]"):
        open_budget(10, "redis://127.0.0.1:1/0", "a")


@pytest.mark.parametrize(
    "store", ["sqlite:///relative.db", "sqlite://host/x", "postgres://host/x", "redis://", "x"]
)
def test_a_store_of_another_kind_is_refused_by_the_settings(store):
    (problem,) = run_settings.problems({"rate_limit_store": store})
    assert "four slashes" in problem
