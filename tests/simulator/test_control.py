"""The workspace from its seed, and the control endpoint: edits, clock, calls."""

from __future__ import annotations

import json
import time

import pytest
import requests

from customerio_simulator import ControlError, OptionError, Options, Simulator, Workspace, start
from customerio_simulator.tables import Table

DAY = 86_400
LISTS = (
    ("/v1/campaigns", "campaigns"),
    ("/v1/campaigns/3/actions", "actions"),
    ("/v1/broadcasts", "broadcasts"),
    ("/v1/newsletters", "newsletters"),
    ("/v1/transactional", "messages"),
    ("/v1/segments", "segments"),
    ("/v1/segments/1/membership", "identifiers"),
    ("/v1/messages", "messages"),
    ("/v1/activities", "activities"),
    ("/v1/collections", "collections"),
    ("/v1/snippets", "snippets"),
    ("/v1/sender_identities", "sender_identities"),
    ("/v1/subscription_topics", "topics"),
    ("/v1/subscription_channels", "channels"),
    ("/v1/object_types", "types"),
    ("/v1/newsletters/2/contents", "contents"),
    ("/v1/broadcasts/1/triggers", "triggers"),
    ("/v1/optouts", "optouts"),
    ("/v1/esp/suppression/bounces", "suppressions"),
    ("/v1/reporting_webhooks", "reporting_webhooks"),
    ("/v1/exports", "exports"),
)


def everything(client):
    return {path: client.rows(path, key) for path, key in LISTS}


def test_the_same_seed_makes_the_same_workspace(serve):
    first, again, other = serve(seed=1), serve(seed=1), serve(seed=2)
    assert everything(first) == everything(again)
    assert everything(first)["/v1/messages"] != everything(other)["/v1/messages"]
    assert first.simulator.people() == again.simulator.people()
    objects = [each.simulator.objects(written=False) for each in (first, again, other)]
    assert objects[0] == objects[1] != objects[2]


def test_sizes_are_what_was_asked_for(serve):
    client = serve(
        campaigns=3, broadcasts=2, newsletters=7, transactional=1, segments=4, collections=2,
        snippets=6, senders=8, topics=5, messages=30, activities=45, people=9, actions=11,
        channels=4, object_types=3, objects=5, triggers=2, optouts=20, suppressions=7, webhooks=1,
        exports=6,
    )  # fmt: skip
    counts = {path: len(rows) for path, rows in everything(client).items()}
    # 30 deliveries in 400 days, of which the list without bounds shows those of 180 days.
    assert counts.pop("/v1/messages") == 15
    assert counts == {
        "/v1/campaigns": 3, "/v1/campaigns/3/actions": 11, "/v1/broadcasts": 2,
        "/v1/newsletters": 7, "/v1/transactional": 1, "/v1/segments": 4,
        "/v1/segments/1/membership": 9, "/v1/activities": 43, "/v1/collections": 2,
        "/v1/snippets": 6, "/v1/sender_identities": 6, "/v1/subscription_topics": 5,
        "/v1/subscription_channels": 4, "/v1/object_types": 3,
        "/v1/newsletters/2/contents": 4, "/v1/broadcasts/1/triggers": 2, "/v1/optouts": 9,
        "/v1/esp/suppression/bounces": 7, "/v1/reporting_webhooks": 1, "/v1/exports": 6,
    }  # fmt: skip


def test_an_empty_workspace(serve):
    sizes = (
        "people", "campaigns", "broadcasts", "newsletters", "transactional", "segments",
        "activities", "messages", "drafts", "collections", "snippets", "senders", "topics",
        "channels", "object_types", "objects", "optouts", "suppressions", "webhooks", "exports",
    )  # fmt: skip
    client = serve(**dict.fromkeys(sizes, 0))
    for path, key in LISTS:
        if not any(character.isdigit() for character in path[3:]):
            assert client.rows(path, key) == []
    assert client.get("/v1/workspaces")["workspaces"][0]["people"] == 0


def test_a_million_rows_cost_nothing_until_they_are_read(serve):
    begin = time.monotonic()
    client = serve(activities=1_000_000, people=1_000_000, messages=1_000_000, segments=5000)
    assert len(client.get("/v1/activities", limit=100, deleted="true")["activities"]) == 100
    token = str(900_000_000_000_000_000 + 999_950)
    last = client.get("/v1/activities", limit=100, deleted="true", start=token)
    assert len(last["activities"]) == 50
    assert len(client.get("/v1/messages", limit=1000)["messages"]) == 1000
    members = client.get("/v1/segments/5000/membership", limit=30_000)
    assert len(members["identifiers"]) == 30_000
    assert client.get("/v1/segments/1/customer_count")["count"] == 1_000_000
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("options", [{"people": -1}, {"region": "moon"}, {"rate_limit": -5}])
def test_options_that_no_workspace_can_have(options):
    with pytest.raises(OptionError, match="must be"):
        start(**options)


def test_added_rows_are_made_up_or_laid_over_made_up_ones(client, now):
    added = client.simulator.edit(
        add={
            "campaigns": 2,
            "messages": [{"created": now - 10 * DAY, "subject": "Here"}, {}],
            "activities": 3,
            "snippets": [{"name": "footer"}],
        }
    )
    assert added["campaigns"] == [13, 14]
    assert client.get("/v1/campaigns/14")["campaign"]["name"] == "Campaign 14"
    rows = client.rows("/v1/messages", "messages", limit=1000)
    times = [row["created"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert [row["id"] for row in rows if row["subject"] == "Here"] == [added["messages"][0]]
    assert rows[0]["created"] == now
    window = client.get("/v1/messages", start_ts=now - 10 * DAY, end_ts=now - 10 * DAY)["messages"]
    assert added["messages"][0] in [row["id"] for row in window]
    timestamps = [
        row["timestamp"] for row in client.rows("/v1/activities", "activities", limit=100)
    ]
    assert timestamps[1:5].count(now) == 3
    assert "footer" in [row["name"] for row in client.get("/v1/snippets")["snippets"]]


def test_rows_are_changed_and_removed(client):
    client.simulator.edit(
        change={"campaigns": {2: {"name": "Anew"}}, "snippets": {"snippet-1": {"value": "x"}}},
        remove={"campaigns": [1], "snippets": ["snippet-2"]},
    )
    campaigns = client.get("/v1/campaigns")["campaigns"]
    assert [row["id"] for row in campaigns][:2] == [2, 3]
    assert campaigns[0]["name"] == "Anew"
    assert client.ask("/v1/campaigns/1/actions").status_code == 404
    snippets = client.get("/v1/snippets")["snippets"]
    assert [row["name"] for row in snippets] == ["snippet-1", "snippet-3", "snippet-4"]
    assert snippets[0]["value"] == "x"


def test_the_metrics_of_a_delivery_can_be_changed(client, now):
    row = client.get("/v1/messages", limit=1)["messages"][0]
    client.simulator.edit(change={"messages": {row["id"]: {"metrics": {"converted": now - 1}}}})
    changed = client.get("/v1/messages", limit=1)["messages"][0]
    assert changed["metrics"] == row["metrics"] | {"converted": now - 1}
    assert changed["deduplicate_id"] == f"{row['id']}:{max(changed['metrics'].values())}"


def test_activities_can_be_removed(client):
    rows = client.rows("/v1/activities", "activities", limit=100)
    client.simulator.edit(remove={"activities": [rows[3]["id"]]})
    assert client.rows("/v1/activities", "activities", limit=100) == rows[:3] + rows[4:]


def test_members_can_be_set(client):
    client.simulator.edit(members={3: ["30000000", "30e00001", "nobody"]})
    body = client.get("/v1/segments/3/membership")
    assert [each["cio_id"] for each in body["identifiers"]] == ["30000000", "30e00001"]
    added = client.simulator.edit(add={"segments": 1})["segments"]
    assert client.get(f"/v1/segments/{added[0]}/membership")["ids"] is None


def test_people_can_be_removed(client):
    client.simulator.edit(remove={"people": ["30000000"]})
    assert client.profile("100001") == {}
    assert client.get("/v1/workspaces")["workspaces"][0]["people"] == 39


def test_options_can_be_changed(client):
    client.simulator.edit(options={"rate_limit": 1})
    assert [client.ask("/v1/workspaces").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ({"add": {"shoes": 1}}, "no table 'shoes'"),
        ({"remove": {"campaigns": [99]}}, "no row with the id 99"),
        ({"change": {"campaigns": {"99": {}}}}, "no row with the id '99'"),
        ({"options": {"people": 5}}, "people cannot change"),
        ({"options": {"shoe": 5}}, "shoe"),
        ({"options": {"rate_limit": -1}}, "0 or more"),
        ({"shoe": {}}, "no 'shoe'"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(client, order, text):
    with pytest.raises(ControlError, match=text):
        client.simulator.edit(**order)


def test_the_clock_is_set_and_moved(client, now):
    assert client.simulator.now() == now
    assert client.simulator.clock(advance=60) == now + 60
    assert client.simulator.clock(advance=5) == now + 65
    assert client.simulator.clock(now=now + 1000, advance=1) == now + 1001
    client.simulator.edit(add={"activities": 1})
    newest = client.get("/v1/activities", limit=3, deleted="true")["activities"]
    assert now + 1001 in [row["timestamp"] for row in newest]


def test_calls_are_told_in_order_of_arrival(client):
    client.ask("/v1/messages", limit=5, start="")
    client.batch()
    client.ask("/v1/nothing")
    first, second, third = client.simulator.calls()
    assert first["query"] == {"limit": "5", "start": ""}
    assert (first["method"], first["path"], first["status"], first["bytes"]) == (
        "GET", "/v1/messages", 200, 0,
    )  # fmt: skip
    assert (second["method"], second["path"], second["bytes"]) == (
        "POST", "/api/v2/batch", len('{"batch": []}'),
    )  # fmt: skip
    assert third["status"] == 404
    assert first["time"] < second["time"] < third["time"] <= time.monotonic()


def test_a_reset_forgets_what_was_seen_and_keeps_the_workspace(client, identify, event):
    client.batch(identify("1"), event("1"), {})
    client.simulator.fault(times=None, status=500)
    client.simulator.reset()
    assert client.simulator.calls() == []
    assert client.simulator.events() == []
    assert set(client.simulator.received().values()) == {0}
    assert client.profile("1")
    assert client.ask("/v1/workspaces").status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"nonsense": 1}'])
def test_control_calls_that_make_no_sense_are_refused(client, body):
    answer = client.session.post(f"{client.url}/simulator/clock", data=body, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.session.get(f"{client.url}/simulator/shoes", timeout=30).status_code == 404


def test_an_attached_simulator_has_the_same_face(client):
    with Simulator(client.url) as other:
        other.fault(status=500)
        assert other.app_api_key == client.simulator.app_api_key
    assert client.ask("/v1/workspaces").status_code == 500


def test_a_workspace_can_be_made_first(identify):
    workspace = Workspace(Options(people=3, rate_limit=0))
    with start(workspace) as simulator:
        assert len(simulator.people()) == 3
        url = simulator.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_stopping_twice_and_while_a_call_is_under_way():
    import threading

    simulator = start(rate_limit=0)
    simulator.fault(delay=60)
    failures = []

    def call():
        try:
            requests.get(f"{simulator.url}/v1/workspaces", timeout=60)
        except requests.ConnectionError as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while not simulator.calls():
        pass
    begin = time.monotonic()
    simulator.stop()
    simulator.stop()
    caller.join()
    assert len(failures) == 1
    assert time.monotonic() - begin < 5


def test_rows_of_a_table_stay_in_order_whatever_happens():
    import random

    chance = random.Random(3)
    table = Table(
        "id", 50, lambda i: {"id": i, "at": 1000 - i * 10}, newest_first_by="at",
        index_of=lambda key: key if isinstance(key, int) else None,
    )  # fmt: skip
    expected = {row["id"]: row["at"] for row in table.rows}
    for nth in range(300):
        key = f"x{nth}"
        if chance.random() < 0.6:
            at = chance.randrange(400, 1100)
            table.add({"id": key, "at": at})
            expected[key] = at
        else:
            gone = chance.choice(sorted(expected, key=str))
            assert table.remove(gone)
            assert table.get(gone) is None
            del expected[gone]
    rows = table.rows[:]
    assert {row["id"]: row["at"] for row in rows} == expected
    assert [row["at"] for row in rows] == sorted(expected.values(), reverse=True)
    assert [table.rows[nth] for nth in range(len(table.rows))] == rows
    between = [row for row in rows if 600 <= row["at"] <= 900]
    assert table.between(600, 900)[:] == between


def test_answers_are_json(client):
    answer = client.ask("/v1/campaigns")
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.content) == answer.json()
