"""Quirks 1 to 8: how lists are handed out in pages."""

from __future__ import annotations

import base64

import pytest


def decoded(token: str) -> str:
    return base64.b64decode(token).decode("latin-1")


def test_quirk_01_the_last_page_of_messages_says_empty_text(client):
    body = client.get("/v1/messages", limit=1000)
    assert body["next"] == ""


def test_quirk_01_actions_without_a_next_page_lack_the_key(client):
    assert "next" not in client.get("/v1/campaigns/1/actions")
    assert "next" in client.get("/v1/campaigns/3/actions")
    assert client.get("/v1/campaigns/2/actions") == {"actions": []}


def test_message_tokens_are_positions_in_base64(client):
    assert decoded(client.get("/v1/messages", limit=20)["next"]) == "v20:20"


def test_quirk_02_a_message_token_past_the_end_starts_again(client):
    total = len(client.rows("/v1/messages", "messages", limit=1000))
    past = base64.b64encode(f"v20:{total}".encode()).decode()
    assert client.get("/v1/messages", limit=5, start=past) == client.get("/v1/messages", limit=5)


def test_quirk_02_a_newsletter_token_past_the_end_finds_nothing(client):
    token = base64.b64encode(b"5000").decode()
    assert client.get("/v1/newsletters", start=token) == {"newsletters": [], "next": ""}


@pytest.mark.parametrize(
    ("path", "key", "count"),
    [
        ("/v1/newsletters", "newsletters", 12),
        ("/v1/activities", "activities", 60),
        ("/v1/sender_identities", "sender_identities", 4),
    ],
)
def test_quirk_03_a_token_follows_the_last_row(serve, path, key, count):
    pages = serve(activities=60).pages(path, key, limit=1000, deleted="true")
    assert [len(page) for page in pages if page] == [count]
    assert pages[-1] == []


def test_activity_tokens_are_numbers_as_text(client):
    assert client.get("/v1/activities")["next"] == "900000000000000010"


@pytest.mark.parametrize(
    ("path", "key"),
    [("/v1/messages", "messages"), ("/v1/segments/1/membership", "identifiers")],
)
def test_quirk_04_an_empty_page_with_token_comes_before_more_rows(serve, path, key):
    client = serve(empty_pages=True, messages=40)
    plain = serve(messages=40).rows(path, key, limit=7)
    pages = client.pages(path, key, limit=7)
    assert [] in pages[:-1]
    assert [row for page in pages for row in page] == plain


def test_quirk_04_a_building_segment_starts_with_an_empty_page(client):
    first = client.get("/v1/segments/6/membership")
    assert first["ids"] is None
    assert first["next"]
    assert client.get("/v1/segments/6/membership", start=first["next"])["ids"]


def test_quirk_05_a_foreign_token_of_actions_is_a_bad_request(client):
    token = client.get("/v1/campaigns/3/actions")["next"]
    assert client.ask("/v1/campaigns/9/actions", start=token).status_code == 400
    assert client.ask("/v1/messages", start=token).status_code == 400


def test_quirk_05_a_token_of_another_membership_finds_null(serve):
    client = serve(people=40, members=20)
    token = client.get("/v1/segments/1/membership", limit=10)["next"]
    body = client.get("/v1/segments/2/membership", start=token)
    assert body == {"segment_id": 2, "ids": None, "identifiers": None, "next": ""}


def test_quirk_05_rows_shift_under_tokens(client):
    first = client.get("/v1/activities", limit=10, deleted="true")
    client.simulator.edit(add={"activities": 5})
    second = client.get("/v1/activities", limit=10, deleted="true", start=first["next"])
    twice = {row["id"] for row in first["activities"]} & {row["id"] for row in second["activities"]}
    assert len(twice) == 5


def test_quirk_06_tokens_carry_what_must_be_quoted(client):
    token = client.get("/v1/campaigns/3/actions")["next"]
    assert {"+", "/"} <= set(token)
    assert client.ask("/v1/campaigns/3/actions", start=token).status_code == 200
    unquoted = client.session.get(
        f"{client.url}/v1/campaigns/3/actions?start={token}", headers=client.bearer, timeout=30
    )
    assert unquoted.status_code == 400
    assert client.ask("/v1/campaigns/3/actions", start=token.lower()).status_code == 400


@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/segments", "/v1/snippets"])
def test_quirk_07_unpaged_lists_ignore_parameters(client, path):
    assert client.get(path) == client.get(path, limit=1, start="anything", sort="desc")


@pytest.mark.parametrize(
    ("path", "key", "maximum"),
    [
        ("/v1/messages", "messages", 1000),
        ("/v1/activities", "activities", 100),
        ("/v1/newsletters", "newsletters", 100),
        ("/v1/segments/1/membership", "identifiers", 30_000),
    ],
)
def test_quirk_07_limit_is_lowered_silently(serve, path, key, maximum):
    client = serve(messages=4000, newsletters=150, people=30_010, activities=150)
    assert len(client.get(path, limit=maximum + 1)[key]) == maximum


@pytest.mark.parametrize(
    ("path", "key", "default"),
    [
        ("/v1/messages", "messages", 50),
        ("/v1/activities", "activities", 10),
        ("/v1/segments/1/membership", "identifiers", 1000),
    ],
)
def test_default_limits(serve, path, key, default):
    client = serve(messages=200, people=1010, activities=150)
    assert len(client.get(path)[key]) == default
    assert len(client.get(path, limit="0")[key]) == default


def test_quirk_08_actions_come_in_tens(client):
    pages = client.pages("/v1/campaigns/11/actions", "actions", limit=25)
    assert [len(page) for page in pages] == [10, 10, 7]
    ids = [row["id"] for page in pages for row in page]
    assert len(set(ids)) == 27


def test_every_row_of_every_paged_list_comes_once(serve):
    client = serve(messages=300, activities=300, people=120)
    for path, key, field, limit in (
        ("/v1/activities", "activities", "id", 100),
        ("/v1/messages", "messages", "id", 33),
        ("/v1/segments/1/membership", "identifiers", "cio_id", 50),
    ):
        rows = client.rows(path, key, limit=limit, deleted="true")
        assert len({row[field] for row in rows}) == len(rows) > 0


@pytest.mark.parametrize(
    "path",
    ["/v1/messages", "/v1/activities", "/v1/newsletters", "/v1/segments/1/membership"],
)
@pytest.mark.parametrize("token", ["not-a-real-token", "é", "-1", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="])
def test_a_malformed_token_is_a_bad_request(client, path, token):
    answer = client.ask(path, start=token)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["status"] == "400"
    assert "reference" in answer.json()["errors"][0]["detail"]
