from __future__ import annotations

import os

import pytest

STREAM = "meltano_test_stream"


@pytest.fixture
def messages(singer):
    return [
        singer.SCHEMA(STREAM, {"id": "integer", "name": "string"}, ["id"]),
        singer.RECORD(STREAM, id=1, name="Meltano Test Record"),
        singer.STATE(bookmarks={STREAM: {"last_record": 1}}),
    ]


def paths(simulator) -> list[str]:
    return [call["path"] for call in simulator.calls()]


def test_the_stream_of_meltano_is_checked_and_never_sent(process, simulator, messages, tmp_path):
    done = process(messages)
    assert done.exit_code == 0
    assert paths(simulator) == ["/api/v1/accounts/region"]
    assert done.log.count("✓") == 3
    assert "error" not in done.log.lower()
    assert "exception" not in done.log.lower()
    assert list((tmp_path / "rejects").iterdir()) == []


def test_the_option_does_the_same_without_input(process, simulator):
    done = process([], "--test")
    assert done.exit_code == 0
    assert paths(simulator) == ["/api/v1/accounts/region"]
    assert done.log.count("✓") == 3


def test_everything_that_does_not_work_is_said_at_once(run, simulator, messages, tmp_path):
    (tmp_path / "file").write_text("in the way")
    place = os.fspath(tmp_path / "file")
    done = run(messages, track_api_key="wrong-key", rejected_records_path=place)
    assert done.exit_code == 1
    assert "`site_id` and `track_api_key`" in done.error
    assert "`rejected_records_path`" in done.error
    assert "wrong-key" not in done.log


def test_the_app_key_is_tried_if_there_is_one(run, simulator, messages):
    url = simulator.url
    good = run(messages, app_api_key=simulator.app_api_key, app_api_url=url)
    assert good.exit_code == 0
    assert "takes the App API key" in good.log
    bad = run(messages, app_api_key="no-key", app_api_url=url)
    assert bad.exit_code == 1
    assert "`app_api_key`" in bad.error


@pytest.mark.parametrize(
    ("entry", "is_needed"),
    [
        ({"stream": "s", "operation": "segment_mirror"}, True),
        ({"stream": "collection_replace", "collection_id": 1}, True),
        ({"stream": "s", "operation": "segment_add", "segment_name": "VIP"}, True),
        ({"stream": "s", "operation": "segment_add", "segment_id": 7}, False),
        ({"stream": "s", "operation": "person_event"}, False),
    ],
)
def test_an_app_key_that_is_needed_must_be_set(run, messages, entry, is_needed):
    done = run(messages, streams=[entry])
    assert done.exit_code == is_needed
    assert ("set `app_api_key`" in done.error) == is_needed


def test_another_region_than_the_workspace_s_is_said(run, messages):
    done = run(messages, region="eu")
    assert done.exit_code == 1
    assert "set `region`" in done.error
