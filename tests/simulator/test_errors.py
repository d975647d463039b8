"""Quirks 42 to 47: errors, credentials, scope, limit and vanished parents."""

from __future__ import annotations

import pytest

from customerio_simulator.limits import RollingLimit

UNAUTHORIZED = {"errors": [{"detail": "unauthorized", "status": "401"}]}


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Basic app-key-of-the-simulator", "Bearer é"])
def test_quirk_42_a_wrong_key_reads_unauthorized(client, key):
    headers = {"Authorization": key.encode("latin-1")}
    answer = client.session.get(f"{client.url}/v1/workspaces", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert "WWW-Authenticate" not in answer.headers


def test_quirk_42_the_wrong_region_reads_the_same(serve):
    answer = serve(app_denied=True).ask("/v1/workspaces")
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_quirk_43_white_space_in_a_key_makes_another_key(client):
    headers = {"Authorization": f"Bearer  {client.simulator.app_api_key}"}
    answer = client.session.get(f"{client.url}/v1/workspaces", headers=headers, timeout=30)
    assert answer.status_code == 401


def test_credentials_can_be_chosen(serve):
    client = serve(app_api_key="one", site_id="two", track_api_key="three")
    assert client.bearer == {"Authorization": "Bearer one"}
    assert client.get("/v1/workspaces")
    assert client.batch().status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/campaigns/999999/actions",
        "/v1/broadcasts/999999/actions",
        "/v1/segments/999999/membership",
        "/v1/segments/999999/customer_count",
        "/v1/newsletters/999999",
        "/v1/messages/nothing",
    ],
)
def test_quirk_44_an_unknown_parent_is_structured(client, path):
    answer = client.ask(path)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["status"]) == (404, "404")
    assert error["detail"].startswith("not found (reference ")


def test_quirk_44_a_listed_campaign_has_vanished(client):
    assert 5 in [row["id"] for row in client.get("/v1/campaigns")["campaigns"]]
    assert client.ask("/v1/campaigns/5/actions").status_code == 404


def test_quirk_44_any_parent_can_vanish(client):
    assert client.ask("/v1/segments/3/membership").status_code == 200
    client.simulator.edit(vanish={"segments": [3]})
    assert client.ask("/v1/segments/3/membership").status_code == 404
    assert 3 in [row["id"] for row in client.get("/v1/segments")["segments"]]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1", "/nothing", "/api/v9/batch"])
def test_quirk_44_an_unrouted_path_is_no_json(client, path):
    answer = client.session.get(
        f"{client.url}{path}",
        headers=client.bearer if path.startswith("/v1") else None,
        auth=client.basic if path.startswith("/api") else None,
        timeout=30,
    )
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_ids_in_paths_must_be_numbers(client):
    assert client.ask("/v1/campaigns/first/actions").status_code == 400


def test_a_body_larger_than_any_endpoint_takes(client):
    answer = client.session.post(
        f"{client.url}/v1/customers", data=b" " * 17_000_000, headers=client.bearer, timeout=30
    )
    assert answer.status_code == 413


def test_references_differ(client):
    details = {client.ask("/v1/campaigns/999/actions").text for _ in range(3)}
    assert len(details) == 3


def test_quirk_45_the_limit_is_shared_and_says_when_to_come_back(serve):
    client = serve(rate_limit=10)
    codes = [client.ask("/v1/workspaces").status_code for _ in range(9)]
    codes.append(client.post("/v1/customers", {"filter": {"and": []}}).status_code)
    refused = client.ask("/v1/campaigns")
    assert (set(codes), refused.status_code) == ({200}, 429)
    assert refused.headers["Retry-After"] == "1"
    (error,) = refused.json()["errors"]
    assert error["status"] == "429"
    assert error["detail"].startswith("rate limited to 10 requests per 1s (reference ")


def test_refused_keys_and_control_calls_take_no_place_in_the_limit(serve):
    client = serve(rate_limit=2)
    for _ in range(5):
        client.session.get(f"{client.url}/v1/workspaces", timeout=30)
        client.simulator.calls()
    assert client.ask("/v1/workspaces").status_code == 200


def test_the_track_api_can_have_a_limit(serve):
    client = serve(track_rate_limit=2)
    assert [client.batch().status_code for _ in range(3)] == [200, 200, 429]
    assert client.ask("/v1/workspaces").status_code == 200


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_eleventh_call_of_any_second_is_refused():
    time = Time()
    limit = RollingLimit(10, time)
    for nth in range(10):
        time.now = 100 + nth * 0.05
        assert limit.wait() == 0
    time.now = 100.999
    assert limit.wait() == 1
    time.now = 101.0
    assert limit.wait() == 0
    assert limit.wait() == 1
    time.now = 101.05
    assert limit.wait() == 0
    assert limit.wait() == 1


def test_a_second_that_begins_anywhere_holds_no_more_than_the_limit():
    time = Time()
    limit = RollingLimit(10, time)
    admitted = []
    for nth in range(1000):
        time.now = 100 + nth * 0.013
        if limit.wait() == 0:
            admitted.append(time.now)
    for first in admitted:
        assert sum(first <= each < first + 1 for each in admitted) <= 10
    assert len(admitted) >= 129


def test_no_limit_admits_everything():
    limit = RollingLimit(0, Time())
    assert [limit.wait() for _ in range(100)] == [0] * 100


def test_quirk_46_the_edge_says_unauthorized_in_another_shape(client):
    answer = client.track("/api/v2/batch", {"batch": []}, auth=("a", "b"))
    assert answer.status_code == 401
    assert answer.json() == {"meta": {"error": "Unauthorized request"}}
    assert answer.headers["WWW-Authenticate"] == ('Basic realm="Customer.io edge event collection"')


def test_quirk_47_the_scope_of_a_key(client):
    client.simulator.edit(options={"forbidden": ["/v1/activities", "/v1/segments"]})
    answer = client.ask("/v1/activities")
    assert answer.status_code == 403
    assert answer.json() == {"errors": [{"detail": "forbidden", "status": "403"}]}
    assert client.ask("/v1/segments/1/membership").status_code == 403
    assert client.ask("/v1/messages").status_code == 200


def test_quirk_58_a_foreign_region_redirects_but_tells_the_region(serve):
    client = serve(region="eu", track_redirect="http://127.0.0.1:9/")
    answer = client.track("/api/v2/batch", {"batch": []}, allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"] == "http://127.0.0.1:9/api/v2/batch"
    region = client.session.get(
        f"{client.url}/api/v1/accounts/region", auth=client.basic, timeout=30
    )
    assert region.json() == {
        "url": "https://track-eu.customer.io",
        "region": "eu",
        "environment_id": 3,
    }


def test_the_track_api_of_the_other_region_denies(serve):
    client = serve(track_denied=True)
    assert client.track("/api/v1/accounts/region", None).status_code in {401, 405}
    assert client.batch().status_code == 401
