"""Whole pipelines as users run them: Meltano, tap, mapper, loader and target as processes."""

from __future__ import annotations

import collections
import json

import pytest


@pytest.fixture
def simulator(customerio_simulator):
    return customerio_simulator(people=60, seed=7, rate_limit=0)


@pytest.fixture
def pipeline(meltano, simulator):
    """Run Meltano against the simulator, as fast as it goes."""

    def call(*arguments, check=True, **settings):
        urls = {
            "TAP_CUSTOMERIO_APP_API_URL": simulator.url,
            "TAP_CUSTOMERIO_REQUESTS_PER_SECOND": "0",
            "TARGET_CUSTOMERIO_TRACK_API_URL": simulator.url,
        }
        return meltano(*arguments, check=check, **(urls | settings))

    return call


def rows(folder):
    """The rows of each stream in a loader's files."""
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in folder.glob("*.jsonl")
    }


def events_among_the_activities(simulator):
    """The activities of type event, asked of the API directly."""
    import requests

    found, start = [], ""
    while True:
        answer = requests.get(
            f"{simulator.url}/v1/activities",
            params={"type": "event", "limit": 100, "deleted": "true", "start": start},
            headers={"Authorization": f"Bearer {simulator.app_api_key}"},
            timeout=10,
        ).json()
        if not answer["activities"]:
            return found
        found += answer["activities"]
        start = answer["next"]


@pytest.mark.parametrize("plugin", ["tap-customerio", "target-customerio"])
def test_a_plugin_tries_what_it_needs_from_outside(pipeline, simulator, plugin):
    done = pipeline("invoke", plugin, "--test")
    assert "✓" in done.stdout + done.stderr
    assert simulator.calls()
    assert not simulator.events()


def test_tap_to_files_and_again_from_the_state(pipeline, meltano, simulator, streams):
    pipeline("run", "customerio-to-files")
    first, calls = rows(meltano.output), len(simulator.calls())
    assert first.keys() == set(streams)
    for stream, keys in streams.items():
        values = [tuple(row[key] for key in keys) for row in first[stream]]
        assert len(values) == len(set(values))
        assert not [value for value in values if None in value]

    simulator.reset()
    pipeline("run", "customerio-to-files")
    assert 0 < len(simulator.calls()) < calls
    second = rows(meltano.output)
    assert len(second["segments"]) == 2 * len(first["segments"])
    assert len(first["activities"]) <= len(second["activities"]) < 2 * len(first["activities"])
    assert len(first["messages"]) <= len(second["messages"]) < 2 * len(first["messages"])


def test_a_stream_that_fails_fails_the_run_and_no_other_stream(
    pipeline, meltano, customerio_simulator, streams
):
    simulator = customerio_simulator(people=20, rate_limit=0, forbidden=("/v1/snippets",))
    settings = {"TAP_CUSTOMERIO_APP_API_URL": simulator.url}
    result = pipeline("run", "customerio-to-files", check=False, **settings)

    assert result.returncode == 1
    assert "snippets" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert rows(meltano.output).keys() >= set(streams) - {"snippets"}
    assert not rows(meltano.output).get("snippets")


def test_tap_to_mapper_to_loader_keeps_every_event(pipeline, meltano, simulator):
    pipeline("run", "tap-customerio--activities", "activities-to-events", "target-jsonl")

    expected = {event["id"]: event["name"] for event in events_among_the_activities(simulator)}
    loaded = rows(meltano.output)
    assert loaded.keys() == {"person_event"}
    assert {row["event_id"]: row["event_name"] for row in loaded["person_event"]} == expected
    assert len(loaded["person_event"]) == len(expected) > 0


def test_tap_to_mapper_to_target_puts_events_back(pipeline, simulator):
    expected = events_among_the_activities(simulator)
    pipeline("run", "events-to-customerio")

    assert simulator.received()["accepted"] == len(expected)


def test_file_to_target_and_read_back(pipeline, meltano, simulator, root):
    result = pipeline("run", "file-to-customerio", check=False)
    assert result.returncode == 1  # any reject does that

    people = {person.get("id"): person for person in simulator.people().values()}
    arrived = sorted(identifier for identifier in people if str(identifier).startswith("crm-"))
    assert arrived == [f"crm-{number:03}" for number in range(1, 13)]
    ada = people["crm-001"]["attributes"]
    assert ada["first_name"] == "Ada"
    names = collections.Counter(event["name"] for event in simulator.events())
    assert names == {"order placed": 9, "order shipped": 8, "invoice paid": 8}

    (rejects,) = (meltano.output.parent / "rejected-records").glob("*.singer.jsonl")
    assert rejects.stat().st_mode & 0o777 == 0o600
    messages = [json.loads(line) for line in rejects.read_text().splitlines()]
    rejected = [message for message in messages if message["type"] == "RECORD"]
    assert collections.Counter(message["stream"] for message in rejected) == {
        "person_identify": 2,
        "person_event": 3,
    }

    # Mended and sent again, through the same pipeline.
    mended = meltano.output / "mended.singer"
    lines = [message for message in messages if message["type"] == "SCHEMA"]
    for message in rejected:
        message["record"] |= {"person_id": "crm-077", "notes": "short", "amount": 10}
        message["record"] |= {"timestamp": "2026-10-30T10:00:00Z", "event_name": "order placed"}
        lines.append(message)
    mended.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    simulator.reset()
    pipeline("run", "singer-file", "target-customerio", SINGER_FILE_PATH=str(mended))
    assert simulator.received()["accepted"] == len(rejected)


def test_config_test_is_content_after_the_first_record(meltano, simulator):
    result = meltano(
        "--environment=simulator",
        "config",
        "test",
        "tap-customerio",
        TAP_CUSTOMERIO_APP_API_URL=simulator.url,
    )
    assert "Plugin configuration is valid" in result.stdout + result.stderr
    # One page of campaigns; what was asked for ahead of it until the process ended is bounded.
    calls = [call["path"] for call in simulator.calls()]
    assert calls[0] == "/v1/campaigns"
    assert len(calls) <= 3


def test_prod_takes_keys_and_region_from_the_environment(meltano):
    settings = {
        "CUSTOMERIO_APP_API_KEY": "a-secret",
        "CUSTOMERIO_SITE_ID": "a-site",
        "CUSTOMERIO_TRACK_API_KEY": "another-secret",
        "CUSTOMERIO_REGION": "eu",
    }
    tap = meltano("--environment=prod", "config", "print", "tap-customerio", **settings)
    target = meltano("--environment=prod", "config", "print", "target-customerio", **settings)

    assert "secret" not in tap.stdout + target.stdout
    tap_config, target_config = json.loads(tap.stdout), json.loads(target.stdout)
    assert tap_config["region"] == target_config["region"] == "eu"
    assert "app_api_url" not in tap_config
    assert "track_api_url" not in target_config
    assert target_config["site_id"] == target_config["track_api_key"] == "*****"
