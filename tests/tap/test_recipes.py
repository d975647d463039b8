"""The README's recipes do what they say."""

from __future__ import annotations

import json
import re

import yaml

from tap_customerio import definitions
from tap_customerio.streams import STREAMS
from tap_customerio.streams.custom import columns

from .conftest import run
from .tables import README


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def recipe(word):
    (found,) = [block for block in map(yaml.safe_load, blocks("yaml")) if word in str(block)]
    return found


def test_the_recipe_without_personal_data_lets_none_through(customerio_simulator):
    simulator = customerio_simulator(people=20, rate_limit=0)
    config = recipe("stream_maps")["plugins"]["extractors"][0]["config"]
    config["stream_map_config"]["salt"] = "grains"
    streams = sorted(config["stream_maps"])
    result = run(simulator.url, *streams, app_api_key=simulator.app_api_key, **config)
    assert result.exit_code == 0
    emails = {person["email"] for person in simulator.people().values() if person.get("email")}
    for stream in streams:
        records = result.records(stream)
        assert records
        assert not [record for record in records if "customer_identifiers" in record]
    for hashed in (row["email"] for row in result.records("segment_membership") if row["email"]):
        assert re.fullmatch("[0-9a-f]{64}", hashed)
    assert not [email for email in emails if email in result.text]


def test_the_recipe_is_for_records_without_an_email_too(fake):
    fake.routes["/v1/segments"] = {"segments": [{"id": 7}]}
    fake.routes["/v1/segments/7/membership"] = {"identifiers": [{"cio_id": "a", "id": None}]}
    config = recipe("stream_maps")["plugins"]["extractors"][0]["config"]
    config["stream_maps"] = {"segment_membership": config["stream_maps"]["segment_membership"]}
    result = run(fake.url, "segment_membership", **config)
    assert result.records("segment_membership") == [
        {"segment_id": 7, "cio_id": "a", "id": None, "email": None}
    ]


def test_the_example_of_a_custom_stream_can_be_worked_with():
    (found,) = [json.loads(block) for block in blocks("json") if "custom_streams" in block]
    assert definitions.problems(found["custom_streams"], columns(STREAMS)) == []


def test_the_recipe_for_a_schedule_selects_all_metrics_and_nothing_else():
    (pattern,) = recipe("schedules")["plugins"]["extractors"][0]["select"]
    suffix = pattern.removeprefix("*").removesuffix(".*")
    chosen = [stream.name for stream in STREAMS if stream.name.endswith(suffix)]
    assert chosen == [stream.name for stream in STREAMS if stream.replication_key == "period_start"]


def test_the_project_selects_what_the_tap_selects_by_default():
    project = yaml.safe_load((README.parents[1] / "meltano.yml").read_text())
    (tap,) = [p for p in project["plugins"]["extractors"] if p["name"] == "tap-customerio"]
    assert tap["select"] == [f"{stream.name}.*" for stream in STREAMS if stream.selected_by_default]
