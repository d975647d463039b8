"""The command line: exit codes, signals, pipes, and one line for each end."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from tap_customerio.streams import STREAMS
from tap_customerio.tap import TapCustomerIO

from .conftest import HTML, KEY, Reply, configuration, selection

COMMAND = str(Path(sys.executable).with_name("tap-customerio"))
CANARY = "canary@example.com"


@pytest.fixture
def tap(tmp_path, fake):
    """Run the command on the fake server; settings and streams as named."""

    def arguments(*streams, state=None, options=(), **settings):
        files = {"config": configuration(fake.url, **settings)}
        if streams:
            files["catalog"] = selection(*streams)
        if state is not None:
            files["state"] = state
        found = [COMMAND]
        for name, content in files.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content))
            found += [f"--{name}", str(path)]
        return [*found, *options]

    return arguments


class Ended(t.NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def start(request, monkeypatch):
    """Start the command as a process, with and without a buffer of Python's own."""
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)
    return functools.partial(
        subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(arguments):
    """Run the command in this process, and look for what must never be in its output."""
    output, log = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = list(root.handlers), root.level
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(log):
        try:
            TapCustomerIO.cli.main(arguments[1:], prog_name="tap-customerio")
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            root.handlers[:], sys.excepthook = handlers, hook
            root.setLevel(level)
            logging.captureWarnings(capture=False)
    output.seek(0)
    ended = Ended(code, output.read(), log.getvalue())
    assert "Traceback" not in ended.stderr
    for secret in (KEY, CANARY):
        assert secret not in ended.stderr
    return ended


def errors(ended):
    return [line for line in ended.stderr.splitlines() if "| ERROR " in line]


def messages(text):
    return [json.loads(line) for line in text.split("\n") if line]


def test_all_is_well(tap, fake):
    fake.routes["/v1/snippets"] = {"snippets": [{"name": CANARY}]}
    ended = subprocess.run(tap("snippets"), capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0
    assert CANARY not in ended.stderr
    assert [m["type"] for m in messages(ended.stdout)] == ["SCHEMA", "RECORD", "STATE"]
    assert errors(ended) == []


@pytest.mark.parametrize("option", ["--version", "--about", "--discover", "--help"])
def test_nothing_is_asked_for_when_only_the_program_is_looked_at(option):
    ended = finish([COMMAND, option])
    assert ended.returncode == 0
    assert ended.stdout


def test_about_describes_the_tap_in_one_sentence():
    ended = finish([COMMAND, "--about", "--format=json"])
    description = json.loads(ended.stdout)["description"]
    assert description == "Reads a Customer.io workspace through the App API."


def test_about_tells_the_settings_and_no_capability_that_means_nothing():
    about = json.loads(finish([COMMAND, "--about", "--format=json"]).stdout)
    assert about["capabilities"] == [
        "catalog", "state", "discover", "about", "stream-maps", "schema-flattening",
        "structured-logging",
    ]  # fmt: skip
    settings = about["settings"]["properties"]
    assert settings["app_api_key"]["secret"] is True
    assert all(setting.get("description") for setting in settings.values())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"app_api_key": 12345}, "app_api_key"),
        ({"app_api_key": ""}, "app_api_key"),
        ({"region": "moon"}, "region"),
        ({"start_date": "soon"}, "start_date"),
        ({"app_api_url": "http://example.com"}, "app_api_url"),
        ({"max_concurrency": 0}, "max_concurrency"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--test",)])
def test_a_bad_setting_is_one_line_and_exit_code_1(tap, settings, text, options):
    ended = finish(tap(options=options, **settings))
    assert ended.returncode == 1
    (line,) = errors(ended)
    assert text in line
    assert not any(value in ended.stderr for value in ("12345", "moon", "soon"))
    assert ended.stdout == ""


def test_each_fault_of_a_configuration_is_a_line(tap):
    ended = finish(tap(region="moon", max_retries="many", start_date="soon"))
    assert [line.partition("`")[2].partition("`")[0] for line in errors(ended)] == [
        "region", "max_retries", "start_date",
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"5", b"", b"\xff{}", b'{"a":' + b"[" * 100_000, b'{"a":' + b"9" * 5_000 + b"}"],
    ids=range(7),
)
def test_a_file_that_is_no_json_object_is_one_line_and_exit_code_1(tap, option, content, tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    ended = finish([*tap(), option, str(path)])
    assert ended.returncode == 1
    (line,) = errors(ended)
    assert option in line
    assert "defect" not in line


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": []},
        {"bookmarks": None},
        {"bookmarks": {"people": 5}},
        {"type": "STATE", "value": {"bookmarks": {"people": {}}}},
    ],
)
def test_a_state_of_another_kind_is_one_line(tap, state):
    ended = finish(tap(state=state))
    assert ended.returncode == 1
    (line,) = errors(ended)
    assert "--state" in line
    assert "`bookmarks`" in line


def test_a_catalog_of_another_kind_is_one_line(tap, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"streams": [{"name": 5}]}')
    ended = finish([*tap(), "--catalog", str(path)])
    assert ended.returncode == 1
    assert "--discover" in errors(ended)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_RETRIES", KEY),
        ("CUSTOM_STREAMS", f"[{KEY}"),
        ("CUSTOM_STREAMS", "[" * 50_000),
        ("STREAM_MAPS", KEY),
        ("INCLUDE_DRAFTS", "ture"),
        ("ACTIVITIES_INCLUDE_DELETED", ""),
    ],
)
def test_an_environment_variable_that_cannot_be_read_is_named(monkeypatch, name, value):
    monkeypatch.setenv("TAP_CUSTOMERIO_APP_API_KEY", "key")
    monkeypatch.setenv(f"TAP_CUSTOMERIO_{name}", value)
    ended = finish([COMMAND, "--config", "ENV", "--discover"])
    assert ended.returncode == 1
    (line,) = errors(ended)
    assert f"TAP_CUSTOMERIO_{name} must be" in line


def test_a_missing_config_is_one_line(tap, tmp_path):
    ended = finish([COMMAND, "--config", str(tmp_path / "none.json")])
    assert ended.returncode == 1
    assert len(errors(ended)) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {"errors": [{"detail": CANARY}]}),
        Reply(403, {"errors": [{"detail": CANARY}]}),
        Reply(400, CANARY.encode()),
        Reply(200, HTML + CANARY.encode(), {"Content-Type": "text/html"}),
        Reply(200, f'{{"snippets": [{{"name": "{CANARY}"'.encode()),
        Reply(302, b"", {"Location": f"http://127.0.0.1:1/{CANARY}"}),
        Reply(200, {"snippets": [{"value": CANARY}]}),
        Reply(200, {"snippets": CANARY}),
    ],
    ids=["500", "403", "400", "html", "cut", "redirect", "no key", "no list"],
)
def test_a_stream_that_fails_is_one_line_without_a_value(tap, fake, reply):
    fake.routes["/v1/snippets"] = reply
    fake.routes["/v1/collections"] = {"collections": [{"id": 1}]}
    ended = finish(tap("snippets", "collections"))
    assert ended.returncode == 1
    assert len(errors(ended)) == 2
    assert "snippets" in errors(ended)[0]
    kinds = [m.get("stream") for m in messages(ended.stdout) if m["type"] == "RECORD"]
    assert kinds == ["collections"]


def test_a_defect_is_one_line_without_a_value(tap, fake):
    fake.routes["/v1/snippets"] = {"snippets": [{"name": CANARY}]}
    maps = {"snippets": {"broken": "int(name)"}}
    ended = finish(tap("snippets", stream_maps=maps))
    assert ended.returncode == 1
    assert "Stream 'snippets' ended with an error: unexpected ValueError at " in errors(ended)[-2]


def test_what_a_filter_makes_of_a_record_is_not_in_the_log(tap, fake, monkeypatch):
    monkeypatch.setenv("TAP_CUSTOMERIO_LOGLEVEL", "DEBUG")
    fake.routes["/v1/snippets"] = {"snippets": [{"name": CANARY}, {"name": "", "value": "x"}]}
    ended = finish(tap("snippets", stream_maps={"snippets": {"__filter__": "name"}}))
    assert ended.returncode == 0
    assert "DEBUG" in ended.stderr
    assert [m["record"]["name"] for m in messages(ended.stdout) if m["type"] == "RECORD"] == [
        CANARY
    ]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_ends_the_run_with_whole_lines_and_a_true_state(tap, fake, start, number, code):
    release, forgotten = threading.Event(), threading.Event()

    def answer(query):
        if query["start_ts"] == str(1_793_491_200):  # 2026-11-01
            return {"messages": [{"id": "1", "created": 1_793_491_200}]}
        if not release.wait(10):
            forgotten.set()
        return {"messages": []}

    fake.routes["/v1/messages"] = answer
    command = tap("messages", start_date="2026-11-01", end_date="2026-11-15", max_concurrency=1)
    with start(command) as process:
        output = "".join(process.stdout.readline() for _ in range(3))
        process.send_signal(number)
        output += process.stdout.read()  # ends, though the second answer is still out
        log = process.stderr.read()
        release.set()
    assert not forgotten.is_set()
    assert process.returncode == code
    assert "Traceback" not in log
    assert [message["type"] for message in messages(output)] == ["SCHEMA", "RECORD", "STATE"]
    state = messages(output)[-1]["value"]["bookmarks"]["messages"]
    assert state.pop("progress_markers").keys() == {"Note", "done"}
    assert state == {
        "replication_key": "created",
        "replication_key_value": "2026-11-07T23:59:59Z",
        "resume_from": "2026-11-08T00:00:00Z",
    }


def test_records_after_a_state_get_one_of_their_own_even_if_it_says_the_same(tap, fake, start):
    release = threading.Event()
    rows = [{"id": str(number), "timestamp": 5} for number in range(100)]

    def answer(query):
        if "start" in query:
            release.wait(10)
        return {"activities": rows, "next": "1"}

    fake.routes["/v1/activities"] = answer
    state = {"bookmarks": {"activities": {}}}
    with start(tap("activities", state=state)) as process:
        output = "".join(process.stdout.readline() for _ in range(101))
        process.send_signal(signal.SIGTERM)
        output += process.stdout.read()
        log = process.stderr.read()
        release.set()
    assert process.returncode == 143, log
    assert [message["type"] for message in messages(output)][-2:] == ["RECORD", "STATE"]


def test_a_signal_is_heard_while_records_are_written(tap, fake, start):
    rows = [{"id": str(number), "timestamp": 5} for number in range(20_000)]
    fake.routes["/v1/activities"] = {"activities": rows}
    command = tap("activities")
    with start(command) as process:
        output = process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output += process.stdout.read()
        log = process.stderr.read()
    assert process.returncode == 143
    assert "Traceback" not in log
    *written, state = messages(output)
    assert state["type"] == "STATE"
    assert len(written) < 20_000  # in the middle of the page
    assert state["value"]["bookmarks"]["activities"] == {
        "progress_markers": {"Note": "Not read to its end."}
    }


def test_a_reader_that_leaves_ends_the_run_quietly(tap, fake, start):
    rows = [{"id": "1", "timestamp": 5, "data": {"padding": "x" * 900}}] * 100
    fake.routes["/v1/activities"] = lambda query: {
        "activities": rows, "next": str(int(query.get("start", "0")) + 1),
    }  # fmt: skip
    command = tap("activities")
    with start(command) as process:
        process.stdout.readline()
        process.stdout.close()
        log = process.stderr.read()
    assert process.returncode == 1
    assert "BrokenPipe" not in log
    assert "| ERROR " not in log


def test_a_full_disk_is_one_line(tap, fake):
    fake.routes["/v1/snippets"] = {"snippets": [{"name": "a"}]}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            tap("snippets"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert len(errors(ended)) == 1


def test_no_output_at_all_is_one_line(tap, fake):
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *tap("snippets")]
    ended = subprocess.run(closed, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    (line,) = errors(ended)
    assert "Standard output is closed" in line
    assert fake.calls == []


# The connection test


def test_the_connection_test_reads_one_page_each_of_campaigns_and_segments(tap, fake):
    fake.routes["/v1/campaigns"] = {"campaigns": None}
    fake.routes["/v1/segments"] = {"segments": [{"id": 1}]}
    ended = finish(tap(options=["--test"]))
    assert ended.returncode == 0
    assert fake.paths() == ["/v1/campaigns", "/v1/segments"]
    assert [line[0] for line in ended.stdout.splitlines()] == ["✓"] * 3


def test_the_connection_test_says_what_is_wrong(tap, fake):
    fake.routes["/v1/campaigns"] = {"campaigns": []}
    fake.routes["/v1/segments"] = Reply(403, {})
    ended = finish(tap(options=["--test"]))
    assert ended.returncode == 1
    assert [line[0] for line in ended.stdout.splitlines()] == ["✓", "✓", "✗"]
    assert "scope" in ended.stdout


def test_the_schema_test_writes_schemas_and_asks_for_nothing(tap, fake):
    ended = finish(tap(options=["--test=schema"]))
    assert ended.returncode == 0
    assert len(messages(ended.stdout)) == len(STREAMS)
    assert fake.calls == []
