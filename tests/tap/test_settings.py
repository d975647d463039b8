from __future__ import annotations

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_customerio.tap import TapCustomerIO

SECRET = "sk-very-secret"


def settings(**config):
    return TapCustomerIO(config={"app_api_key": SECRET, **config}, setup_mapper=False).settings


def problems(**config):
    with pytest.raises(ConfigValidationError) as caught:
        settings(**config)
    return "\n".join(caught.value.errors)


def test_the_defaults_are_those_that_are_documented():
    found = settings()
    assert (found.region, found.app_api_url) == ("auto", "")
    assert (found.start, found.end) == (None, None)
    assert (found.messages_lookback_days, found.messages_window_days) == (30, 7)
    assert (found.activities_lookback_minutes, found.activities_include_deleted) == (60, True)
    assert (found.requests_per_second, found.max_concurrency) == (10, 16)
    assert (found.request_timeout_seconds, found.max_retries) == (60, 8)
    assert found.user_agent.startswith("tap-customerio/")
    assert " singer-sdk/" in found.user_agent


def test_quirk_43_white_space_around_the_key_is_removed():
    assert settings(app_api_key=f"\t{SECRET} \n").app_api_key == SECRET


@pytest.mark.parametrize(
    "config",
    [
        {"app_api_key": 123456789},
        {"app_api_key": ["sk-very-secret"]},
        {"app_api_key": ""},
        {"app_api_key": "   "},
        {"app_api_key": "sk-very-secret\r\nX-Evil: 1"},
        {"app_api_key": "sk-very secret"},
        {"app_api_key": "sk-very-sécret"},
        {"app_api_url": "https://user:sk-very-secret@example.com"},
        {"app_api_url": 5},
    ],
)
def test_one_sentence_that_never_shows_a_secret(config):
    text = problems(**config)
    assert text.count("\n") == 0
    assert next(iter(config)) in text
    for part in ("123456789", "very", "secret", "Evil"):
        assert part not in text


def test_a_missing_key_is_named():
    with pytest.raises(ConfigValidationError) as caught:
        TapCustomerIO(config={}, setup_mapper=False)
    assert caught.value.errors == ["`app_api_key` is required."]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "de"),
        ("messages_window_days", 0),
        ("messages_window_days", 181),
        ("messages_window_days", "7"),
        ("messages_lookback_days", -1),
        ("requests_per_second", -1),
        ("max_concurrency", 0),
        ("max_retries", 1.5),
        ("request_timeout_seconds", 0),
        ("activities_include_deleted", "yes"),
        ("allow_http_hosts", "example.com"),
        ("start_date", "yesterday"),
        ("end_date", "2026-02-30"),
        ("user_agent", "a\nb"),
    ],
)
def test_a_value_that_cannot_be_worked_with_is_one_line_that_names_the_setting(name, value):
    text = problems(**{name: value})
    assert text.count("\n") == 0
    assert name in text


def test_several_problems_are_several_lines():
    assert len(problems(app_api_key="", region="de", start_date="soon").splitlines()) == 3


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", ["start_date", "end_date", "app_api_url", "user_agent"])
def test_an_empty_optional_setting_is_as_if_it_were_not_there(name, value):
    assert settings(**{name: value}) == settings()


def test_a_null_is_the_default():
    assert settings(max_retries=None, region=None) == settings()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21", 1_795_219_200),
        ("2026-11-21T20:14:03Z", 1_795_292_043),
        ("2026-11-21T20:14:03", 1_795_292_043),
        ("2026-11-21T15:14:03-05:00", 1_795_292_043),
    ],
)
def test_dates_are_utc_unless_they_say_otherwise(text, seconds):
    found = settings(start_date=text, end_date=text)
    assert (found.start, found.end) == (seconds, seconds)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com/v1/", "https://api.example.com"),
        (" https://api.example.com:8443/proxy/v1 ", "https://api.example.com:8443/proxy"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://localhost:8025/", "http://localhost:8025"),
        ("http://[::1]:8025", "http://[::1]:8025"),
        ("http://simulator:8025", "http://simulator:8025"),
    ],
)
def test_addresses_come_down_to_scheme_and_host(url, address):
    assert settings(app_api_url=url, allow_http_hosts=["simulator"]).app_api_url == address


@pytest.mark.parametrize(
    "url",
    [
        "http://simulator:8025",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://0.0.0.0",
        "ftp://example.com",
        "api.example.com",
        "https://",
        "https://example.com:port",
        "https://example.com/?key=1",
        "https://[::1",
    ],
)
def test_the_key_is_sent_to_no_doubtful_address(url):
    assert "app_api_url" in problems(app_api_url=url)


def test_settings_come_from_the_environment_too(monkeypatch):
    for name, value in {
        "APP_API_KEY": SECRET,
        "MAX_RETRIES": "3",
        "ACTIVITIES_INCLUDE_DELETED": "false",
        "ALLOW_HTTP_HOSTS": '["simulator"]',
        "APP_API_URL": "http://simulator",
        "START_DATE": "2026-01-31",
    }.items():
        monkeypatch.setenv(f"TAP_CUSTOMERIO_{name}", value)
    found = TapCustomerIO(parse_env_config=True, setup_mapper=False).settings
    assert (found.max_retries, found.activities_include_deleted) == (3, False)
    assert (found.app_api_url, found.start) == ("http://simulator", 1_769_817_600)
