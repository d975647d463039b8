"""Whom the programs call, over what, and what they do not follow: as processes, with real TLS.

The processes believe that Customer.io's hosts are on this machine (`watched/sitecustomize.py`),
where a server with certificates of a made-up authority hands their requests to the simulator.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

TAP, TARGET = "tap-customerio", "target-customerio"
US = {"api.customer.io", "track.customer.io"}
EU = {"api-eu.customer.io", "track-eu.customer.io"}
PEOPLE = (
    '{"type":"SCHEMA","stream":"person_identify","schema":{"properties":{"id":{}}},'
    '"key_properties":["id"]}\n'
    '{"type":"RECORD","stream":"person_identify","record":{"id":"7"}}\n'
    '{"type":"STATE","value":{"done":true}}\n'
)


class Front(ThreadingHTTPServer):
    """Takes requests over TLS and hands them to a simulator, or on to another host."""

    daemon_threads = True

    def __init__(self, simulator, authority, hosts, redirect, region) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulator = urllib.parse.urlsplit(simulator.url).netloc
        self.redirect = redirect
        self.strange = "api.customer.io" if region == "eu" else "api-eu.customer.io"
        self.asked: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*hosts).configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_) -> None:
        """A client that does not trust us breaks off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        front = self.server
        front.asked.append(self.headers["Host"].partition(":")[0])
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if front.redirect:
            status, place = front.redirect
            self._answer(status, b"", {"Location": place + self.path})
            return
        if front.asked[-1] == front.strange:  # the key of one region is unknown in the other
            self._answer(401, b"{}", {})
            return
        connection = http.client.HTTPConnection(front.simulator)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self._answer(answer.status, content, {"Content-Type": answer.headers["Content-Type"]})

    do_POST = do_GET  # noqa: N815 - the name is the base class's

    def _answer(self, status, content, headers) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


class Network:
    """A front and the simulator behind it, and programs that take it for Customer.io."""

    def __init__(self, front, simulator, run, folder: Path, bundle: Path | str) -> None:
        self.front, self._simulator, self._run, self._folder = front, simulator, run, folder
        self._bundle = bundle
        self.url = f"https://127.0.0.1:{front.server_port}"

    def __call__(self, program: str, *arguments, **settings):
        """Run a program with its keys and settings."""
        ours = self._simulator
        keys = {
            TAP: {"app_api_key": ours.app_api_key},
            TARGET: {
                "site_id": ours.site_id,
                "track_api_key": ours.track_api_key,
                "app_api_key": ours.app_api_key,
                "rejected_records_path": str(self._folder / "rejects"),
            },
        }[program]
        config = self._folder / "config.json"
        config.write_text(
            json.dumps(keys | {"max_retries": 0, "requests_per_second": 0} | settings)
        )
        surroundings = {
            "PYTHONPATH": str(Path(__file__).with_name("watched")),
            "WATCHED_FRONT": str(self.front.server_port),
            "WATCHED_LOG": str(self._folder / "hosts"),
            "REQUESTS_CA_BUNDLE": str(self._bundle),
            "CURL_CA_BUNDLE": "",
        }
        return self._run(
            Path(sys.executable).with_name(program),
            "--config",
            config,
            *arguments,
            check=False,
            cwd=self._folder,
            input=PEOPLE if program == TARGET else "",
            settings=surroundings,
        )

    def found(self) -> set[str]:
        """The hosts that the programs asked for, whether they got to them or not."""
        return set((self._folder / "hosts").read_text().split())


@pytest.fixture
def network(authority, customerio_simulator, run, tmp_path):
    """Start a front; options are the workspace's region, and what the front does wrong."""
    with contextlib.ExitStack() as stack:

        def start(region="us", *, redirect=None, hosts=(*US, *EU, "127.0.0.1"), trusted=True):
            simulator = customerio_simulator(people=8, seed=7, rate_limit=0, region=region)
            front = Front(simulator, authority, hosts, redirect, region)
            thread = threading.Thread(target=front.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(front.server_close)
            stack.callback(thread.join)
            stack.callback(front.shutdown)
            bundle = tmp_path / "ca.pem"
            authority.cert_pem.write_to_path(bundle)
            return Network(front, simulator, run, tmp_path, bundle if trusted else "")

        yield start


RUNS = [(TAP,), (TAP, "--test"), (TARGET,), (TARGET, "--test")]
each_run = pytest.mark.parametrize("command", RUNS, ids=" ".join)


@pytest.mark.parametrize(("command", "region"), [*zip(RUNS, ["us", "eu", "eu", "us"], strict=True)])
def test_a_named_region_means_its_hosts_and_no_other(network, command, region):
    behind = network(region)
    done = behind(*command, region=region)
    assert done.returncode == 0, done.stderr
    assert behind.found() == set(behind.front.asked) <= (US if region == "us" else EU)


@each_run
def test_without_a_region_a_host_in_the_us_is_asked_first_and_then_the_right_ones(network, command):
    behind = network("eu")
    done = behind(*command)
    assert done.returncode == 0, done.stderr
    first, *others = behind.front.asked
    assert first in US
    assert {first, *others} == behind.found()
    assert set(others) <= EU


@each_run
def test_a_configured_host_is_the_only_one(network, command):
    behind = network()
    urls = {"app_api_url": behind.url}
    if command[0] == TARGET:
        urls["track_api_url"] = behind.url
    done = behind(*command, **urls)
    assert done.returncode == 0, done.stderr
    assert behind.found() == set(behind.front.asked) == {"127.0.0.1"}


@pytest.mark.parametrize(("command", "status"), [*zip(RUNS, [301, 302, 307, 308], strict=True)])
def test_a_redirect_is_followed_nowhere(network, command, status):
    elsewhere = network()
    behind = network(redirect=(status, elsewhere.url))
    done = behind(*command)
    assert done.returncode == 1
    assert "redirect" in done.stderr + done.stdout or "another host" in done.stderr
    assert behind.front.asked
    assert elsewhere.front.asked == []
    assert behind.found() <= US


AUTHORITY, NAME = {"trusted": False}, {"hosts": ["other.example"]}


@pytest.mark.parametrize(
    ("command", "distrusted"), [*zip(RUNS, [AUTHORITY, NAME, NAME, AUTHORITY], strict=True)]
)
def test_a_certificate_that_cannot_be_verified_ends_the_run_before_a_key_is_sent(
    network, command, distrusted
):
    behind = network(**distrusted)
    done = behind(*command, max_retries=8)
    assert done.returncode == 1
    assert "REQUESTS_CA_BUNDLE" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert behind.front.asked == []
