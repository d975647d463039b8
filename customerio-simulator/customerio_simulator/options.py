"""What a workspace and its server are made from: one table for Python, command and fixture."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, fields

REGIONS = ("us", "eu")
EVERY = 100
"""Percent."""


class OptionError(ValueError):
    """An option that the simulator cannot work with; the text says what to change."""


T = t.TypeVar("T")


def _size(default: T, description: str) -> T:
    """Declare what rows are generated from, with the text that the command shows."""
    return field(default=default, metadata={"description": description, "generated": True})


def _option(default: T, description: str) -> T:
    """Declare what can change while the workspace lives."""
    return field(default=default, metadata={"description": description, "generated": False})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Size, time, temper and credentials of a simulated workspace.

    The same options with the same `now` always make the same workspace, byte for byte.

    Raises:
        OptionError: A negative number, more than all calls, or an unknown region.
    """

    seed: int = _size(7, "Seed of the generated workspace")
    now: int | None = _size(
        None, "Unix seconds at which the workspace's clock stands still [default: real time]"
    )

    people: int = _size(100, "People")
    campaigns: int = _size(12, "Campaigns")
    actions: int | None = _size(None, "Actions of every campaign [default: 0 to 27]")
    broadcasts: int = _size(4, "API-triggered broadcasts")
    newsletters: int = _size(12, "Newsletters")
    transactional: int = _size(5, "Transactional message templates")
    segments: int = _size(10, "Segments; the first holds everybody, the second nobody")
    members: int | None = _size(None, "Most generated members of a segment [default: no cap]")
    activities: int = _size(500, "Activities, spread over 45 days")
    activity_bytes: int = _size(0, "Pad every activity to about this many bytes")
    messages: int = _size(400, "Deliveries, spread over 400 days")
    drafts: int = _size(5, "Deliveries that were drafted and never sent")
    collections: int = _size(3, "Collections; 0 answers null as the service does")
    snippets: int = _size(4, "Snippets")
    senders: int = _size(5, "Sender identities, every third of them hidden")
    topics: int = _size(3, "Subscription topics")
    channels: int = _size(2, "Subscription channels")
    object_types: int = _size(2, "Types of objects")
    objects: int = _size(12, "Objects; up to three people are related to each")
    triggers: int | None = _size(None, "Triggers of every broadcast [default: 0 to 5]")
    trigger_errors: int | None = _size(None, "Errors of every trigger [default: 0 to 14]")
    optouts: int = _size(4, "People who opted out of a channel")
    suppressions: int = _size(5, "Addresses that the e-mail provider suppresses, of each type")
    webhooks: int = _size(3, "Reporting webhooks; 0 answers null as the service does")
    exports: int = _size(3, "Exports; 0 answers null as the service does")

    region: str = _option("us", "Region of the account: us or eu")
    rate_limit: int = _option(10, "App API calls per rolling second; 0 means no limit")
    track_rate_limit: int = _option(0, "Track API calls per rolling second; 0 means no limit")
    latency_ms: int = _option(0, "Milliseconds that every answer of both APIs takes")
    latency_jitter_ms: int = _option(0, "Milliseconds by which the latency varies, up and down")
    weather: int = _option(
        0, "Percent of calls to both APIs that a passing trouble strikes, by the seed"
    )
    counting: bool = _option(
        default=False, description="Track batches are checked for size, counted and forgotten"
    )
    unordered: bool = _option(
        default=False, description="Apply the items of a batch in a seeded random order"
    )
    record_bodies: bool = _option(
        default=False, description="Keep Track bodies for /simulator/bodies"
    )
    id_only: bool = _size(default=False, description="A workspace that knows people by id alone")
    empty_pages: bool = _option(
        default=False, description="Messages and memberships put an empty page after every page"
    )
    documented_shapes: bool = _option(
        default=False,
        description="Shapes of the documentation where the live service was seen to differ",
    )
    null_lists: bool = _option(default=False, description="Every empty list is null")
    app_denied: bool = _option(
        default=False, description="The App API answers 401, as the host of the other region does"
    )
    track_denied: bool = _option(
        default=False,
        description="The Track API answers 401, as the US host's account does in the EU",
    )
    track_redirect: str = _option(
        "", "Track API calls but the region look-up answer 301 to this URL"
    )
    forbidden: tuple[str, ...] = _option(
        (), "Path prefix outside the scope of the App API key: 403 (repeatable)"
    )

    app_api_key: str = _option("app-key-of-the-simulator", "Bearer key of the App API")
    site_id: str = _option("site-of-the-simulator", "Site id of the Track API")
    track_api_key: str = _option("track-key-of-the-simulator", "Key of the Track API")

    def __post_init__(self) -> None:
        """Refuse what no workspace can have."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int) and value < 0:
                msg = f"{each.name} must be 0 or more."
                raise OptionError(msg)
        if self.weather > EVERY:
            msg = f"weather must be at most {EVERY}."
            raise OptionError(msg)
        if self.region not in REGIONS:
            msg = f"region must be one of {', '.join(REGIONS)}."
            raise OptionError(msg)
