"""From the rows of a page to the lines that leave: what the tap does in place of the SDK."""

from __future__ import annotations

import contextlib
import io
import json
import logging

import pytest

from tap_customerio.output import Output, States
from tap_customerio.tap import TapCustomerIO

from .conftest import configuration, run, selection

ROWS = [{"id": str(number), "timestamp": number, "name": "seen"} for number in range(1, 1502)]


def pages(query):
    start = int(query.get("start", 0))
    return {"activities": ROWS[start : start + 100], "next": str(start + 100)}


def test_a_property_that_is_not_selected_is_left_out(fake):
    fake.routes["/v1/activities"] = {"activities": ROWS[:2]}
    catalog = selection("activities")
    entry = next(entry for entry in catalog["streams"] if entry["stream"] == "activities")
    for part in entry["metadata"]:
        if part["breadcrumb"] == ["properties", "name"]:
            part["metadata"]["selected"] = False
    records = run(fake.url, catalog=catalog).records("activities")
    assert [(record["id"], "name" in record) for record in records] == [("1", False), ("2", False)]


def test_every_record_leaves_once_and_in_order_however_long_the_page(fake):
    fake.routes["/v1/activities"] = {"activities": ROWS}
    records = run(fake.url, "activities").records("activities")
    assert [record["id"] for record in records] == [row["id"] for row in ROWS]


def test_records_bear_the_time_at_which_they_were_written(fake):
    fake.routes["/v1/activities"] = {"activities": ROWS[:2]}
    for message in run(fake.url, "activities").of("RECORD"):
        assert list(message) == ["type", "stream", "record", "time_extracted"]
        assert message["time_extracted"].endswith("Z")


def test_the_sdk_counts_the_records(fake, caplog):
    caplog.set_level(logging.INFO)
    fake.routes["/v1/activities"] = pages
    run(fake.url, "activities")
    counted = [
        json.loads(record.getMessage().partition("METRIC: ")[2])
        for record in caplog.records
        if '"record_count"' in record.getMessage()
    ]
    assert sum(point["value"] for point in counted) == len(ROWS)


@pytest.mark.parametrize(("most", "calls"), [(1, 1), (100, 2), (150, 2)])
def test_a_dry_run_of_the_sdk_takes_no_more_records_than_it_asks_for(fake, most, calls):
    fake.routes["/v1/activities"] = pages
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(output):
        tap = TapCustomerIO(config=configuration(fake.url), catalog=selection("activities"))
        tap.run_sync_dry_run(most, [tap.streams["activities"]])
    lines = [json.loads(line) for line in output.buffer.getvalue().splitlines()]
    assert sum(line["type"] == "RECORD" for line in lines) == most
    # One page may have been on its way already.
    assert calls <= len(fake.calls) <= calls + 2


def test_records_make_the_same_state_worth_another_line():
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(stdout):
        output = Output()
        states = States(output)
        states.write_state({"bookmarks": {}})
        states.write_state({"bookmarks": {}})
        output.write_records("activities", [{"id": "1"}], None)
        states.write_state({"bookmarks": {}})
    kinds = [json.loads(line)["type"] for line in stdout.buffer.getvalue().splitlines()]
    assert kinds == ["STATE", "RECORD", "STATE"]
