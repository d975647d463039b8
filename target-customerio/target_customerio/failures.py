"""What Customer.io accepted and then did not apply, as far as its activities tell it by now."""

from __future__ import annotations

import typing as t

from target_customerio.api import DeliveryStopped

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from target_customerio.app_api import AppClient

KINDS = ("failed_attribute_change", "failed_event", "failed_batch_update", "skipped_update")
"""The types of activities that tell of something accepted with 200 and not applied (documented)."""

CAVEAT = "so far: such activities come late, are not complete, and may be of other senders"


def report(app: AppClient, since: float) -> Iterator[str]:
    """Say how many activities of failures there are, without any value.

    Args:
        app: The App API.
        since: When the run began, in unix seconds.
    """
    try:
        counts = {kind: _count(app, kind, since) for kind in KINDS}
    except DeliveryStopped as stopped:
        yield f"Whether everything accepted was applied could not be read: {stopped}"
        return
    found = ", ".join(f"{number:,} {kind}" for kind, number in counts.items() if number)
    yield f"Accepted and not applied: {found or 'nothing'} ({CAVEAT})."


def _count(app: AppClient, kind: str, since: float) -> int:
    """Count the activities of a kind; they come newest first, though not strictly."""
    total = 0
    for rows in app.activities(kind):
        recent = sum(_is_since(row.get("timestamp"), since) for row in rows)
        total += recent
        if not recent:
            break
    return total


def _is_since(timestamp: object, since: float) -> bool:
    return isinstance(timestamp, (int, float)) and timestamp >= int(since)
