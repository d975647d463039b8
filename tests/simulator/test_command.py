"""The command as a process, and the fixture in a foreign project."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

COMMAND = str(Path(sys.executable).parent / "customerio-simulator")


@pytest.fixture
def process():
    started = []

    def factory(*arguments):
        running = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(running)
        return running, running.stdout.readline().split()[-1]

    yield factory
    for running in started:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(process, number):
    running, url = process("--people", "5", "--region", "eu", "--forbidden", "/v1/messages")
    headers = {"Authorization": "Bearer app-key-of-the-simulator"}
    answer = requests.get(f"{url}/v1/workspaces", headers=headers, timeout=10)
    assert answer.json()["workspaces"][0]["people"] == 5
    assert requests.get(f"{url}/v1/messages", headers=headers, timeout=10).status_code == 403
    running.send_signal(number)
    output, errors = running.communicate(timeout=10)
    assert (running.returncode, output, errors) == (0, "", "")


def run(*arguments):
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_port_that_is_taken_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("serve", "--port", str(port))
    assert ended.returncode == 1
    address = f"127.0.0.1:{port}"
    assert ended.stderr == (
        f"Error: Cannot listen on {address}: Address already in use. Choose another --port.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--people", "-1"], "Error: people must be 0 or more.\n"),
        (["--region", "moon"], "Error: region must be one of us, eu.\n"),
    ],
)
def test_a_bad_option_is_one_clear_line(arguments, text):
    ended = run("serve", *arguments)
    assert (ended.returncode, ended.stderr) == (1, text)


def test_version_and_help():
    assert "customerio-simulator" in run("--version").stdout
    text = run("serve", "--help").stdout
    assert "--rate-limit" in text
    assert "--counting" in text


FOREIGN_TESTS = """
import pytest
import requests

URLS = []

def test_two_at_once(customerio_simulator):
    first, second = customerio_simulator(people=3), customerio_simulator(people=4)
    assert (len(first.people()), len(second.people())) == (3, 4)
    URLS.extend([first.url, second.url])

def test_both_are_gone():
    assert len(URLS) == 2
    for url in URLS:
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)
"""


def test_the_fixture_stops_what_it_started(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_foreign.py").write_text(FOREIGN_TESTS)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "2 passed" in ended.stdout, ended.stdout
