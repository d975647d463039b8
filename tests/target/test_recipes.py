"""The README's recipes do what they say, against the simulator."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import requests

from .conftest import COMMAND
from .tables import README

TAP = str(Path(COMMAND).with_name("tap-customerio"))


def recipe(word):
    blocks = re.findall(r"```json\n({.*?)```", README.read_text(), re.DOTALL)
    (found,) = [json.loads(block) for block in blocks if word in block]
    return found


def as_read(name, value):
    """An attribute as text, as the App API tells it; what the target makes of it, as it is."""
    if name == "cio_subscription_preferences":
        return json.loads(value) if isinstance(value, str) else value
    return value if name == "created_at" else str(value)


def listed(simulator, path):
    headers = {"Authorization": f"Bearer {simulator.app_api_key}"}
    return requests.get(f"{simulator.url}/v1/{path}", headers=headers, timeout=30).json()


def test_warehouse_to_events(run, singer, simulator):
    time = {"type": "string", "format": "date-time"}
    columns = {
        "customer_id": "integer",
        "order_id": "string",
        "ordered_at": time,
        "total": "number",
    }
    order = {"customer_id": 7, "order_id": "A-1", "total": 2.5}
    done = run(
        [
            singer.SCHEMA("analytics-orders", columns, ["order_id"]),
            singer.RECORD("analytics-orders", **order, ordered_at="2024-04-19T00:00:00Z"),
            singer.STATE(done=1),
        ],
        **recipe("analytics-orders"),
    )
    assert done.exit_code == 0, done.log
    (event,) = simulator.events()
    assert (event["name"], event["timestamp"]) == ("Order placed", 1713484800)
    assert (event["identifiers"], event["attributes"]) == ({"id": "7"}, {"total": 2.5})


def test_a_segment_mirror(run, singer, simulator, app):
    everybody = [
        singer.SCHEMA("person_identify", {"id": "integer"}),
        *(singer.RECORD("person_identify", id=each) for each in range(10)),
    ]
    assert run(everybody).exit_code == 0

    def mirror(ids):
        rows = [singer.RECORD("analytics-vip", customer_id=each) for each in ids]
        schema = singer.SCHEMA("analytics-vip", {"customer_id": "integer"})
        done = run([schema, *rows, singer.STATE(done=1)], **recipe("analytics-vip") | app)
        assert done.exit_code == 0, done.log
        (segment,) = [s for s in listed(simulator, "segments")["segments"] if s["name"] == "VIP"]
        people = simulator.people()
        return sorted(int(people[each]["id"]) for each in simulator.members(segment["id"]))

    assert mirror(range(9)) == list(range(9))
    assert mirror([*range(8), 9]) == [*range(8), 9]


def test_a_collection(run, singer, simulator, app):
    prices = listed(simulator, "collections")["collections"][0]
    requests.put(
        f"{simulator.url}/v1/collections/{prices['id']}",
        headers={"Authorization": f"Bearer {simulator.app_api_key}"},
        json={"name": "prices"},
        timeout=30,
    ).raise_for_status()
    schema = singer.SCHEMA("analytics-prices", {"sku": "string", "price": "number"})
    row = {"sku": "a", "price": 1.1}
    done = run(
        [schema, singer.RECORD("analytics-prices", **row), singer.STATE(done=1)],
        **recipe("analytics-prices") | app,
    )
    assert done.exit_code == 0, done.log
    assert listed(simulator, f"collections/{prices['id']}/content") == [row]


def test_workspace_to_workspace(customerio_simulator, simulator, configure, tmp_path):
    """Tap and target as two processes and a pipe, with the settings of the README."""
    there = customerio_simulator(people=60, activities=300, seed=3, rate_limit=0)
    source = {"app_api_key": there.app_api_key, "app_api_url": there.url, "region": "us"}
    (tmp_path / "tap.json").write_text(json.dumps(source))
    command = [TAP, "--config", tmp_path / "tap.json"]
    catalog = json.loads(subprocess.run([*command, "--discover"], capture_output=True, check=True,
                                        timeout=60).stdout)  # fmt: skip
    for stream in catalog["streams"]:
        (whole,) = [entry for entry in stream["metadata"] if not entry["breadcrumb"]]
        whole["metadata"]["selected"] = stream["tap_stream_id"] in {"people", "activities"}
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    tap = subprocess.run([*command, "--catalog", tmp_path / "catalog.json"], capture_output=True,
                         check=True, timeout=60)  # fmt: skip
    records = [json.loads(line) for line in tap.stdout.splitlines() if b'"RECORD"' in line]

    settings = recipe('"spread"')
    ages = sorted(r["record"]["timestamp"] for r in records if r["stream"] == "activities")
    settings["stream_map_config"]["until"] = ages[len(ages) // 2]
    done = subprocess.run([COMMAND, "--config", configure(**settings)], input=tap.stdout,
                          capture_output=True, check=False, cwd=tmp_path, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout

    def known(people):
        return {
            person["id"] or person["email"]: {
                name: as_read(name, value)
                for name, value in person["attributes"].items()
                if name not in {"cio_id", "unsubscribed"}
            }
            for person in people.values()
            if person["id"] or person["email"]
        }

    assert known(simulator.people()) == known(there.people())
    events = [
        r["record"]
        for r in records
        if r["stream"] == "activities"
        and r["record"]["type"] == "event"
        and r["record"]["timestamp"] < settings["stream_map_config"]["until"]
        and (r["record"]["customer_id"] or r["record"]["customer_identifiers"].get("email"))
    ]
    assert events
    arrived = {event["id"]: event for event in simulator.events()}
    assert arrived.keys() == {event["id"] for event in events}
    for event in events:
        assert arrived[event["id"]]["attributes"] == event["data"]
        assert arrived[event["id"]]["name"] == event["name"]
    for person in simulator.people().values():
        assert "attributes" not in person["attributes"]


def test_workspace_to_workspace_leaves_nothing_of_an_event_behind(run, singer, simulator):
    """Rows as the API has them: what nobody said is absent, and an event may say anything."""
    data = {"email": "gift@example.com", "timestamp": 5, "event_name": "x", "person_id": "y"}
    data |= {"customer_id": 4, "event_id": "z", "occurred_at": "soon", "id": "o1"}
    time = {"type": "string", "format": "date-time"}
    free = {"type": ["object", "null"]}
    event = {"type": "event", "timestamp": "2024-04-19T00:00:00Z", "customer_id": None}
    known_by_email = {"cio_id": "a2", "email": "b@example.com"}
    done = run(
        [
            singer.SCHEMA("people", {"cio_id": "string", "id": "string", "email": "string",
                                     "attributes": free}, ["cio_id"]),
            singer.RECORD("people", cio_id="a1", id="1", attributes={"plan": "x"}),
            singer.RECORD("people", cio_id="a2", email="b@example.com", attributes={"plan": "y"}),
            singer.RECORD("people", cio_id="a3", attributes={"plan": "z"}),
            singer.SCHEMA("activities", {"id": "string", "type": "string", "timestamp": time,
                                         "name": "string", "customer_id": {},
                                         "customer_identifiers": free, "data": free}, ["id"]),
            singer.RECORD("activities", **event, id="01HVSNKT007A9FTPRA7NYJE3C1", name="of nobody",
                          customer_identifiers=None, data=data),
            singer.RECORD("activities", **event, id="01HVSNKT007A9FTPRA7NYJE3C2", name="Bought",
                          customer_identifiers=known_by_email, data=data),
            singer.RECORD("activities", **event | {"customer_id": "1"}, name="Left", data=None,
                          id="01HVSNKT007A9FTPRA7NYJE3C3", customer_identifiers=None),
        ],
        **recipe('"spread"'),
    )  # fmt: skip
    assert done.exit_code == 0, done.log
    assert len(simulator.people()) == 2
    events = {event["name"]: event for event in simulator.events()}
    assert events.keys() == {"Bought", "Left"}
    assert events["Bought"]["id"] == "01HVSNKT007A9FTPRA7NYJE3C2"
    assert events["Bought"]["identifiers"] == {"email": "b@example.com"}
    assert events["Bought"]["timestamp"] == 1713484800
    assert events["Bought"]["attributes"] == data
