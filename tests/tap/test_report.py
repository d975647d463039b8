"""What an operator sees."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tap_customerio.report import Report

from .conftest import KEY, Reply, configuration, selection

COMMAND = str(Path(sys.executable).with_name("tap-customerio"))
PERSON = "c0ffee01"


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "test-report"]


def test_progress_is_told_every_ten_seconds_and_not_before(caplog):
    caplog.set_level(logging.INFO)
    time = [0.0]
    report = Report(logging.getLogger("test-report"), lambda: time[0])
    report.begin({"people": 4})
    report.call("people", 200, 100)
    report.chain("people")
    time[0] = 9.0
    report.rows("people", 1000)
    assert told(caplog) == []
    time[0] = 10.0
    report.rows("people", 1000)
    report.rows("people", 1000)
    assert told(caplog) == ["people: 1 of 4 parts, 2 pages, 2000 rows, 0.1 calls/s, 30 s to go."]


def test_the_table_at_the_end_adds_up_each_stream(caplog):
    caplog.set_level(logging.INFO)
    time = [0.0]
    report = Report(logging.getLogger("test-report"), lambda: time[0])
    report.begin({"people": 1})
    report.call("", 429, 10)
    report.call("people", 200, 90)
    report.rows("people", 3)
    time[0] = 2.0
    report.begin({"segments": 1, "campaigns": 1})
    report.call("segments", 200, 5)
    report.call("campaigns", 200, 7)
    report.call("people", 0, 0)  # one that nobody waited for
    time[0] = 2.5
    report.close()
    assert [line.split() for line in told(caplog)] == [
        ["stream", "rows", "calls", "429s", "seconds", "bytes"],
        ["people", "3", "3", "1", "2.0", "100"],
        ["segments", "0", "1", "0", "0.5", "5"],
        ["campaigns", "0", "1", "0", "0.5", "7"],
    ]


# The command


@pytest.fixture
def tap(tmp_path, fake, monkeypatch):
    """Run the command on the fake server, with the environment and the streams as named."""

    def finish(*streams, code=None, **env):
        for name, content in (
            ("config", configuration(fake.url)), ("catalog", selection(*streams)),
        ):  # fmt: skip
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        command = [COMMAND] if code is None else [sys.executable, "-c", code]
        options = [f"--{name}={tmp_path / name}.json" for name in ("config", "catalog")]
        ended = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert ended.returncode == 0
        for secret in (KEY, PERSON, "canary@example.com"):
            assert secret not in ended.stderr
        return ended

    fake.routes["/v1/customers"] = {"identifiers": [{"cio_id": PERSON}]}
    fake.routes[f"/v1/customers/cio_{PERSON}/relationships"] = Reply(
        404, {"errors": [{"detail": "not found (reference 01REF)", "status": "404"}]}
    )
    fake.routes["/v1/customers/attributes"] = {
        "customers": [{"identifiers": {"cio_id": PERSON, "email": "canary@example.com"}}]
    }
    return finish


def lines(ended, level):
    """What our own logger says at a level."""
    parts = (line.split(" | ", 3) for line in ended.stderr.splitlines())
    found = ([part.strip() for part in each] for each in parts if len(each) == 4)
    return [text for _, at, name, text in found if (at, name) == (level, "tap-customerio")]


def test_a_quick_run_of_the_command_ends_with_the_table_and_tells_no_progress(tap):
    said = lines(tap("people"), "INFO")
    assert [line.split()[:4] for line in said[-2:]] == [
        ["stream", "rows", "calls", "429s"], ["people", "1", "2", "0"],
    ]  # fmt: skip
    assert not any("to go" in line for line in said)


def test_the_command_tells_progress_when_it_is_time_to(tap):
    code = (
        "from tap_customerio import report; report.EVERY_SECONDS = 0.0;"
        "from tap_customerio.tap import TapCustomerIO; TapCustomerIO.cli()"
    )
    told = [line for line in lines(tap("people", code=code), "INFO") if "to go" in line]
    said = [re.sub(r"[\d.]+ calls/s", "N calls/s", line) for line in told]
    assert said == [
        "people: 0 of 1 parts, 1 pages, 1 rows, N calls/s, ? to go.",
        "people: 1 of 1 parts, 1 pages, 1 rows, N calls/s, 0 s to go.",
    ]


def test_at_debug_level_every_call_is_a_line_without_a_value(tap):
    said = lines(tap("people", "people_relationships", LOGLEVEL="DEBUG"), "DEBUG")
    calls = [re.sub(r"\d+ ms", "N ms", line) for line in said if " ms" in line]
    assert calls == [
        "POST /v1/customers: 200 in N ms",
        "POST /v1/customers/attributes: 200 in N ms",
        "POST /v1/customers: 200 in N ms",
        "GET /v1/customers/{person}/relationships: 404 in N ms (reference 01REF)",
    ]


def test_the_log_is_structured_where_meltano_asks_for_it(tap, tmp_path):
    path = tmp_path / "logging.json"
    path.write_text(json.dumps({  # what Meltano writes for a plugin with that capability
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"default": {"()": "singer_sdk.logging.StructuredFormatter"}},
        "handlers": {"console": {
            "class": "logging.StreamHandler", "formatter": "default", "stream": "ext://sys.stderr",
        }},
        "root": {"level": "INFO", "handlers": ["console"]},
    }))  # fmt: skip
    ended = tap("people", SINGER_SDK_LOG_CONFIG=str(path))
    said = [json.loads(line) for line in ended.stderr.splitlines()]
    table = [each["message"] for each in said if each["logger_name"] == "tap-customerio"][-2:]
    assert [line.split()[:2] for line in table] == [["stream", "rows"], ["people", "1"]]
    points = [each["metric_info"] for each in said if each.get("metric_info")]
    counted = {(point["metric"], point["value"]) for point in points if point["type"] == "counter"}
    assert counted == {("record_count", 1), ("http_request_count", 2)}
