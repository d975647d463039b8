"""The settings: what `--about` shows, and what the program works with."""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit

import msgspec
from singer_sdk import typing as th

from target_customerio.errors import RunEnded
from target_customerio.operations import OPERATIONS, check_entry
from target_customerio.steps import Rules
from target_customerio.streams import StreamEntry, read_entries

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema import ValidationError

STREAM = th.ObjectType(
    th.Property(
        "stream",
        th.StringType,
        required=True,
        description="Name of a stream, or a glob such as `warehouse-*`.",
    ),
    th.Property(
        "operation",
        th.StringType,
        description=f"What its records mean: {', '.join(OPERATIONS)}. Default: the stream's name.",
    ),
    th.Property(
        "identifiers",
        th.ObjectType(
            *(
                th.Property(kind, th.StringType, description=f"Column that holds the {kind}.")
                for kind in ("id", "email", "phone", "cio_id", "anonymous_id")
            )
        ),
        description="Columns that identify the person, in place of the usual ones.",
    ),
    th.Property("event_name", th.StringType, description="Name of every event of the stream."),
    th.Property("event_name_column", th.StringType, description="Column that holds the name."),
    th.Property(
        "event_names",
        th.ObjectType(additional_properties=th.StringType),
        description="Customer.io's event name by the name in the record.",
    ),
    th.Property("event_id", th.StringType, description="Column that makes an event unique."),
    th.Property("timestamp", th.StringType, description="Column that says when it happened."),
    th.Property(
        "attributes",
        th.ObjectType(
            th.Property(
                "include",
                th.ArrayType(th.StringType),
                description="Names or globs of the only columns to send.",
            ),
            th.Property(
                "exclude",
                th.ArrayType(th.StringType),
                description="Names or globs of columns not to send.",
            ),
            th.Property(
                "rename",
                th.ObjectType(additional_properties=th.StringType),
                description="Attribute name by column.",
            ),
            th.Property(
                "spread",
                th.ArrayType(th.StringType),
                description="Columns of objects whose members count as columns of the record.",
            ),
        ),
        description="Which columns become attributes, and under which name.",
    ),
    th.Property(
        "write_mode",
        th.StringType,
        allowed_values=["upsert", "update_only"],
        description="Whether a person that does not exist is created.",
    ),
    th.Property(
        "object_type_id",
        th.StringType,
        description="Type of the objects where the column of that name is absent. Default: 1.",
    ),
    th.Property("segment_id", th.IntegerType, description="Manual segment of the stream."),
    th.Property("segment_name", th.StringType, description="Its name, in place of its id."),
    th.Property("collection_id", th.IntegerType, description="Collection that it replaces."),
    th.Property("collection_name", th.StringType, description="Its name, in place of its id."),
    th.Property(
        "create_missing",
        th.BooleanType,
        description="Whether a segment or a collection of that name is made if there is none.",
    ),
)

SETTINGS = th.PropertiesList(
    th.Property(
        "site_id",
        th.StringType(nullable=False),
        required=True,
        secret=True,
        title="Site ID",
        description="Site ID of the Track API credentials.",
    ),
    th.Property(
        "track_api_key",
        th.StringType(nullable=False),
        required=True,
        secret=True,
        title="Track API key",
        description="API key that belongs to the site ID.",
    ),
    th.Property(
        "region",
        th.StringType(nullable=False),
        allowed_values=["us", "eu", "auto"],
        default="auto",
        title="Region",
        description="Region of the workspace; `auto` asks once. EU customers should set `eu`, so "
        "that their credentials never travel to the US.",
    ),
    th.Property(
        "track_api_url",
        th.StringType,
        title="Track API URL",
        description="Another host of the Track API, without a path. No region is looked up then.",
    ),
    th.Property(
        "app_api_key",
        th.StringType,
        secret=True,
        title="App API key",
        description="Key of the App API, for mirrors, collections, segments by name, and the "
        "report of failures. Nothing else needs it.",
    ),
    th.Property(
        "app_api_url",
        th.StringType,
        title="App API URL",
        description="Another host of the App API, without `/v1`.",
    ),
    th.Property(
        "allow_http_hosts",
        th.ArrayType(th.StringType(nullable=False)),
        default=[],
        title="Hosts allowed without TLS",
        description="Hosts that may be reached by http; otherwise only loopback may.",
    ),
    th.Property(
        "requests_per_second",
        th.IntegerType(minimum=0, nullable=False),
        default=100,
        title="Requests per second",
        description="Calls per rolling second; 0 means no limit of ours.",
    ),
    th.Property(
        "rate_limit_store",
        th.StringType,
        secret=True,  # it may hold a password
        title="Rate limit: store",
        description="Where several targets share the workspace's budget of calls: "
        "`sqlite:////absolute/path/of/a.file` for those of one machine, `redis://host:6379/0` for "
        "those of several (needs `target-customerio[redis]`). Without it, each has all of it.",
    ),
    th.Property(
        "rate_limit_name",
        th.StringType,
        title="Rate limit: name of the budget",
        description="Name of the budget in the store, by default a hash of the site ID. Give two "
        "credentials of one workspace the same name, since they share its budget.",
    ),
    th.Property(
        "max_concurrency",
        th.IntegerType(minimum=1, maximum=256, nullable=False),
        default=16,
        title="Maximum concurrency",
        description="Calls in flight at most.",
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0, maximum=100, nullable=False),
        default=8,
        title="Maximum retries",
        description="Repetitions of a call that failed for a passing reason.",
    ),
    th.Property(
        "null_attributes",
        th.StringType(nullable=False),
        allowed_values=["skip", "clear"],
        default="skip",
        title="Null attributes",
        description="`skip` does not send an attribute without value, so a value emptied in the "
        "warehouse stays in Customer.io; `clear` sends null, which removes it.",
    ),
    th.Property(
        "attribute_timestamps",
        th.StringType(nullable=False),
        allowed_values=["unix", "iso8601"],
        default="unix",
        title="Attribute timestamps",
        description="How `date-time` columns are sent as attributes: unix seconds or ISO 8601 "
        "text. `created_at` of a person is always in seconds.",
    ),
    th.Property(
        "delete_on_sdc_deleted",
        th.BooleanType(nullable=False),
        default=False,
        title="Delete on _sdc_deleted_at",
        description="Whether a record with `_sdc_deleted_at` becomes the delete of its kind.",
    ),
    th.Property(
        "max_deletes",
        th.IntegerType(minimum=0, nullable=False),
        default=1000,
        title="Maximum deletes",
        description="Deletes, suppressions and merges in one run; it stops before one more.",
    ),
    th.Property(
        "max_removed_percent",
        th.IntegerType(minimum=0, maximum=100, nullable=False),
        default=10,
        title="Maximum percentage of members removed",
        description="Share of a segment's members above which a mirror removes none.",
    ),
    th.Property(
        "backfill",
        th.BooleanType(nullable=False),
        default=False,
        title="Backfill",
        description="Whether events younger than 72 hours are rejected: they start campaigns.",
    ),
    th.Property(
        "rejected_records_path",
        th.StringType(nullable=False),
        default="rejected-records/",
        title="Rejected records path",
        description="Folder, or URL of fsspec such as `s3://bucket/prefix`, for rejected records.",
    ),
    th.Property(
        "fail_on_rejects",
        th.BooleanType(nullable=False),
        default=True,
        title="Fail on rejects",
        description="Whether a run with rejected records ends with exit code 1, after everything "
        "else is delivered.",
    ),
    th.Property(
        "max_rejected_percent",
        th.IntegerType(minimum=0, maximum=100, nullable=False),
        default=10,
        title="Maximum percentage of rejects",
        description="Share of rejects, judged from 1,000 records on, above which the run stops and "
        "no further STATE leaves.",
    ),
    th.Property(
        "dry_run",
        th.BooleanType(nullable=False),
        default=False,
        title="Dry run",
        description="Whether to do everything but the sending, and to say what would be sent: no "
        "STATE leaves, no rejects are written, the exit code is 0 whatever is rejected.",
    ),
    th.Property(
        "plan_path",
        th.StringType,
        title="Plan path",
        description="File, or URL of fsspec, for the plan of a dry run as JSON.",
    ),
    th.Property(
        "unmapped_streams",
        th.StringType(nullable=False),
        allowed_values=["error", "skip"],
        default="error",
        title="Unmapped streams",
        description="What happens to a stream that means no operation.",
    ),
    th.Property(
        "streams",
        th.ArrayType(STREAM),
        default=[],
        title="Streams",
        description="What the streams mean; the first entry that fits a stream is the one.",
    ),
)


class Settings(msgspec.Struct, frozen=True):
    """The settings of a run, checked; see `SETTINGS` for what each means."""

    site_id: str
    track_api_key: str
    region: str
    track_api_url: str | None
    requests_per_second: int
    rate_limit_store: str | None
    rate_limit_name: str | None
    max_concurrency: int
    max_retries: int
    rules: Rules
    max_deletes: int
    max_removed_percent: int
    app_api_key: str | None
    app_api_url: str | None
    rejected_records_path: str
    fail_on_rejects: bool
    max_rejected_percent: int
    dry_run: bool
    plan_path: str | None
    skip_unmapped: bool
    check_records: bool
    entries: list[StreamEntry]


def read_settings(config: Mapping[str, t.Any]) -> Settings:
    """Check what JSON Schema cannot, and return the settings.

    Args:
        config: The configuration, valid by its schema and with defaults.

    Raises:
        RunEnded: A setting is not right. The text does not hold its value.
    """
    hosts = [host.lower() for host in config["allow_http_hosts"]]
    for name in ("track_api_url", "app_api_url"):
        check_url(name, config.get(name), hosts)
    check_store(config.get("rate_limit_store"))
    for name in ("site_id", "track_api_key"):
        if not config[name].strip():
            msg = f"The setting `{name}` is empty."
            raise RunEnded(msg)
    entries = read_entries(config["streams"])
    for entry in entries:
        check_entry(entry)
    return Settings(
        site_id=config["site_id"].strip(),
        track_api_key=config["track_api_key"].strip(),
        region=config["region"],
        track_api_url=config.get("track_api_url") or None,
        requests_per_second=int(config["requests_per_second"]),
        rate_limit_store=config.get("rate_limit_store") or None,
        rate_limit_name=config.get("rate_limit_name") or None,
        max_concurrency=int(config["max_concurrency"]),
        max_retries=int(config["max_retries"]),
        rules=Rules(
            send_nulls=config["null_attributes"] == "clear",
            times_as_text=config["attribute_timestamps"] == "iso8601",
            backfill=config["backfill"],
            delete_marked=config["delete_on_sdc_deleted"],
        ),
        max_deletes=int(config["max_deletes"]),
        max_removed_percent=int(config["max_removed_percent"]),
        app_api_key=(config.get("app_api_key") or "").strip() or None,
        app_api_url=config.get("app_api_url") or None,
        rejected_records_path=config["rejected_records_path"],
        fail_on_rejects=config["fail_on_rejects"],
        max_rejected_percent=int(config["max_rejected_percent"]),
        dry_run=config["dry_run"],
        plan_path=config.get("plan_path") or None,
        skip_unmapped=config["unmapped_streams"] == "skip",
        check_records=config.get("validate_records", True),
        entries=entries,
    )


def check_url(name: str, url: str | None, http_hosts: Sequence[str]) -> None:
    """Refuse a URL that is none, or that would carry credentials in the clear.

    Args:
        name: The setting.
        url: Its value.
        http_hosts: The hosts, in lower case, that may be reached without TLS.

    Raises:
        RunEnded: The URL is not right.
    """
    if not url:
        return
    problem = None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        problem = "must be a URL such as https://track.customer.io, without credentials"
    elif parts.path.strip("/") or parts.query or parts.fragment:
        problem = "must be a host without a path"
    elif parts.scheme == "http" and not (is_loopback(host) or host in http_hosts):
        problem = "must use https: http is for loopback and for hosts named in `allow_http_hosts`"
    if problem:
        msg = f"The setting `{name}` {problem}."
        raise RunEnded(msg)


def check_store(store: str | None) -> None:
    """Refuse a store of the rate limit that is none.

    Args:
        store: The setting `rate_limit_store`.

    Raises:
        RunEnded: It is not right.
    """
    if not store:
        return
    try:
        parts = urlsplit(store)
        is_file = parts.scheme == "sqlite" and not parts.netloc and parts.path.startswith("//")
        is_right = is_file or (parts.scheme in {"redis", "rediss"} and bool(parts.hostname))
    except ValueError:
        is_right = False
    if not is_right:
        msg = (
            "The setting `rate_limit_store` must be `sqlite:////absolute/path/of/a.file` (four "
            "slashes) or `redis://host:port/number`."
        )
        raise RunEnded(msg)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def describe_fault(fault: ValidationError) -> str:
    """Say what is wrong with a setting by its schema alone, since its value may be a secret.

    Args:
        fault: What JSON Schema found.
    """
    where = ".".join(str(step) for step in fault.absolute_path)
    rule = t.cast("t.Any", fault.validator_value)
    if fault.validator == "required":
        missing = [name for name in rule if name not in t.cast("t.Any", fault.instance)]
        of = f" of `{where}`" if where else ""
        return " ".join(f"The setting `{name}`{of} is required." for name in missing)
    wanted = RULES.get(str(fault.validator), "must satisfy its {keyword}: {rule}").format(
        keyword=fault.validator, rule=", ".join(map(str, rule)) if isinstance(rule, list) else rule
    )
    return f"The setting `{where}` {wanted}."


RULES = {
    "type": "must be of the type {rule}",
    "enum": "must be one of {rule}",
    "minimum": "must not be less than {rule}",
    "maximum": "must not be more than {rule}",
    "anyOf": "has a form that it cannot have: see the documentation of stream maps",
}
"""How the rules of the settings' schema are put into words."""
