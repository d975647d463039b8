"""The catalog: what a loader is promised."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tap_customerio.streams import STREAMS
from tap_customerio.tap import TapCustomerIO

SNAPSHOT = Path(__file__).with_name("snapshots") / "catalog.json"
PERIOD = ["resolution", "period_start"]
KEYS = {
    "campaign_actions": ["campaign_id", "id"],
    "broadcast_actions": ["broadcast_id", "id", "language"],
    "broadcast_triggers": ["broadcast_id", "id"],
    "broadcast_trigger_errors": ["broadcast_id", "trigger_id", "index"],
    "newsletter_contents": ["newsletter_id", "id"],
    "newsletter_test_groups": ["newsletter_id", "id"],
    "transactional_contents": ["transactional_id", "id"],
    "segment_membership": ["segment_id", "cio_id"],
    "segment_usage": ["segment_id"],
    "segment_customer_counts": ["segment_id", "counted_at"],
    "collection_contents": ["collection_id", "row_index"],
    "people": ["cio_id"],
    "people_subscription_preferences": ["cio_id"],
    "people_relationships": ["cio_id", "object_type_id", "cio_object_id"],
    "optouts": ["cio_id", "channel", "from"],
    "objects": ["object_type_id", "cio_object_id"],
    "object_relationships": ["object_type_id", "cio_object_id", "cio_id"],
    "snippets": ["name"],
    "esp_suppressions": ["suppression_type", "domain", "email"],
    "campaign_metrics": ["campaign_id", *PERIOD],
    "campaign_action_metrics": ["campaign_id", "action_id", *PERIOD],
    "campaign_journey_metrics": ["campaign_id", *PERIOD],
    "campaign_link_metrics": ["campaign_id", "link_id", *PERIOD],
    "broadcast_metrics": ["broadcast_id", *PERIOD],
    "broadcast_action_metrics": ["broadcast_id", "action_id", *PERIOD],
    "newsletter_metrics": ["newsletter_id", *PERIOD],
    "newsletter_content_metrics": ["newsletter_id", "content_id", *PERIOD],
    "newsletter_link_metrics": ["newsletter_id", "link_id", *PERIOD],
    "transactional_metrics": ["transactional_id", *PERIOD],
    "transactional_link_metrics": ["transactional_id", "link_id", *PERIOD],
}
SELECTED = {
    "campaigns", "campaign_actions", "broadcasts", "broadcast_actions", "newsletters",
    "transactional_messages", "segments", "segment_membership", "messages", "activities",
    "collections", "snippets", "sender_identities", "subscription_topics",
    "subscription_channels", "reporting_webhooks", "workspaces", "object_types",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog():
    tap = TapCustomerIO(config={}, validate_config=False, setup_mapper=False)
    return json.loads(tap.catalog_json_text)


def test_the_catalog_is_the_one_that_was_reviewed(catalog):
    """After a wanted change, write the file anew with the last line of this test."""
    assert catalog == json.loads(SNAPSHOT.read_text()), f"tap-customerio --discover > {SNAPSHOT}"


def test_what_is_personal_or_costly_is_selected_only_where_the_readme_says_so(catalog):
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if part["breadcrumb"] == []]
        assert root["metadata"]["selected"] is (entry["stream"] in SELECTED), entry["stream"]


def test_keys_are_required_and_never_null(catalog):
    for entry in catalog["streams"]:
        keys = entry["key_properties"]
        assert keys == KEYS.get(entry["stream"], ["id"])
        for key in keys:
            assert "null" not in entry["schema"]["properties"][key]["type"]
            assert key in entry["schema"]["required"]


def test_messages_activities_and_metrics_are_incremental(catalog):
    methods = {
        entry["stream"]: entry["replication_key"]
        for entry in catalog["streams"]
        if entry["replication_method"] == "INCREMENTAL"
    }
    metrics = [name for name, keys in KEYS.items() if keys[-1:] == PERIOD[-1:]]
    assert methods == {
        "messages": "created",
        "activities": "timestamp",
        **dict.fromkeys(metrics, "period_start"),
    }


def test_readme_and_meltano_yml_know_how_many_there_are_and_which_are_selected(root):
    (tap,) = [
        entry
        for entry in yaml.safe_load((root / "meltano.yml").read_text())["plugins"]["extractors"]
        if entry["name"] == "tap-customerio"
    ]
    assert {pattern.removesuffix(".*") for pattern in tap["select"]} == SELECTED
    numbers = f"{len(STREAMS)} streams of a workspace through the App API, {len(SELECTED)} of them"
    assert numbers in (root / "README.md").read_text()


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
