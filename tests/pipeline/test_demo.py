"""The demo runs to its end, says what is true, and leaves nothing running."""

from __future__ import annotations

import collections
import json
import os
import re
import signal
import subprocess
import sys

import pytest
import requests


@pytest.fixture
def demo(root, installed_project, tmp_path):
    """Start the demo in a process group of its own; returns the process and its output folder."""
    output = tmp_path / "demo-output"
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--output", output],
            cwd=root,
            env=os.environ | {"MELTANO_PROJECT_ROOT": str(installed_project)},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start, output
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def assert_nothing_runs(process, url):
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def table_rows(text):
    """The rows of the tables of streams: stream, rows, requests."""
    found = re.findall(
        r"^  (?!person_)([a-z_]+) +([\d,]+) +([\d,]+)(?: +[\d.]+)?$", text, re.MULTILINE
    )
    return [
        (stream, int(rows.replace(",", "")), int(calls.replace(",", "")))
        for stream, rows, calls in found
    ]


def test_the_demo_shows_what_the_files_hold(demo, streams):
    start, output = demo
    process = start()
    text, _ = process.communicate(timeout=110)
    assert process.returncode == 0, text
    assert_nothing_runs(process, re.search(r"http://\S+", text)[0])

    table = table_rows(text)
    totals = [entry for entry in table if entry[0] == "total"]
    assert len(totals) == 2
    rows = collections.Counter()
    for stream, count, calls in table:
        assert calls > 0
        rows[stream] += count
    assert rows.keys() == {*streams, "total"}
    for stream in streams:
        with (output / "files" / f"{stream}.jsonl").open() as lines:
            assert rows[stream] == sum(1 for _ in lines) > 0

    first, second = (calls for _, _, calls in totals)
    saved = re.search(r"(\d+) of (\d+) requests saved", text)
    assert (int(saved[1]), int(saved[2])) == (first - second, first)
    assert first - second > first / 4

    assert re.search(r"^  Campaign \d+ +\d+ +\d+ +\d+\.\d$", text, re.MULTILINE)

    sent, arrived, rejected = collections.Counter(), collections.Counter(), collections.Counter()
    for operation in ("person_identify", "person_event"):
        figures = re.search(rf"^  {operation} +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)
        sent[operation], arrived[operation], rejected[operation] = map(int, figures.groups())
    assert sent == arrived + rejected
    (rejects,) = (output / "rejected-records").iterdir()
    assert rejects.name in text
    messages = [json.loads(line) for line in rejects.read_text().splitlines()]
    reasons = [message["rejection"] for message in messages if message["type"] == "RECORD"]
    assert rejected == collections.Counter(reason["operation"] for reason in reasons)
    for reason in reasons:
        assert reason["message"] in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_that_the_demo_started(demo, number):
    start, _ = demo
    process = start()
    seen = ""
    while "$ meltano run" not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    text, _ = process.communicate(timeout=60)

    assert process.returncode == (143 if number == signal.SIGTERM else 1)
    assert "Traceback" not in text
    assert_nothing_runs(process, re.search(r"http://\S+", seen)[0])
