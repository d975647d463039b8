"""Collections: their rows are replaced at once, at the end of input, or not at all."""

from __future__ import annotations

import json

import pytest
import requests

from .gathered import replacing, rows


@pytest.fixture
def content(simulator):
    """Return the rows of a collection."""

    def read(name):
        headers = {"Authorization": f"Bearer {simulator.app_api_key}"}
        url = f"{simulator.url}/v1/collections"
        found = requests.get(url, headers=headers, timeout=9).json()["collections"]
        (number,) = [row["id"] for row in found if row["name"] == name]
        return requests.get(f"{url}/{number}/content", headers=headers, timeout=9).json()

    return read


def test_quirk_72_a_collection_is_replaced_at_once(run, singer, app, content):
    assert run(rows(singer, 1, 2), **replacing(), **app).exit_code == 0
    done = run(rows(singer, 2.5), **replacing(create_missing=False), **app)
    assert (done.exit_code, json.loads(done.states[-1])) == (0, {"rows": 1})
    assert content("prices") == [{"sku": "s2.5", "price": 2.5, "none": None}]


@pytest.mark.parametrize("keep", [slice(0, -1), slice(0, 1)])
def test_a_tap_that_failed_or_brought_nothing_replaces_nothing(run, singer, app, content, keep):
    run(rows(singer, 1), **replacing(), **app)
    done = run(rows(singer, 7)[keep], **replacing(), **app)
    assert (done.exit_code, done.states) == (1, [])
    assert content("prices")[0]["price"] == 1


def test_with_a_reject_nothing_is_replaced(run, singer, app, content):
    run(rows(singer, 1), **replacing(), **app)
    messages = rows(singer, 7, 8)
    messages[1]["record"]["sku"] = "x" * 10_000
    done = run(messages, **replacing(), **app)
    assert (done.exit_code, done.states) == (1, [])
    assert done.rejects[-1]["rejection"]["field"] == "row"
    assert content("prices")[0]["price"] == 1


@pytest.mark.parametrize(("too_much", "sent"), [(0, 1), (1, 0)])
def test_above_ten_megabytes_nothing_is_replaced(run, singer, app, simulator, *, too_much, sent):
    around, commas = len('{"a":""}') * 1_010, 1_009
    characters = 10_000_000 - len("[]") - around - commas + too_much
    widths = [9_900] * 1_009
    messages = [
        singer.SCHEMA("s", {"a": "string"}),
        *(singer.RECORD("s", a="x" * width) for width in (*widths, characters - sum(widths))),
        singer.STATE(done=1),
    ]
    done = run(messages, **replacing(), **app)
    assert (done.exit_code, len(done.states)) == (1 - sent, sent)
    assert ("take 10,000,001" in done.error) is bool(too_much)
    calls = [call for call in simulator.calls() if call["method"] in {"PUT", "POST"}]
    assert len(calls) == sent


def test_a_later_schema_asks_for_nothing_again(run, singer, app, content, simulator):
    later = singer.SCHEMA("s", {"sku": "string", "price": "number", "more": "string"})
    messages = rows(singer, 1)
    done = run([*messages[:2], later, *messages[1:]], **replacing(), **app)
    assert (done.exit_code, len(content("prices"))) == (0, 2)
    asked = [call["method"] for call in simulator.calls() if call["path"] == "/v1/collections"]
    assert asked[:2] == ["GET", "POST"]


def test_a_collection_needs_the_app_key(run, singer):
    done = run(rows(singer, 1), **replacing())
    assert done.exit_code == 1
    assert "needs `app_api_key`" in done.error
