"""The README says what the code does."""

from __future__ import annotations

import json
import re

import pytest

from target_customerio import limits
from target_customerio.operations import OPERATIONS
from target_customerio.settings import STREAM, read_settings
from target_customerio.streams import StreamEntry, read_entries
from target_customerio.target import TargetCustomerIO

from .tables import README, filled


@pytest.fixture
def text():
    return README.read_text()


def test_its_tables_are_those_of_the_code(text):
    assert filled(text) == text


def test_its_examples_are_valid(text):
    examples = re.findall(r"```json\n({.*?)```", text, re.DOTALL)
    assert len(examples) == 5
    for example in map(json.loads, examples):
        config = TargetCustomerIO(config={"site_id": "a", "track_api_key": "b", **example}).config
        assert len(read_settings(config).entries) == len(example.get("streams", ()))


def test_it_describes_every_key_of_an_entry(text):
    table = text.split("### What streams mean")[1].split("## Operations")[0]
    described = set(re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE))
    assert described == set(StreamEntry.__struct_fields__)
    assert described == set(STREAM.to_dict()["properties"])


def test_every_described_key_is_read():
    (entry,) = read_entries([{"stream": "a", "event_names": {"a": "b"}, "timestamp": "t"}])
    assert (entry.event_names, entry.timestamp) == ({"a": "b"}, "t")


@pytest.mark.parametrize(
    "limit",
    [
        f"{limits.ATTRIBUTES} attributes",
        f"names of {limits.ATTRIBUTE_NAME_BYTES} bytes",
        f"values of {limits.ATTRIBUTE_VALUE_BYTES:,} bytes",
        f"`id` of {limits.PERSON_ID_BYTES} bytes",
        f"name {limits.EVENT_NAME_BYTES} bytes",
        f"item {limits.ITEM_BYTES:,} bytes",
    ],
)
def test_it_states_the_limits(text, limit):
    assert limit in " ".join(text.split())


def test_it_states_the_exit_codes(text):
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == ["0", "1", "2", "143"]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_it_calls_required_is_missed(workshop, operation):
    """Each group of columns of which one must have a value is asked for, and suffices."""
    record = {
        step.requires[0]: VALUES.get(step.requires[0], "1")
        for step in operation.steps
        if step.requires
    } | {"segment_id": 7}
    workshop().item(operation.name, record)
    for step in operation.steps:
        if step.requires:
            lacking = {name: record[name] for name in record if name != step.requires[0]}
            assert workshop().rejection(operation.name, lacking).reason in {"required", "invalid"}


VALUES = {"event_name": "opened", "secondary_id": "2", "platform": "ios"}
