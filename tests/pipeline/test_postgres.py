"""The READMEs' recipes with a real PostgreSQL, as a source and as a destination."""

from __future__ import annotations

import collections
import os
import signal
import subprocess

import psutil
import psycopg
import pytest
import requests
from tests.waiting import wait_until

from .conftest import BIN

pytestmark = pytest.mark.timeout(600)

PEOPLE = int(os.environ.get("TEST_PEOPLE", "10000"))
"""People in the table; `make warehouse` tries 100,000."""

SIZES = {
    "activities": 500, "broadcasts": 4, "campaigns": 6, "channels": 2, "collections": 3,
    "messages": 200, "newsletters": 12, "object_types": 2, "people": 60, "segments": 30,
    "senders": 5, "snippets": 4, "topics": 3, "transactional": 5, "webhooks": 3,
}  # fmt: skip
NAMED_OTHERWISE = {
    "channels": "subscription_channels", "senders": "sender_identities",
    "topics": "subscription_topics", "transactional": "transactional_messages",
    "webhooks": "reporting_webhooks",
}  # fmt: skip

TYPES = {
    ("campaigns", "id"): "bigint",
    ("campaigns", "active"): "boolean",
    ("campaigns", "tags"): "text[]",
    ("messages", "created"): "timestamp without time zone",
    ("messages", "metrics"): "jsonb",
    ("messages", "id"): "text",
    ("segment_membership", "cio_id"): "text",
    ("activities", "timestamp"): "timestamp without time zone",
}


@pytest.fixture
def database(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def warehouse(postgres_url):
    """What the recipes want in the variable WAREHOUSE."""
    return postgres_url.removeprefix("postgresql://")


def listed(simulator, path, rows):
    """The rows of a list, asked of the API directly; none where a parent is gone."""
    headers, found, start = {"Authorization": f"Bearer {simulator.app_api_key}"}, [], ""
    while True:
        answer = requests.get(
            f"{simulator.url}{path}", {"start": start}, headers=headers, timeout=10
        ).json()
        found += answer.get(rows) or []
        start = answer.get("next")
        if not start:
            return found


# From Customer.io


@pytest.fixture
def workspace(customerio_simulator):
    """A workspace in which every segment is built, or its membership would not be whole."""
    simulator = customerio_simulator(seed=7, rate_limit=0, actions=3, **SIZES)
    segments = listed(simulator, "/v1/segments", "segments")
    built = {"state": "finished", "progress": None}
    simulator.edit(change={"segments": {segment["id"]: built for segment in segments}})
    return simulator


def held(simulator):
    """How many rows of each stream the workspace holds."""
    sizes = {NAMED_OTHERWISE.get(name, name): size for name, size in SIZES.items()}
    del sizes["people"]
    for kind in ("campaign", "broadcast"):
        sizes[f"{kind}_actions"] = sum(
            len(listed(simulator, f"/v1/{kind}s/{row['id']}/actions", "actions"))
            for row in listed(simulator, f"/v1/{kind}s", f"{kind}s")
        )
    return sizes | {"workspaces": 1, "segment_membership": len(memberships(simulator))}


def memberships(simulator):
    segments = listed(simulator, "/v1/segments", "segments")
    return {(row["id"], one) for row in segments for one in simulator.members(row["id"])}


def loaded(database, *columns, table):
    return database.execute(f"SELECT {', '.join(columns)} FROM customerio.{table}").fetchall()


def settings_of(plugin, **settings):
    return {f"{plugin}_{name}".upper().replace("-", "_"): value for name, value in settings.items()}


def test_a_workspace_in_tables_from_which_goes_what_is_gone(
    meltano, workspace, database, warehouse, streams
):
    common = {"app_api_url": workspace.url, "requests_per_second": "0"}
    history = {"start_date": "2020-01-01", "messages_window_days": "180"}
    settings = settings_of("tap-customerio", **common, **history) | {"WAREHOUSE": warehouse}
    meltano("run", "tap-customerio", "target-postgres", **settings)

    counts = {table: len(loaded(database, "1", table=table)) for table in streams}
    assert counts == held(workspace)
    for table, keys in streams.items():
        values = loaded(database, *keys, table=table)
        assert len(set(values)) == len(values)
        assert not [value for value in values if None in value]
    of_columns = {
        (table, column): kind
        for table, column, kind in database.execute(
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod) "
            "FROM pg_attribute WHERE attrelid::regclass::text LIKE 'customerio.%'"
        )
    }
    assert {at: of_columns[f"customerio.{at[0]}", at[1]] for at in TYPES} == TYPES

    # Some go, and the tap is killed in the middle of what it reads next: the table stays whole.
    before = set(loaded(database, "segment_id", "cio_id", table="segment_membership"))
    assert before == memberships(workspace)
    early, late = (sorted({segment for segment, _ in before})[at] for at in (0, -1))
    fewer = {segment: workspace.members(segment)[1:] for segment in (early, late)}
    workspace.edit(members=fewer, remove={"snippets": ["snippet-1"]})
    after = memberships(workspace)
    assert len(before - after) == 2
    workspace.reset()
    membership = "/v1/segments/*/membership"
    workspace.fault(times=None, path=membership, delay=0.5)
    deleting = settings_of(
        "tap-customerio-warehouse",
        _select='["snippets.*", "segment_membership.*"]',
        max_concurrency="2",  # slow enough for STATE to leave, which it does every three seconds
        **common,
    ) | {"WAREHOUSE": warehouse}
    command = [BIN / "meltano", "run", "tap-customerio-warehouse", "target-postgres"]
    with subprocess.Popen(
        command,
        cwd=meltano.folder,
        env=os.environ | meltano.settings | deleting,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        wait_until(lambda: asked_for(workspace, "membership") > 20)
        (tap,) = [
            process
            for process in psutil.Process(run.pid).children(recursive=True)
            if "tap-customerio" in " ".join(process.cmdline())
        ]
        tap.send_signal(signal.SIGKILL)
        assert run.wait(60) == 1
    assert set(loaded(database, "segment_id", "cio_id", table="segment_membership")) == before
    assert len(loaded(database, "name", table="snippets")) == SIZES["snippets"]
    versions = collections.Counter(
        loaded(database, "_sdc_table_version", table="segment_membership")
    )
    assert len(versions) == 2  # something of the run that was cut is there

    # The next run completes it, and what is gone from Customer.io goes.
    workspace.reset()
    meltano("run", "tap-customerio-warehouse", "target-postgres", **deleting)
    assert asked_for(workspace, "membership") < SIZES["segments"]  # it went on where it was cut
    assert set(loaded(database, "segment_id", "cio_id", table="segment_membership")) == after
    assert len(loaded(database, "name", table="snippets")) == SIZES["snippets"] - 1


def asked_for(simulator, word):
    return sum(word in call["path"] for call in simulator.calls())


# To Customer.io


@pytest.fixture
def customers(database):
    """A table of people, as a warehouse has it."""
    database.execute("CREATE SCHEMA analytics")
    database.execute(
        "CREATE TABLE analytics.customers (customer_id bigint PRIMARY KEY, email text, plan text, "
        "balance numeric(12, 2), signed_up_at timestamptz, internal_score double precision, "
        "updated_at timestamptz NOT NULL, deleted_at timestamptz)"
    )
    database.execute(
        "INSERT INTO analytics.customers SELECT n, 'person' || n || '@example.com', 'free', n, "
        "timestamptz '2026-01-01' + n * interval '1 minute', n / 7.0, "
        "timestamptz '2026-02-01' + n * interval '1 second', NULL "
        f"FROM generate_series(1, {PEOPLE}) n"
    )
    return database


def people(simulator):
    return {int(person["id"]): person for person in simulator.people().values()}


def test_a_table_of_people_then_what_changed_and_what_was_deleted(
    meltano, customerio_simulator, customers, warehouse
):
    simulator = customerio_simulator(people=0, rate_limit=0)
    settings = settings_of("target-customerio-people", track_api_url=simulator.url)
    settings |= {"WAREHOUSE": warehouse}

    def run():
        simulator.reset()
        meltano("run", "tap-postgres", "target-customerio-people", **settings)
        return simulator.received()

    assert run()["accepted"] == PEOPLE
    first = people(simulator)
    assert sorted(first) == list(range(1, PEOPLE + 1))
    person = first[7]
    del person["attributes"]["cio_id"]
    assert person["attributes"] == {
        "id": "7",
        "email": "person7@example.com",
        "plan": "free",
        "balance": 7.0,
        "signed_up_at": 1_767_225_600 + 7 * 60,
        "updated_at": 1_769_904_000 + 7,
    }

    change = "UPDATE analytics.customers SET updated_at = now(), "
    customers.execute(f"{change} plan = 'pro' WHERE customer_id % 100 = 1")
    customers.execute(f"{change} deleted_at = now() WHERE customer_id % 100 = 2")
    hundredth = PEOPLE // 100
    assert run()["accepted"] == 2 * hundredth + 1  # and the row at the bookmark, once more
    second = people(simulator)
    assert sorted(second) == [n for n in range(1, PEOPLE + 1) if n % 100 != 2]
    paying = {n for n, person in second.items() if person["attributes"]["plan"] == "pro"}
    assert paying == {n for n in range(1, PEOPLE + 1) if n % 100 == 1}
