from __future__ import annotations

import collections
import logging
import socket
import struct
import threading
import urllib.parse

import pytest
from urllib3.connection import HTTPConnection

from tap_customerio.answers import Request
from tap_customerio.api import AppApi
from tap_customerio.errors import (
    AnswerError,
    CertificatesError,
    RunError,
    StreamError,
    UnauthorizedError,
    UnreachableError,
    UnreadableAnswerError,
    VanishedError,
)
from tap_customerio.limiter import Clock
from tap_customerio.settings import parse
from tap_customerio.tap import TapCustomerIO

from .conftest import HTML, KEY, NOT_FOUND, UNROUTED, Reply, configuration

LIST = {"campaigns": [{"id": 1}]}
LIMITED = Reply(429, {"errors": []}, {"Retry-After": "0"})


def settings(url, **given):
    tap = TapCustomerIO(config=configuration(url, **given), setup_mapper=False)
    return parse(tap.config, user_agent="test-agent")


def api(url, *, hosts=None, **given):
    extra = {"hosts": hosts} if hosts else {}
    return AppApi(settings(url, **given), jitter=lambda _: 0, **extra)


def test_the_key_goes_into_the_header_and_nowhere_else(fake):
    fake.routes["/v1/campaigns"] = LIST
    api(fake.url, app_api_key=f"  {KEY}\n").get(Request("/v1/campaigns", params={"limit": 5}))
    assert fake.calls == [("/v1/campaigns", {"limit": "5"})]
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert fake.headers[0]["User-Agent"] == "test-agent"


def test_an_answer_says_how_late_its_call_was(fake):
    time, taken = [0.0], []

    class OwnTime(Clock):
        def now(self):
            return time[0]

        def sleep(self, seconds, stop):
            time[0] += seconds

    def answer(_):
        taken.append(time[0])
        time[0] += [0.02, 0.05, 0][len(taken) - 1]  # how long it takes
        return LIST

    fake.routes["/v1/campaigns"] = answer
    client = AppApi(settings(fake.url, requests_per_second=1), clock=OwnTime())
    for _ in range(3):
        client.get(Request("/v1/campaigns"))
    assert taken == pytest.approx([0, 1.005, 1.005 + 1.005 + 0.03])


def test_a_call_counts_from_when_its_connection_is_open(fake, monkeypatch):
    time = [0.0]
    arrived = []

    class OwnTime(Clock):
        def now(self):
            return time[0]

        def sleep(self, seconds, stop):
            time[0] += seconds

    connect = HTTPConnection.connect

    def shake_hands(connection):
        connect(connection)
        time[0] += 0.3

    def answer(_):
        arrived.append(time[0])
        return LIST

    monkeypatch.setattr(HTTPConnection, "connect", shake_hands)
    fake.routes["/v1/campaigns"] = answer
    client = AppApi(settings(fake.url, requests_per_second=1), clock=OwnTime())
    for _ in range(3):
        client.get(Request("/v1/campaigns"))
    assert arrived == pytest.approx([0.3, 0.3 + 1.005, 0.3 + 2 * 1.005])


def test_a_netrc_does_not_replace_the_key(fake, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fake.routes["/v1/campaigns"] = LIST
    api(fake.url).get(Request("/v1/campaigns"))
    assert fake.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_certificates_that_cannot_be_read_are_named(monkeypatch, tmp_path, variable, content):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv(variable, str(bundle))
    with pytest.raises(CertificatesError, match=variable):
        api("https://127.0.0.1:1")


def test_a_folder_of_certificates_may_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert api("https://127.0.0.1:1").base() == "https://127.0.0.1:1"


def test_ids_from_data_are_quoted_whole():
    request = Request("/v1/people/{id}/x", {"id": "a b/../?#%2F@é"})
    assert request.url("https://host") == (
        "https://host/v1/people/a%20b%2F..%2F%3F%23%252F%40%C3%A9/x"
    )


@pytest.mark.parametrize("value", ["a b/../?#%2F@é", "%2e%2e", "..%2f", "...", "?x=1", "a#b"])
def test_an_id_from_data_never_leaves_its_part_of_the_path(fake, value):
    with pytest.raises(StreamError, match="404"):
        api(fake.url).get(Request("/v1/people/{id}/x", {"id": value}))
    (path,) = fake.paths()
    *before, part, after = path.split("/")
    assert (before, urllib.parse.unquote(part), after) == (["", "v1", "people"], value, "x")
    assert fake.queries(path) == [{}]


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_an_id_that_leads_to_another_path_however_quoted_is_not_asked_for(fake, value):
    with pytest.raises(StreamError, match="`id` is empty or consists of dots"):
        api(fake.url).get(Request("/v1/people/{id}/x", {"id": value}))
    assert fake.calls == []


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 522, 524])
def test_what_may_pass_is_tried_again(fake, status):
    fake.routes["/v1/campaigns"] = collections.deque(
        [Reply(status, b"oops", {"Retry-After": "0"}), LIST]
    )
    assert len(api(fake.url, max_retries=1).get(Request("/v1/campaigns")).rows("campaigns")) == 1
    assert len(fake.calls) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 505])
def test_what_will_not_pass_is_not_tried_again(fake, status):
    fake.routes["/v1/campaigns"] = Reply(status, b"oops")
    with pytest.raises(AnswerError, match=f"GET /v1/campaigns answered {status}"):
        api(fake.url, max_retries=5).get(Request("/v1/campaigns"))
    assert len(fake.calls) == 1


def test_max_retries_is_the_number_of_retries(fake):
    fake.routes["/v1/campaigns"] = Reply(503, b"")
    with pytest.raises(StreamError, match="503"):
        api(fake.url, max_retries=3).get(Request("/v1/campaigns"))
    assert len(fake.calls) == 4


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, HTML, {"Content-Type": "text/html"}),
        Reply(200, b'{"campaigns": [{"id": 1}'),
        Reply(200, b""),
        Reply(200, b"5"),
        Reply(200, b'{"campaigns": []}', {"Content-Length": "500"}),
    ],
    ids=["html", "cut JSON", "nothing", "no object", "cut body"],
)
def test_quirk_44_a_body_that_is_not_the_json_asked_for_is_tried_again(fake, reply):
    fake.routes["/v1/campaigns"] = collections.deque([reply, LIST])
    client = api(fake.url, max_retries=1)
    assert len(client.get(Request("/v1/campaigns")).rows("campaigns")) == 1


def test_a_body_that_stays_html_ends_the_stream_without_showing_it(fake):
    fake.routes["/v1/campaigns"] = Reply(200, HTML, {"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(UnreadableAnswerError, match="a page of HTML") as caught:
        api(fake.url).get(Request("/v1/campaigns"))
    assert "hello" not in str(caught.value)


def resetting_server():
    """Takes a connection and resets it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_a_reset_connection_ends_the_stream_with_its_kind_alone():
    listener = resetting_server()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(UnreachableError) as caught:
        api(url, max_retries=1).get(Request("/v1/x/{id}", {"id": "secret-person"}))
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    assert "GET /v1/x/{id} got no answer (ConnectionError)" in str(caught.value)
    assert "secret-person" not in str(caught.value)


def test_a_redirect_is_never_followed(fake):
    fake.routes["/v1/campaigns"] = Reply(301, b"", {"Location": f"{fake.url}/elsewhere"})
    with pytest.raises(StreamError, match="redirect"):
        api(fake.url).get(Request("/v1/campaigns"))
    assert fake.paths() == ["/v1/campaigns"]


def test_quirk_44_the_404_of_a_missing_parent_is_told_from_an_unknown_address(fake):
    fake.routes["/v1/a"] = NOT_FOUND
    fake.routes["/v1/b"] = UNROUTED
    fake.routes["/v1/c"] = Reply(404, HTML, {"Content-Type": "text/html"})
    with pytest.raises(VanishedError, match="reference 01REF"):
        api(fake.url).get(Request("/v1/a"))
    for path in ("/v1/b", "/v1/c"):
        with pytest.raises(AnswerError) as caught:
            api(fake.url).get(Request(path))
        assert type(caught.value) is AnswerError


@pytest.mark.parametrize(
    "body",
    [{"errors": [{"detail": "unauthorized", "status": "401"}]}, {"meta": {"error": "no"}}, b""],
)
def test_quirk_46_47_a_401_of_any_shape_names_both_causes_and_the_settings(fake, body):
    fake.routes["/v1/campaigns"] = Reply(401, body)
    with pytest.raises(UnauthorizedError) as caught:
        api(fake.url, max_retries=5).get(Request("/v1/campaigns"))
    for word in ("`app_api_key`", "`region`", "Track API key", "allowlist"):
        assert word in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(fake.calls) == 1


def test_a_403_names_the_scope_of_the_key(fake):
    fake.routes["/v1/campaigns"] = Reply(403, {"errors": [{"detail": "forbidden"}]})
    with pytest.raises(StreamError, match="scope"):
        api(fake.url).get(Request("/v1/campaigns"))


def test_quirk_45_a_429_that_stays_names_both_causes(fake):
    fake.routes["/v1/campaigns"] = LIMITED
    with pytest.raises(StreamError) as caught:
        api(fake.url, max_retries=2).get(Request("/v1/campaigns"))
    assert "daily quota" in str(caught.value)
    assert "other traffic" in str(caught.value)
    assert len(fake.calls) == 3


class TestRegion:
    """`auto` asks the US host, and the EU host only after a 401."""

    @pytest.fixture
    def hosts(self, fake, other):
        return {"us": fake.url, "eu": other.url}

    @pytest.fixture
    def other(self):
        from .conftest import FakeApi

        server = FakeApi()
        yield server
        server.close()

    def ask(self, hosts, **given):
        return api(None, hosts=hosts, **given).get(Request("/v1/campaigns"))

    @pytest.mark.parametrize("status", [200, 403])
    def test_200_or_403_decides_for_the_first_host(self, fake, other, hosts, status, caplog):
        fake.routes = {"/v1/workspaces": Reply(status, {}), "/v1/campaigns": LIST}
        with caplog.at_level(logging.INFO):
            self.ask(hosts)
        assert fake.paths() == ["/v1/workspaces", "/v1/campaigns"]
        assert other.calls == []
        assert [record.message for record in caplog.records if "region" in record.message] == [
            "Found the workspace in region 'us'."
        ]

    def test_quirk_42_a_401_leads_to_the_other_host(self, fake, other, hosts):
        fake.routes["/v1/workspaces"] = Reply(401, {})
        other.routes = {"/v1/workspaces": {}, "/v1/campaigns": LIST}
        self.ask(hosts)
        assert fake.paths() == ["/v1/workspaces"]
        assert other.paths() == ["/v1/workspaces", "/v1/campaigns"]

    def test_it_is_found_once_for_all_threads(self, fake, hosts):
        fake.routes = {"/v1/workspaces": {}, "/v1/campaigns": LIST}
        client = api(None, hosts=hosts)
        threads = [
            threading.Thread(target=client.get, args=(Request("/v1/campaigns"),)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert collections.Counter(fake.paths()) == {"/v1/workspaces": 1, "/v1/campaigns": 8}

    def test_two_401s_name_both_causes_and_are_not_asked_for_again(self, fake, other, hosts):
        fake.routes["/v1/workspaces"] = other.routes["/v1/workspaces"] = Reply(401, {})
        client = api(None, hosts=hosts)
        for _ in range(2):
            with pytest.raises(UnauthorizedError, match="auto"):
                client.get(Request("/v1/campaigns"))
        assert len(fake.calls) == len(other.calls) == 1

    @pytest.mark.parametrize("status", [500, 503, 429])
    def test_a_passing_failure_is_tried_again_and_never_means_the_other_region(
        self, fake, other, hosts, status
    ):
        busy = Reply(status, b"", {"Retry-After": "0"})
        fake.routes = {"/v1/workspaces": collections.deque([busy, {}]), "/v1/campaigns": LIST}
        self.ask(hosts, max_retries=1)
        assert other.calls == []
        fake.routes["/v1/workspaces"] = busy
        with pytest.raises(RunError, match=str(status)):
            self.ask(hosts, max_retries=1)
        assert other.calls == []

    @pytest.mark.parametrize("region", ["us", "eu"])
    def test_a_named_region_sends_the_key_to_no_other_host(self, fake, other, hosts, region):
        fake.routes["/v1/campaigns"] = other.routes["/v1/campaigns"] = Reply(401, {})
        with pytest.raises(UnauthorizedError, match=region):
            self.ask(hosts, region=region)
        asked = fake if region == "us" else other
        assert asked.paths() == ["/v1/campaigns"]
        assert len(fake.calls) + len(other.calls) == 1
