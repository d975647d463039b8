from __future__ import annotations

import base64
import gzip
import json
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from target_customerio import api
from target_customerio.answers import Answer, Fault, judge
from target_customerio.api import DeliveryStopped, TrackClient, read_retry_after

BODY = b'{"batch":[{"type":"person"}]}'


class ScriptedServer(ThreadingHTTPServer):
    """Answers with what the test wrote down, the last answer over and over."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = [(200, {}, b"{}")]
        self.requests = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        script = self.server.script
        status, headers, content = script.pop(0) if len(script) > 1 else script[0]
        if status == 0:  # the connection breaks instead of an answer
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - the name is the base class's

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests calm."""


@pytest.fixture
def server():
    with ScriptedServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(server, waits):
    now = [0.0]

    def sleep(seconds):
        waits.append(seconds)
        now[0] += seconds

    return TrackClient(
        site_id="site",
        api_key="kéy",
        url=server.url,
        max_retries=3,
        sleep=sleep,
        jitter=lambda longest: longest,
        clock=lambda: now[0],
    )


def test_a_body_is_posted_as_it_is_with_basic_authentication(server, client):
    assert client.send(BODY) == Answer(200)
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("POST", "/api/v2/batch", BODY)
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == "site:kéy".encode()
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_the_faults_of_a_207_come_back(server, client):
    fault = {"batch_index": 0, "reason": "invalid", "field": "name", "message": "too long"}
    server.script = [(207, {}, json.dumps({"errors": [fault]}).encode())]
    assert client.send(BODY) == Answer(207, (Fault(0, "invalid", "name", "too long"),))


def test_an_empty_body_is_an_acceptance(server, client):
    server.script = [(200, {}, b"")]
    assert client.send(BODY) == Answer(200)


@pytest.mark.parametrize("status", [400, 413])
def test_a_refusal_comes_back_even_as_a_page(server, client, status):
    server.script = [(status, {"Content-Type": "text/html"}, b"<html>no</html>")]
    assert client.send(BODY) == Answer(status)


@pytest.mark.parametrize(
    "trouble",
    [
        *((status, {}, b"{}") for status in sorted(api.RETRIED)),
        (503, {}, b"<html>sorry</html>"),
        (200, {}, b"<html>sign in to the network</html>"),
        (200, {}, b'{"errors":"\xff"}'),
        (200, {}, b"[" * 100_000),
        (200, {"Content-Length": "100", "Connection": "close"}, b'{"errors":[{"batch_'),
        (0, {}, b""),
    ],
    ids=lambda trouble: f"{trouble[0]}-{trouble[2].decode(errors='replace')[:6]}",
)
def test_a_trouble_that_passes_is_met_with_the_same_bytes(server, client, waits, trouble):
    server.script = [trouble, trouble, (200, {}, b"{}")]
    assert client.send(BODY) == Answer(200)
    assert [body for *_, body in server.requests] == [BODY] * 3
    assert waits == [1, 2]
    assert client.traffic.calls == 3
    assert client.traffic.bodies == 1
    assert client.traffic.bytes_sent == 3 * len(BODY)


def test_after_the_last_repetition_the_run_ends(server, client, waits):
    server.script = [(503, {}, b"")]
    with pytest.raises(DeliveryStopped, match="status 503, also after 3 repetitions"):
        client.send(BODY)
    assert len(server.requests) == 4
    assert waits == [1, 2, 4]


def test_retry_after_is_obeyed_by_every_thread(server, client, waits):
    server.script = [(429, {"Retry-After": "7"}, b"{}"), (200, {}, b"{}")]
    client.send(BODY)
    assert waits == [7]
    assert client.traffic.throttled == 1
    client._quiet_until += 5  # as if another thread had met a 429 now
    client.send(BODY)
    assert waits == [7, 5]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("3", 3), ("999999", 300), (None, None), ("soon", None), ("-1", None)),
        *(("9" * 5_000, None), ("Fri, 31 Dec 99999999999999 23:59:59 GMT", None)),
    ],
    ids=range(7),
)
def test_retry_after_in_seconds(header, seconds):
    assert read_retry_after(header) == seconds


def test_retry_after_as_a_date(time_machine):
    time_machine.move_to(1_800_000_000, tick=False)
    assert read_retry_after(formatdate(1_800_000_042, usegmt=True)) == 42
    assert read_retry_after(formatdate(1_700_000_000, usegmt=True)) == 0


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "`site_id` and `track_api_key`.*`region`"),
        (403, "allowlist"),
        (404, "`track_api_url`"),
        (409, "status 409"),
        (304, "status 304"),
    ],
)
def test_a_status_that_no_repetition_cures_ends_the_run(server, client, waits, status, advice):
    server.script = [(status, {}, b"")]
    with pytest.raises(DeliveryStopped, match=advice) as stopped:
        client.send(BODY)
    assert "kéy" not in str(stopped.value)
    assert len(server.requests) == 1
    assert waits == []


@pytest.mark.parametrize("status", sorted(api.REDIRECTED))
def test_quirk_58_a_redirect_is_never_followed(server, client, status):
    server.script = [(status, {"Location": server.url + "/elsewhere"}, b"")]
    with pytest.raises(DeliveryStopped, match="`region`"):
        client.send(BODY)
    assert [path for _, path, *_ in server.requests] == ["/api/v2/batch"]


@pytest.mark.parametrize("location", ["http://[", "\xff", "", "//a:999999/"])
def test_where_a_redirect_leads_is_not_even_read(server, client, location):
    server.script = [(302, {"Location": location}, b"")]
    with pytest.raises(DeliveryStopped, match="`region`"):
        client.send(BODY)


def auto(server, monkeypatch, **hosts) -> TrackClient:
    monkeypatch.setattr(api, "HOSTS", {"us": server.url, "eu": server.url} | hosts)
    return TrackClient(site_id="site", api_key="key", region="auto", max_retries=0)


def test_region_auto_asks_once_and_then_sends_there(server, monkeypatch):
    region = {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 3}
    server.script = [(200, {}, json.dumps(region).encode()), (200, {}, b"{}")]
    client = auto(server, monkeypatch, eu=server.url + "/eu")
    threads = [threading.Thread(target=client.send, args=(BODY,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path for _, path, *_ in server.requests] == [
        "/api/v1/accounts/region",
        *["/eu/api/v2/batch"] * 4,
    ]


def test_region_auto_needs_a_region_it_knows(server, monkeypatch):
    server.script = [(200, {}, b'{"region":"moon"}')]
    with pytest.raises(DeliveryStopped, match="set `region` to `us` or `eu`"):
        auto(server, monkeypatch).send(BODY)


def test_a_named_region_or_url_means_no_question(server, client, monkeypatch):
    client.send(BODY)
    monkeypatch.setattr(api, "HOSTS", {"eu": server.url + "/eu"})
    TrackClient(site_id="site", api_key="key", region="eu").send(BODY)
    assert [path for _, path, *_ in server.requests] == ["/api/v2/batch", "/eu/api/v2/batch"]


def test_the_check_is_one_harmless_call(server, client):
    server.script = [(200, {}, b'{"region":"US"}')]
    assert client.check() == "us"
    assert [request[:2] for request in server.requests] == [("GET", "/api/v1/accounts/region")]


def test_a_stop_ends_a_wait(server):
    client = TrackClient(site_id="site", api_key="key", url=server.url, jitter=lambda _: 3600)
    server.script = [(503, {}, b"")]
    errors = []

    def send():
        try:
            client.send(BODY)
        except DeliveryStopped as error:
            errors.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    client.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert len(errors) == 1


def test_a_call_about_nothing_that_exists_is_refused_for_its_own_records(server, client):
    server.script = [(404, {}, b"<html>not found</html>")]
    answer = client.post("/api/v1/segments/9/add_customers?id_type=id", b'{"ids":["1"]}')
    (rejection,) = judge(answer, 1).values()
    assert (rejection.status, rejection.message) == (
        404,
        "Customer.io has nothing of that id (404)",
    )


def test_a_proxy_of_the_environment_is_asked_for_the_whole_url(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    away = TrackClient(site_id="site", api_key="key", url="http://track.invalid", max_retries=0)
    assert away.send(BODY) == Answer(200)
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("POST", "http://track.invalid/api/v2/batch", BODY)
    assert (headers["Host"], headers["Content-Length"]) == ("track.invalid", str(len(BODY)))


def test_a_compressed_answer_is_read(server, client):
    fault = {"batch_index": 0, "reason": "invalid", "field": "name", "message": "too long"}
    content = gzip.compress(json.dumps({"errors": [fault]}).encode())
    server.script = [(207, {"Content-Encoding": "gzip"}, content)]
    assert client.send(BODY) == Answer(207, (Fault(0, "invalid", "name", "too long"),))


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"Content-Encoding": "gzip"}, b"no gzip"),
        ({"Content-Length": "9", "Connection": "close"}, b"{}"),
    ],
)
def test_a_mangled_answer_is_a_trouble_that_passes(server, client, headers, content):
    server.script = [(200, headers, content), (200, {}, b"{}")]
    assert client.send(BODY) == Answer(200)
    assert len(server.requests) == 2


def test_an_address_that_is_none_ends_the_run():
    nowhere = TrackClient(site_id="site", api_key="key", url="http://", max_retries=0)
    with pytest.raises(DeliveryStopped, match="could not be reached"):
        nowhere.send(BODY)
