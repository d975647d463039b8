"""The catalog: what a loader is promised."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tap_customerio.streams import STREAMS
from tap_customerio.tap import TapCustomerIO

SNAPSHOT = Path(__file__).with_name("snapshots") / "catalog.json"
KEYS = {
    "campaign_actions": ["campaign_id", "id"],
    "broadcast_actions": ["broadcast_id", "id", "language"],
    "segment_membership": ["segment_id", "cio_id"],
    "snippets": ["name"],
}


@pytest.fixture(scope="module")
def catalog():
    tap = TapCustomerIO(config={}, validate_config=False, setup_mapper=False)
    return json.loads(tap.catalog_json_text)


def test_the_catalog_is_the_one_that_was_reviewed(catalog):
    """After a wanted change, write the file anew with the last line of this test."""
    assert catalog == json.loads(SNAPSHOT.read_text()), f"tap-customerio --discover > {SNAPSHOT}"


def test_fourteen_streams_all_selected_by_default(catalog):
    assert len(catalog["streams"]) == 14
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if part["breadcrumb"] == []]
        assert root["metadata"]["selected"] is True


def test_keys_are_required_and_never_null(catalog):
    for entry in catalog["streams"]:
        keys = entry["key_properties"]
        assert keys == KEYS.get(entry["stream"], ["id"])
        for key in keys:
            assert "null" not in entry["schema"]["properties"][key]["type"]
            assert key in entry["schema"]["required"]


def test_two_streams_are_incremental(catalog):
    methods = {
        entry["stream"]: entry["replication_key"]
        for entry in catalog["streams"]
        if entry["replication_method"] == "INCREMENTAL"
    }
    assert methods == {"messages": "created", "activities": "timestamp"}


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_schemas_are_valid_and_keep_unknown_properties(stream):
    jsonschema.Draft202012Validator.check_schema(stream.schema)
    assert stream.schema["additionalProperties"] is True


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_every_property_is_described_and_times_and_sizes_have_units(stream):
    for name, schema in stream.schema["properties"].items():
        description = schema.get("description", "")
        assert description.endswith("."), name
        if schema.get("format") == "date-time":
            assert "UTC" in description
    assert stream.__doc__
