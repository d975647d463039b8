"""Sends a file of events with the official client; runs where it is installed.

Its batches are as large as the caller makes them, so they are cut by number here. It speaks nothing
but HTTPS, so its requests are turned to HTTP on the way out.

Run it with `python customerio_client.py FILE URL SITE_ID TRACK_API_KEY single|batch`.
"""

from __future__ import annotations

import itertools
import json
import sys
import typing as t
from pathlib import Path

# No part of this project's environment.
from customerio import CustomerIO  # type: ignore[import-not-found]

if t.TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS_OF_A_BATCH = 500
"""So many events of 900 bytes stay under 500 KB."""


class LocalClient(CustomerIO):  # type: ignore[misc]  # not known here
    """The client, sending to a local server what was meant for HTTPS."""

    def send_request(self, method: str, url: str, data: dict[str, t.Any]) -> object:
        """Send a request."""
        return super().send_request(method, url.replace("https://", "http://", 1), data)


def events(file: str) -> Iterator[dict[str, t.Any]]:
    """Read the records of a Singer file."""
    with Path(file).open("rb") as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "RECORD":
                yield message["record"]


def batches(client: CustomerIO, rows: Iterator[dict[str, t.Any]]) -> None:
    """Send many events a call."""
    while some := list(itertools.islice(rows, EVENTS_OF_A_BATCH)):
        client.batch(
            [
                {
                    "type": "person",
                    "action": "event",
                    "identifiers": {"id": row.pop("person_id")},
                    "name": row.pop("event_name"),
                    "attributes": row,
                }
                for row in some
            ]
        )


def singles(client: CustomerIO, rows: Iterator[dict[str, t.Any]]) -> None:
    """Send one event a call."""
    for row in rows:
        client.track(row.pop("person_id"), row.pop("event_name"), row)


def main(file: str, url: str, site_id: str, key: str, way: str) -> None:
    """Send the events of a Singer file."""
    host, _, port = url.removeprefix("http://").partition(":")
    client = LocalClient(site_id, key, host=host, port=int(port))
    {"batch": batches, "single": singles}[way](client, events(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
