"""The settings that are about a run as a whole: the budget it shares, and deletes."""

from __future__ import annotations

import typing as t
import urllib.parse

from singer_sdk import typing as th

RUN_SETTINGS: t.Final = (
    th.Property(
        "rate_limit_store",
        th.StringType,
        secret=True,  # it can hold a password
        title="Rate limit: store",
        description=(
            "Where several taps share the workspace's budget of calls: "
            "`sqlite:////absolute/path/of/a.file` for those of one machine, "
            "`redis://host:6379/0` for those of several (needs `tap-customerio[redis]`). Without "
            "it, each has the whole budget for itself."
        ),
    ),
    th.Property(
        "rate_limit_name",
        th.StringType,
        title="Rate limit: name of the budget",
        description=(
            "Name of the budget in the store, by default a hash of the App API key. Give two "
            "keys of one workspace the same name, since they share its budget."
        ),
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType(nullable=False),
        default=False,
        title="Deletes",
        description=(
            "Announce a version after each complete read of a full-table stream, so that targets "
            "drop what is no longer in Customer.io. Some of them delete rows for good."
        ),
    ),
)

PLAIN: t.Final = ("rate_limit_store", "rate_limit_name")
"""Settings that are used as they are."""

_SCHEMES: t.Final = ("sqlite", "redis", "rediss")


def problems(config: t.Mapping[str, t.Any]) -> list[str]:
    """Check what a JSON schema cannot.

    Args:
        config: The configuration, as it came.

    Returns:
        A sentence for each problem.
    """
    store = config.get("rate_limit_store")
    if not isinstance(store, str) or not store:
        return []
    try:
        parts = urllib.parse.urlsplit(store)
        usable = bool(parts.path.lstrip("/") if parts.scheme == "sqlite" else parts.hostname)
        absolute = parts.scheme != "sqlite" or (not parts.netloc and parts.path.startswith("//"))
    except ValueError:
        return [_STORE]
    return [] if parts.scheme in _SCHEMES and usable and absolute else [_STORE]


_STORE: t.Final = (
    "`rate_limit_store` must be `sqlite:////absolute/path/of/a.file` (four slashes) or "
    "`redis://host:port/number`."
)
