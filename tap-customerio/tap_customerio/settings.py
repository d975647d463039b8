"""The settings: what there is, and the check that a configuration can be worked with.

No text about a configuration shows the value of a secret or of an address, which may hold one.
"""

from __future__ import annotations

import ipaddress
import typing as t
import urllib.parse
from dataclasses import dataclass

from singer_sdk import typing as th

from tap_customerio import run_settings, stream_settings, times

if t.TYPE_CHECKING:
    import datetime as dt

    from jsonschema import ValidationError

SETTINGS: t.Final = th.PropertiesList(
    th.Property(
        "app_api_key",
        th.StringType(nullable=False),
        required=True,
        secret=True,
        title="App API key",
        description=(
            "App API key of the workspace (Customer.io: Settings > API credentials > App API "
            "keys); not a Track API key. White space around it is removed."
        ),
    ),
    th.Property(
        "region",
        th.StringType(nullable=False),
        default="auto",
        allowed_values=["us", "eu", "auto"],
        title="Region",
        description=(
            "Region of the workspace. `auto` asks the US host first and, if that does not know "
            "the key, the EU host; with `us` or `eu` the key goes to no other host."
        ),
    ),
    th.Property(
        "app_api_url",
        th.StringType,
        title="App API URL",
        description=(
            "Another host than Customer.io's own, such as a simulator or a proxy, without "
            "`/v1`. `region` is then not used."
        ),
    ),
    th.Property(
        "allow_http_hosts",
        th.ArrayType(th.StringType(nullable=False)),
        default=[],
        title="Hosts allowed without TLS",
        description=(
            "Hosts that `app_api_url` may name with `http://`; otherwise that is for this "
            "machine alone."
        ),
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description=(
            "Earliest messages, activities and metrics to read: a date or date-time, UTC if it "
            "names no offset. Without it, messages of the last 6 months, all activities and 45 "
            "periods of metrics."
        ),
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description=(
            "Messages, activities and metrics from this date or date-time on are not read."
        ),
    ),
    th.Property(
        "messages_lookback_days",
        th.IntegerType(nullable=False, minimum=0, maximum=3650),
        default=30,
        title="Messages: days read again",
        description=(
            "Days before the bookmark from which messages are read again, for opens, clicks and "
            "conversions that arrive late."
        ),
    ),
    th.Property(
        "messages_window_days",
        th.IntegerType(nullable=False, minimum=1, maximum=180),
        default=7,
        title="Messages: days in a window",
        description=(
            "Days of messages that one chain of requests asks for. An unfinished run goes on "
            "after its last whole window. At most 180: the API narrows what is longer than 6 "
            "months without saying so."
        ),
    ),
    th.Property(
        "activities_lookback_minutes",
        th.IntegerType(nullable=False, minimum=0, maximum=525_600),
        default=60,
        title="Activities: minutes read again",
        description="Minutes before the bookmark from which activities are read again.",
    ),
    th.Property(
        "activities_include_deleted",
        th.BooleanType(nullable=False),
        default=True,
        title="Activities of deleted people",
        description="Read the activities of deleted people too.",
    ),
    *stream_settings.STREAM_SETTINGS,
    th.Property(
        "requests_per_second",
        th.IntegerType(nullable=False, minimum=0, maximum=1000),
        default=10,
        title="Requests per second",
        description=(
            "Calls per rolling second; the workspace's budget is 10, shared with all its other "
            "traffic. 0 means no limit of ours."
        ),
    ),
    th.Property(
        "max_concurrency",
        th.IntegerType(nullable=False, minimum=1, maximum=100),
        default=16,
        title="Concurrent requests",
        description="Requests that may wait for their answer at the same time.",
    ),
    th.Property(
        "request_timeout_seconds",
        th.IntegerType(nullable=False, minimum=1, maximum=3600),
        default=60,
        title="Request timeout",
        description="Seconds to wait for an answer, and for each further part of it.",
    ),
    th.Property(
        "max_retries",
        th.IntegerType(nullable=False, minimum=0, maximum=100),
        default=8,
        title="Retries",
        description=(
            "How often a request is sent again after a 408, 429, 5xx, a broken connection or a "
            "body that is no JSON."
        ),
    ),
    *run_settings.RUN_SETTINGS,
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="Value of the User-Agent header; by default the names of tap and SDK.",
    ),
)


@dataclass(frozen=True)
class Settings:
    """A configuration that was checked.

    What is not described here is the setting of that name, with its unit: see `SETTINGS`.

    Attributes:
        app_api_key: The key, without white space around it.
        region: `us`, `eu` or `auto`.
        app_api_url: Scheme and host, an empty string if it is Customer.io's own.
        start: Unix seconds of the start date, None without one.
        end: Unix seconds of the end date, which is not read itself; None without one.
        user_agent: The User-Agent header.
    """

    app_api_key: str
    region: str
    app_api_url: str
    start: int | None
    end: int | None
    messages_lookback_days: int
    messages_window_days: int
    activities_lookback_minutes: int
    activities_include_deleted: bool
    include_drafts: bool
    include_tracked_responses: bool
    people_segment_id: int | None
    people_filter: t.Mapping[str, t.Any] | None
    metrics_resolution: str
    metrics_lookback: int
    metrics_timezone: dt.tzinfo | None
    metrics_parent_days: int
    esp_suppression_domains: tuple[str, ...]
    custom_streams: tuple[t.Mapping[str, t.Any], ...]
    requests_per_second: int
    max_concurrency: int
    request_timeout_seconds: int
    max_retries: int
    rate_limit_store: str | None
    rate_limit_name: str | None
    user_agent: str


def parse(config: t.Mapping[str, t.Any], *, user_agent: str) -> Settings:
    """Read a configuration that `problems` found nothing wrong with.

    Args:
        config: The configuration, defaults filled in.
        user_agent: The User-Agent header without the setting.
    """
    return Settings(
        app_api_key=config["app_api_key"].strip(),
        app_api_url=_address(config.get("app_api_url"), config["allow_http_hosts"]),
        start=_moment(config.get("start_date")),
        end=_moment(config.get("end_date")),
        metrics_timezone=stream_settings.zone(config.get("metrics_timezone")),
        esp_suppression_domains=stream_settings.domains(config["esp_suppression_domains"]),
        custom_streams=tuple(config["custom_streams"]),
        user_agent=config.get("user_agent") or user_agent,
        **{name: t.cast("t.Any", config.get(name)) for name in _PLAIN},
    )


_PLAIN: t.Final = (
    "region",
    "messages_lookback_days",
    "messages_window_days",
    "activities_lookback_minutes",
    "activities_include_deleted",
    *stream_settings.PLAIN,
    "requests_per_second",
    "max_concurrency",
    "request_timeout_seconds",
    "max_retries",
    *run_settings.PLAIN,
)


def describe_fault(fault: ValidationError) -> str:
    """Say what is wrong with a setting by its schema alone, since its value may be a secret.

    Args:
        fault: What JSON Schema found.
    """
    where = ".".join(str(step) for step in fault.absolute_path)
    rule = t.cast("t.Any", fault.validator_value)
    if fault.validator == "required":
        missing = [name for name in rule if name not in t.cast("t.Any", fault.instance)]
        return f"`{', '.join(missing)}`{where and f' of `{where}`'} is required."
    wanted = RULES.get(str(fault.validator), "does not satisfy its rule `{keyword}`").format(
        keyword=fault.validator,
        rule=" or ".join(str(part) for part in rule if part != "null")
        if isinstance(rule, list)
        else rule,
    )
    return f"`{where}` {wanted}."


RULES: t.Final[t.Mapping[str, str]] = {
    "type": "must be of the type {rule}",
    "enum": "must be one of {rule}",
    "minimum": "must not be less than {rule}",
    "maximum": "must not be more than {rule}",
}
"""How the rules of the settings' schema are put into words."""


def problems(config: t.Mapping[str, t.Any]) -> list[str]:
    """Check what a JSON schema cannot, or could only with the value in its text.

    Args:
        config: The configuration, as it came.

    Returns:
        A sentence for each problem.
    """
    found = [_key_problem(config.get("app_api_key"))]
    found += [_date_problem(name, config.get(name)) for name in ("start_date", "end_date")]
    hosts = config.get("allow_http_hosts")
    try:
        _address(config.get("app_api_url"), hosts if isinstance(hosts, list) else [])
    except ValueError as error:
        found.append(str(error))
    found += stream_settings.problems(config)
    found += run_settings.problems(config)
    agent = config.get("user_agent")
    if isinstance(agent, str) and not (agent.isascii() and (agent + " ").isprintable()):
        found.append("`user_agent` must be plain printable text in ASCII.")
    return [problem for problem in found if problem]


def _key_problem(key: object) -> str:
    if key is None:
        return ""  # that it is required, the schema says
    if not isinstance(key, str):
        return "`app_api_key` must be text: put it in quotation marks."
    key = key.strip()
    if not key:
        return "`app_api_key` is empty: set it to an App API key of the workspace."
    if not (key.isascii() and key.isprintable()) or " " in key:
        return "`app_api_key` holds characters that no key has: copy it again."
    return ""


def _date_problem(name: str, value: t.Any) -> str:  # noqa: ANN401 - whatever was configured
    try:
        _moment(value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return f"`{name}` must be a date or date-time such as 2026-01-31."
    return ""


def _moment(value: str | None) -> int | None:
    return times.to_seconds(value) if value is not None and value.strip() else None


def _address(value: object, http_hosts: t.Sequence[str]) -> str:
    """Bring an address to scheme and host.

    Raises:
        ValueError: With a sentence, if the key must not be sent there.
    """
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        msg = "`app_api_url` must be text, such as https://api.customer.io."
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that is wrong here
    try:
        parts = urllib.parse.urlsplit(value.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urllib.parse.urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not host:
        msg = "`app_api_url` must begin with https:// and name a host."
        raise ValueError(msg)
    if "@" in parts.netloc or parts.query or parts.fragment:
        msg = "`app_api_url` must be scheme and host alone, without credentials or a query."
        raise ValueError(msg)
    if parts.scheme == "http" and not (_is_loopback(host) or host in http_hosts):
        msg = (
            "`app_api_url` must begin with https://: over http:// the key could be read by "
            "others (name the host in `allow_http_hosts` if that is meant)."
        )
        raise ValueError(msg)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
