"""Faults: each kind once, on both APIs, and how orders are used up."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
from tests.waiting import wait_until

from customerio_simulator import ControlError
from customerio_simulator.faults import Faults
from customerio_simulator.weather import TROUBLES, Weather

LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


def codes(client, number, path="/v1/workspaces"):
    return [client.ask(path).status_code for _ in range(number)]


def test_a_status_strikes_so_many_times(client):
    client.simulator.fault(times=2, path="/v1/messages", status=503)
    assert codes(client, 2, "/v1/campaigns") == [200, 200]
    assert codes(client, 3, "/v1/messages") == [503, 503, 200]


def test_some_may_pass_first(client):
    client.simulator.fault(skip=2, status=500)
    assert codes(client, 4) == [200, 200, 500, 200]


def test_paths_may_have_stars_and_methods_count(client):
    client.simulator.fault(times=None, path="/v1/segments/*/membership", status=500)
    client.simulator.fault(times=None, method="post", status=502)
    assert codes(client, 2, "/v1/segments/3/membership") == [500, 500]
    assert codes(client, 1, "/v1/segments") == [200]
    assert client.batch().status_code == 502


def test_orders_stand_in_line(client):
    client.simulator.fault(status=500)
    client.simulator.fault(status=502)
    assert codes(client, 3) == [500, 502, 200]


def test_a_429_may_say_when_to_come_back_or_not(client):
    client.simulator.fault(status=429, retry_after=2)
    client.simulator.fault(status=429)
    first, second = client.ask("/v1/workspaces"), client.ask("/v1/workspaces")
    assert (first.status_code, first.headers["Retry-After"]) == (429, "2")
    assert "Retry-After" not in second.headers
    assert second.json()["errors"][0]["detail"].startswith("rate limited")


def test_known_errors_have_their_recorded_body(client):
    client.simulator.fault(status=401)
    client.simulator.fault(status=503, path="/api/*")
    assert client.ask("/v1/workspaces").json()["errors"][0]["detail"] == "unauthorized"
    assert client.batch().json() == {"meta": {"error": "Service Unavailable"}}


def test_a_body_and_headers(client):
    client.simulator.fault(body='{"messages": [')
    client.simulator.fault(body={"messages": None})
    client.simulator.fault(status=302, headers={"Location": "http://127.0.0.1:9/"}, body="")
    assert client.ask("/v1/messages").text == '{"messages": ['
    assert client.get("/v1/messages") == {"messages": None}
    answer = client.session.get(f"{client.url}/v1/messages", allow_redirects=False, timeout=30)
    assert answer.headers["Location"] == "http://127.0.0.1:9/"


@pytest.mark.parametrize("status", [None, 502])
def test_an_html_page(client, status):
    client.simulator.fault(html=True, status=status)
    answer = client.ask("/v1/messages")
    assert answer.status_code == (status or 200)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_delay(client):
    client.simulator.fault(delay=0.2)
    begin = time.monotonic()
    assert codes(client, 1) == [200]
    assert time.monotonic() - begin >= 0.2


def test_latency_slows_every_answer_and_is_no_fault_of_the_limit(serve):
    client = serve(latency_ms=100, rate_limit=1)
    begin = time.monotonic()
    assert codes(client, 2) == [200, 429]
    assert client.batch().status_code == 200
    assert time.monotonic() - begin >= 0.3


def test_a_slow_body_is_whole(client):
    plain = client.get("/v1/campaigns")
    client.simulator.fault(slow=0.3)
    begin = time.monotonic()
    assert client.get("/v1/campaigns") == plain
    assert time.monotonic() - begin >= 0.2


def test_a_reset_before_anything_was_applied(client, event):
    client.simulator.fault(reset=True)
    with pytest.raises(requests.ConnectionError, match="reset"):
        client.batch(event("1"))
    assert client.simulator.events() == []
    assert client.batch(event("1")).status_code == 200
    assert [call["status"] for call in client.simulator.calls()] == [0, 200]


def test_a_reset_after_it_was_applied(client, event):
    client.simulator.fault(reset="after")
    with pytest.raises(requests.ConnectionError, match="reset"):
        client.batch(event("1"))
    assert len(client.simulator.events()) == 1


def test_an_error_after_it_was_applied(client, event):
    client.simulator.fault(status=504, applied=True)
    client.simulator.fault(status=504)
    assert client.batch(event("1")).status_code == 504
    assert client.batch(event("2")).status_code == 504
    assert [each["identifiers"]["id"] for each in client.simulator.events()] == ["1"]


def test_a_truncated_body(client, event):
    client.simulator.fault(truncate=True)
    with pytest.raises(LOST):
        client.ask("/v1/messages")
    client.simulator.fault(truncate=True)
    with pytest.raises(LOST):
        client.batch(event("1"))
    assert len(client.simulator.events()) == 1
    assert codes(client, 1) == [200]


def test_odds_strike_until_taken_back(client):
    client.simulator.fault(probability=0.3, seed=5, status=500)
    seen = codes(client, 200)
    assert 30 <= seen.count(500) <= 90
    client.simulator.clear_faults()
    assert set(codes(client, 20)) == {200}


def test_odds_follow_from_the_seed():
    def struck(seed):
        faults = Faults()
        faults.add({"probability": 0.5, "seed": seed})
        return [faults.strike("GET", "/v1/x") is not None for _ in range(50)]

    assert struck(1) == struck(1) != struck(2)


def test_odds_may_have_an_end():
    faults = Faults()
    faults.add({"probability": 1.0, "times": 2})
    assert [faults.strike("GET", "/") is not None for _ in range(4)] == [True, True, False, False]


def test_the_control_endpoint_is_never_struck(client):
    client.simulator.fault(times=None, status=500)
    assert client.simulator.received()["requests"] == 0
    client.simulator.reset()
    assert codes(client, 1) == [200]


@pytest.mark.parametrize(
    "order",
    [{"shoe": 1}, {"reset": "never"}, {"status": 99}, {"status": 600}],
)
def test_an_order_that_makes_no_sense_is_refused(client, order):
    with pytest.raises(ControlError):
        client.simulator.fault(**order)
    assert codes(client, 1) == [200]


def test_several_faults_mix_by_their_odds(client):
    for status, odds in ((500, 0.2), (502, 0.25), (429, 0.3)):
        client.simulator.fault(probability=odds, seed=status, status=status)
    first = codes(client, 120)
    client.simulator.clear_faults()
    for status, odds in ((500, 0.2), (502, 0.25), (429, 0.3)):
        client.simulator.fault(probability=odds, seed=status, status=status)
    assert codes(client, 120) == first
    counts = {status: first.count(status) for status in set(first)}
    assert set(counts) == {200, 429, 500, 502}
    assert min(counts.values()) > 10


def test_latency_varies_by_the_seed(serve):
    import random

    client = serve(latency_ms=60, latency_jitter_ms=50, seed=3)
    chance = random.Random(3)
    for _ in range(8):
        expected = (60 + 50 * chance.uniform(-1, 1)) / 1000
        begin = time.monotonic()
        client.ask("/v1/workspaces")
        assert time.monotonic() - begin >= expected
    with pytest.raises(ControlError, match="latency_jitter_ms"):
        client.simulator.edit(options={"latency_jitter_ms": -1})


def test_weather_strikes_so_many_calls_with_every_passing_trouble():
    weather = Weather(seed=4)
    struck = [weather.strike(20) for _ in range(5000)]
    assert 900 <= sum(fault is not None for fault in struck) <= 1100
    assert all(struck.count(fault) >= 15 for _, fault in TROUBLES)
    assert {weather.strike(0) for _ in range(100)} == {None}
    assert None not in [weather.strike(100) for _ in range(100)]


@pytest.mark.parametrize("trouble", [fault for _, fault in TROUBLES if fault.status])
def test_weather_answers_with_the_status_that_it_says(client, trouble):
    order = dataclasses.asdict(trouble)
    client.simulator.fault(**order)
    client.simulator.fault(**order)
    assert client.ask("/v1/workspaces").status_code == trouble.status
    assert client.batch().status_code == trouble.status


def test_weather_follows_from_the_seed_and_loses_answers_to_what_was_applied(serve, event):
    def storm(seed):
        client = serve(weather=50, seed=seed)
        for number in range(60):
            with contextlib.suppress(*LOST):
                client.batch(event(str(number)))
        return [call["status"] for call in client.simulator.calls()], client.simulator.events()

    (statuses, events), again, other = storm(1), storm(1), storm(2)
    assert statuses == again[0] != other[0]
    assert statuses.count(200) < len(events) < 60
    assert 0 in statuses
    client = serve(weather=100, seed=1)
    client.simulator.edit(options={"weather": 0})
    assert set(codes(client, 20)) == {200}


def test_what_was_ordered_comes_before_the_weather(serve):
    client = serve(weather=100)
    client.simulator.fault(status=418)
    assert codes(client, 1) == [418]


def test_more_weather_than_all_calls_is_refused(client):
    with pytest.raises(ControlError, match="weather must be at most 100"):
        client.simulator.edit(options={"weather": 101})


def test_whoever_hung_up_already_needs_no_reset(client, caplog):
    client.simulator.fault(reset=True, delay=0.3)
    address = urlsplit(client.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"POST /api/v2/batch HTTP/1.1\r\nHost: here\r\n\r\n")
        wait_until(client.simulator.calls)
    wait_until(lambda: client.simulator.calls()[0]["status"] is not None)
    assert codes(client, 1) == [200]
    assert not caplog.records
