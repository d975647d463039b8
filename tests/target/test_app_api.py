"""What the App API answers, and what is made of it."""

from __future__ import annotations

import pytest
import requests

from target_customerio.api import DeliveryStopped
from target_customerio.app_api import HASTE, AppClient, Patience
from target_customerio.failures import report

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


# How long is waited for an answer


@pytest.fixture
def client(simulator):
    """Return a client with some patience, and the seconds that it would have waited."""

    def make(patience):
        waits = []
        made = AppClient(
            key=simulator.app_api_key,
            find_url=lambda: simulator.url,
            user_agent="test",
            patience=patience,
            sleep=waits.append,
        )
        return made, waits

    return make


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("repetitions", [0, 3])
def test_it_is_asked_again_as_often_as_is_allowed(client, simulator, status, repetitions):
    simulator.fault(times=None, path="/v1/segments", status=status)
    made, waits = client(Patience(repetitions))
    with pytest.raises(DeliveryStopped, match=str(status)):
        made.segments()
    assert len(waits) == repetitions
    assert len(simulator.calls()) == 1 + repetitions


@pytest.mark.parametrize(("asked_for", "waited"), [(7, 7.0), (86_400, 300.0)])
def test_the_wait_that_is_asked_for_is_kept_within_reason(client, simulator, asked_for, waited):
    simulator.fault(path="/v1/segments", status=503, retry_after=asked_for)
    made, waits = client(Patience(8))
    made.segments()
    assert waits == [waited]


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"reset": True}])
@pytest.mark.parametrize("retry_after", [None, 1, 60])
def test_for_the_report_nobody_waits_longer_than_some_seconds(
    client, simulator, fault, retry_after
):
    simulator.fault(times=None, path="/v1/activities", retry_after=retry_after, **fault)
    made, waits = client(HASTE)
    (line,) = report(made, 0)
    assert "could not be read" in line
    assert len(simulator.calls()) <= 2
    assert sum(waits) <= 2
    assert sum(HASTE.timeout) <= 15


def test_what_is_to_be_made_is_looked_for_once_before_each_repetition(client, simulator):
    simulator.fault(times=None, path="/v1/segments", status=503)
    made, _ = client(Patience(3))
    with pytest.raises(DeliveryStopped):
        made.create_segment("VIP")
    assert [call["method"] for call in simulator.calls()] == ["POST", "GET", "GET", "GET"]
