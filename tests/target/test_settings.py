from __future__ import annotations

import json
import logging
import sys

import pytest
from click.testing import CliRunner
from singer_sdk.exceptions import ConfigValidationError

from target_customerio.errors import RunEnded
from target_customerio.settings import SETTINGS, check_url, read_settings
from target_customerio.target import TargetCustomerIO

GOOD = {"site_id": " site\n", "track_api_key": "\tkey "}
SECRET = "secret-value-7"


def target(**config):
    return TargetCustomerIO(config={**GOOD, **config})


def test_defaults_are_those_of_the_documentation():
    config = target().config
    assert {name: config[name] for name in config if name not in GOOD} == {
        "region": "auto",
        "allow_http_hosts": [],
        "requests_per_second": 100,
        "max_concurrency": 16,
        "max_retries": 8,
        "null_attributes": "skip",
        "attribute_timestamps": "unix",
        "delete_on_sdc_deleted": False,
        "max_deletes": 1000,
        "max_removed_percent": 10,
        "backfill": False,
        "rejected_records_path": "rejected-records/",
        "fail_on_rejects": True,
        "max_rejected_percent": 10,
        "dry_run": False,
        "unmapped_streams": "error",
        "streams": [],
        "validate_records": True,
        **{
            name: config[name]
            for name in ("flattening_enabled", "flattening_max_key_length")
            if name in config
        },
    }


def test_a_setting_that_is_null_is_left_out():
    names = SETTINGS.to_dict()["properties"].keys() - GOOD.keys()
    assert read_settings(target(**dict.fromkeys(names)).config) == read_settings(target().config)


def test_quirk_43_white_space_around_credentials_is_removed():
    settings = read_settings(target().config)
    assert (settings.site_id, settings.track_api_key) == ("site", "key")


def test_settings_that_mean_nothing_here_are_not_offered():
    properties = SETTINGS.to_dict()
    TargetCustomerIO.append_builtin_config(properties)
    assert (
        properties["properties"]
        .keys()
        .isdisjoint({"add_record_metadata", "load_method", "batch_size_rows", "batch_config"})
    )
    assert properties["properties"].keys() >= {
        "validate_records",
        "stream_maps",
        "stream_map_config",
    }


def test_every_number_is_an_integer_and_every_setting_described():
    for name, setting in SETTINGS.to_dict()["properties"].items():
        assert "number" not in setting["type"], name
        assert setting["description"], name


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"track_api_key": 73551}, "`track_api_key` must be of the type string"),
        ({"site_id": None}, "`site_id` is required"),
        ({"app_api_key": [SECRET]}, "`app_api_key` must be of the type string, null"),
        ({"region": SECRET}, "`region` must be one of us, eu, auto"),
        ({"requests_per_second": -1}, "`requests_per_second` must not be less than 0"),
        ({"requests_per_second": 1.5}, "`requests_per_second` must be of the type integer"),
        ({"max_concurrency": 0}, "`max_concurrency` must not be less than 1"),
        ({"max_concurrency": 257}, "`max_concurrency` must not be more than 256"),
        ({"max_retries": "8"}, "`max_retries` must be of the type integer"),
        ({"max_rejected_percent": 101}, "`max_rejected_percent` must not be more than 100"),
        ({"null_attributes": "drop"}, "`null_attributes` must be one of skip, clear"),
        ({"unmapped_streams": "drop"}, "`unmapped_streams` must be one of error, skip"),
        ({"fail_on_rejects": "yes"}, "`fail_on_rejects` must be of the type boolean"),
        ({"allow_http_hosts": "a"}, "`allow_http_hosts` must be of the type array"),
        ({"streams": {"a": "b"}}, "`streams` must be of the type array"),
    ],
)
def test_a_setting_that_is_not_valid_is_named_and_its_value_never_shown(config, text):
    with pytest.raises(ConfigValidationError, match=text) as error:
        target(**config)
    shown = str(error.value) + repr(error.value.errors)
    assert SECRET not in shown
    assert "73551" not in shown


def test_each_missing_setting_is_named_once():
    with pytest.raises(ConfigValidationError) as error:
        TargetCustomerIO(config={})
    expected = "The setting `site_id` is required. The setting `track_api_key` is required."
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"site_id": "  "}, "`site_id` is empty"),
        ({"track_api_url": "http://example.com"}, "must use https"),
        ({"app_api_url": "http://10.0.0.1:8025"}, "`app_api_url` must use https"),
        ({"track_api_url": "track.customer.io"}, "must be a URL"),
        ({"track_api_url": "ftp://example.com"}, "must be a URL"),
        ({"track_api_url": "https://"}, "must be a URL"),
        ({"track_api_url": "https://host:port"}, "must be a URL"),
        ({"track_api_url": f"https://user:{SECRET}@example.com"}, "without credentials"),
        ({"track_api_url": "https://example.com/api/v2"}, "must be a host without a path"),
        ({"streams": [{"stream": "a", "operation": "persn_event"}]}, "did you mean person_event"),
        ({"rejected_records_path": f"nowhere://{SECRET}@x/"}, "rejected_records_path"),
    ],
)
def test_what_a_schema_cannot_say_is_checked_at_the_start(config, text):
    with pytest.raises(RunEnded, match=text) as ended:
        target(**config)
    assert SECRET not in str(ended.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://track-eu.customer.io",
        "https://track.customer.io/",
        "http://127.0.0.1:8025",
        "http://localhost",
        "http://[::1]:8025",
        "http://Proxy.Internal:80",
        "",
        None,
    ],
)
def test_https_loopback_and_named_hosts_are_allowed(url):
    assert check_url("track_api_url", url, ["proxy.internal"]) is None


@pytest.fixture
def call(monkeypatch, caplog, tmp_path):
    """Call the command in this process; return the exit code and everything that it said."""

    def call(*arguments, environment=None):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        caplog.clear()
        try:
            with caplog.at_level("INFO"):
                command = TargetCustomerIO.get_singer_command()
                done = CliRunner().invoke(command, arguments, input="", env=environment)
        finally:
            logging.captureWarnings(capture=False)
        log = [record.getMessage() for record in caplog.records]
        assert not any(record.exc_info for record in caplog.records)
        return done.exit_code, done.stdout, [*log, *done.stderr.splitlines()]

    return call


def test_about_and_version_need_no_configuration(call):
    assert call("--version")[1].startswith("target-customerio v")
    about = json.loads(call("--about", "--format=json")[1])
    secrets = {name for name, one in about["settings"]["properties"].items() if one.get("secret")}
    assert secrets == {"site_id", "track_api_key", "app_api_key", "rate_limit_store"}
    assert "batch" not in about["capabilities"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"site_id": "a", "track_api_key": 73551}', "`track_api_key` must be of the type string"),
        ('{"site_id": "a"', "not a JSON object"),
        ('["73551"]', "not a JSON object"),
        (None, "cannot be read (No such file or directory)"),
        ('{"a":' * 50_000, "not a JSON object"),
        (
            '{"site_id": "a", "track_api_key": "b", "stream_maps": {"x": "73551"}}',
            "The setting `stream_maps.x` has a form that it cannot have: see the documentation of",
        ),
        (
            '{"site_id": "a", "track_api_key": "b", "stream_maps": {"x": {"__else__": "73551"}}}',
            "The setting `stream_maps` must have `null` or `__NULL__` as `__else__`.",
        ),
        (
            '{"site_id": "a", "track_api_key": "b", "flattening_enabled": true}',
            "flattening_max_depth",
        ),
    ],
)
def test_a_bad_configuration_is_one_line_and_no_traceback(call, tmp_path, content, text):
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    exit_code, _, lines = call("--config", str(file))
    assert exit_code == 1
    assert [line.count(text) for line in lines if text in line] == [1]
    assert not [line for line in lines if "73551" in line]


def test_a_command_line_that_is_not_understood_has_an_exit_code_of_its_own(call):
    assert call("--no-such-option")[0] == 2


def test_settings_come_from_the_environment_as_well(call, tmp_path, simulator):
    streams = json.dumps([{"stream": "s", "operation": "person_identify"}])
    environment = {
        "TARGET_CUSTOMERIO_SITE_ID": simulator.site_id,
        "TARGET_CUSTOMERIO_TRACK_API_KEY": simulator.track_api_key,
        "TARGET_CUSTOMERIO_TRACK_API_URL": simulator.url,
        "TARGET_CUSTOMERIO_STREAMS": streams,
        "TARGET_CUSTOMERIO_MAX_RETRIES": "0",
        "TARGET_CUSTOMERIO_FAIL_ON_REJECTS": "false",
    }
    file = tmp_path / "input.singer"
    file.write_text(
        '{"type":"SCHEMA","stream":"s","schema":{"properties":{}},"key_properties":[]}\n'
        '{"type":"RECORD","stream":"s","record":{"id":7}}\n'
    )
    assert call("--config=ENV", "--input", str(file), environment=environment)[0] == 0
    assert [person["id"] for person in simulator.people().values()] == ["7"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_RETRIES", "secret-value-7"),
        ("STREAMS", "[secret-value-7"),
        ("STREAM_MAPS", "secret-value-7"),
        ("STREAMS", "[" * 50_000),
        ("DRY_RUN", "secret-value-7"),
        ("DRY_RUN", ""),
        ("VALIDATE_RECORDS", "secret-value-7"),
        ("FLATTENING_ENABLED", "ture"),
    ],
)
def test_an_environment_variable_that_cannot_be_read_is_named(call, name, value):
    environment = {
        "TARGET_CUSTOMERIO_SITE_ID": "a",
        "TARGET_CUSTOMERIO_TRACK_API_KEY": "b",
        f"TARGET_CUSTOMERIO_{name}": value,
    }
    exit_code, _, lines = call("--config=ENV", environment=environment)
    assert exit_code == 1
    assert f"TARGET_CUSTOMERIO_{name}" in lines[-1]
    assert not [line for line in lines if "secret-value-7" in line]
