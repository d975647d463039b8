"""The settings that are about single streams, beside the dates that several share."""

from __future__ import annotations

import typing as t
import zoneinfo

from singer_sdk import typing as th

from tap_customerio import definitions
from tap_customerio.calendars import RESOLUTIONS
from tap_customerio.streams import STREAMS
from tap_customerio.streams.custom import columns

if t.TYPE_CHECKING:
    import datetime as dt

STREAM_SETTINGS: t.Final = (
    th.Property(
        "include_drafts",
        th.BooleanType(nullable=False),
        default=False,
        title="Messages: drafts",
        description="Read drafts of messages too, which takes as many windows again.",
    ),
    th.Property(
        "include_tracked_responses",
        th.BooleanType(nullable=False),
        default=False,
        title="Messages: tracked responses",
        description="Read answers to in-app surveys with the messages.",
    ),
    th.Property(
        "people_segment_id",
        th.IntegerType(minimum=1, maximum=2_147_483_647),
        title="People: segment",
        description=(
            "Id of a segment: only its members are read by `people` and the streams about people "
            "that go with it."
        ),
    ),
    th.Property(
        "people_filter",
        th.ObjectType(additional_properties=True),
        title="People: filter",
        description=(
            "Filter in the API's grammar that narrows the same streams, such as "
            '`{"attribute": {"field": "plan", "operator": "eq", "value": "pro"}}`.'
        ),
    ),
    th.Property(
        "metrics_resolution",
        th.StringType(nullable=False),
        default="days",
        allowed_values=list(RESOLUTIONS),
        title="Metrics: resolution",
        description="Length of the periods of all streams of metrics. Weeks start on Sunday.",
    ),
    th.Property(
        "metrics_lookback",
        th.IntegerType(nullable=False, minimum=0, maximum=1000),
        default=7,
        title="Metrics: periods read again",
        description=(
            "Periods before the bookmark from which metrics are read again. The first run reads "
            "from `start_date`, without it 45 periods."
        ),
    ),
    th.Property(
        "metrics_timezone",
        th.StringType,
        title="Metrics: time zone",
        description=(
            "Time zone in which the periods of `campaign_metrics` and `campaign_action_metrics` "
            "start, such as `Europe/Berlin`; without it UTC-5, as for all other metrics, where "
            "the API knows no other."
        ),
    ),
    th.Property(
        "metrics_parent_days",
        th.IntegerType(nullable=False, minimum=0, maximum=36_500),
        default=90,
        title="Metrics: days since the last change",
        description=(
            "Campaigns, broadcasts and newsletters that were not made, changed, started or sent "
            "for more days than this are skipped by the streams of metrics, unless they are "
            "running. 0 reads all."
        ),
    ),
    th.Property(
        "esp_suppression_domains",
        th.ArrayType(th.StringType(nullable=False)),
        default=[],
        title="Suppressions: domains",
        description=(
            "Sending domains whose suppressed addresses are read; without any, those of all "
            "domains together."
        ),
    ),
    th.Property(
        "custom_streams",
        th.ArrayType(th.ObjectType(additional_properties=True, nullable=False)),
        default=[],
        title="Custom streams",
        description=(
            "Streams of any other endpoint, each an object with `name`, `path`, `primary_keys` "
            "and more: see [Custom streams](#custom-streams)."
        ),
    ),
)

PLAIN: t.Final = (
    "include_drafts",
    "include_tracked_responses",
    "people_segment_id",
    "people_filter",
    "metrics_resolution",
    "metrics_lookback",
    "metrics_parent_days",
)
"""Settings that are used as they are."""


def problems(config: t.Mapping[str, t.Any]) -> list[str]:
    """Check what a JSON schema cannot.

    Args:
        config: The configuration, as it came.

    Returns:
        A sentence for each problem.
    """
    found = definitions.problems(config.get("custom_streams"), columns(STREAMS))
    try:
        zone(config.get("metrics_timezone"))
    except ValueError as error:
        found.append(str(error))
    return found


def zone(name: object) -> dt.tzinfo | None:
    """Find a time zone.

    Args:
        name: Its name in the IANA database; none or an empty one stands for no zone.

    Raises:
        ValueError: With a sentence, if there is no such zone.
    """
    if name is None or name == "":
        return None
    try:
        return zoneinfo.ZoneInfo(str(name).strip())
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = "`metrics_timezone` must be the name of a time zone, such as Europe/Berlin."
        raise ValueError(msg) from error


def domains(found: t.Sequence[str]) -> tuple[str, ...]:
    """Bring the domains of suppressed addresses into order, each once."""
    return tuple(dict.fromkeys(domain.strip() for domain in found if domain.strip()))
