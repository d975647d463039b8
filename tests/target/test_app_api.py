"""What the App API answers, and what is made of it."""

from __future__ import annotations

import pytest
import requests

from .gathered import entry, members_of, people, replacing, rows


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """A .netrc with somebody else's credentials for the host."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.usefixtures("netrc")
def test_a_netrc_replaces_no_credentials(segment, run, app, singer, members):
    messages = [*people(singer, "e"), *members_of(singer, *"abcde")]
    done = run(messages, **entry("segment_mirror", segment_id=segment), **app)
    assert (done.exit_code, members(segment)) == (0, set("abcde"))


@pytest.mark.parametrize("status", [418, 522])
def test_a_status_of_the_app_api_that_has_no_name_is_told_as_it_is(
    run, singer, simulator, app, status
):
    simulator.fault(times=None, path="/v1/collections", status=status)
    done = run([singer.SCHEMA("s", {"a": "string"})], max_retries=0, **app,
               **entry("collection_replace", collection_id=1))  # fmt: skip
    assert done.exit_code == 1
    assert f"answered with status {status} and nothing that can be read" in done.error


def test_an_answer_of_the_app_api_that_breaks_off_is_asked_for_again(run, singer, simulator, app):
    simulator.fault(times=2, path="/v1/collections", truncate=True)
    rows = [singer.SCHEMA("s", {"a": "string"}), singer.RECORD("s", a="b"), singer.STATE(done=1)]
    done = run(rows, **app, **entry("collection_replace", collection_id=1))
    assert done.exit_code == 0, done.log
    assert done.states == ['{"done": 1}']

    simulator.fault(times=2, path="/v1/collections", truncate=True)
    done = run(rows, max_retries=1, **app, **entry("collection_replace", collection_id=1))
    assert done.exit_code == 1
    assert "could not be reached or broke off its answer" in done.error


def test_a_page_in_place_of_an_answer_of_the_app_api_is_asked_for_again(
    run, singer, simulator, app
):
    simulator.fault(times=2, path="/v1/collections", status=200, html=True)
    rows = [singer.SCHEMA("s", {"a": "string"}), singer.RECORD("s", a="b"), singer.STATE(done=1)]
    done = run(rows, **app, **entry("collection_replace", collection_id=1))
    assert done.exit_code == 0, done.log


def test_a_key_of_any_characters_is_refused_as_any_other(run, singer, app):
    done = run(rows(singer, 1), **replacing(), **app | {"app_api_key": "naïve-☂"})
    assert done.exit_code == 1
    assert "refused `app_api_key` (401)" in done.error


@pytest.mark.parametrize("lost", [{"reset": "after"}, {"status": 504, "applied": True}])
@pytest.mark.parametrize(
    ("operation", "named", "listed"),
    [
        ("segment_add", "segment_name", "segments"),
        ("collection_replace", "collection_name", "collections"),
    ],
)
def test_what_was_made_is_not_made_again_when_the_answer_is_lost(
    run, singer, simulator, app, *, operation, named, listed, lost
):
    simulator.fault(path=f"/v1/{listed}", method="POST", **lost)
    streams = entry(operation, **{named: "VIP"}, create_missing=True)
    rows = [singer.SCHEMA("s", {"id": "string"}), singer.RECORD("s", id="a"), singer.STATE(done=1)]
    for _ in range(2):
        done = run([*people(singer, "a"), *rows], **streams, **app)
        assert done.exit_code == 0, done.log
    answer = requests.get(
        f"{simulator.url}/v1/{listed}",
        headers={"Authorization": f"Bearer {simulator.app_api_key}"},
        timeout=30,
    )
    assert [row["name"] for row in answer.json()[listed]].count("VIP") == 1
