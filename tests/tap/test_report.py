"""What an operator sees."""

from __future__ import annotations

import logging

from tap_customerio.report import Report


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "test-report"]


def test_progress_is_told_every_ten_seconds_and_not_before(caplog):
    caplog.set_level(logging.INFO)
    time = [0.0]
    report = Report(logging.getLogger("test-report"), lambda: time[0])
    report.begin("people", 4)
    report.call(200, 100)
    report.chain()
    time[0] = 9.0
    report.rows(1000)
    assert told(caplog) == []
    time[0] = 10.0
    report.rows(1000)
    report.rows(1000)
    assert told(caplog) == ["people: 1 of 4 parts, 2000 rows, 0.1 calls/s, 30 s to go."]


def test_the_table_at_the_end_adds_up_each_stream(caplog):
    caplog.set_level(logging.INFO)
    time = [0.0]
    report = Report(logging.getLogger("test-report"), lambda: time[0])
    report.begin("people", 1)
    report.call(429, 10)
    report.call(200, 90)
    report.rows(3)
    time[0] = 2.0
    report.begin("segments", 1)
    report.call(200, 5)
    time[0] = 2.5
    report.close()
    assert [line.split() for line in told(caplog)] == [
        ["stream", "rows", "calls", "429s", "seconds", "bytes"],
        ["people", "3", "2", "1", "2.0", "100"],
        ["segments", "0", "1", "0", "0.5", "5"],
    ]
