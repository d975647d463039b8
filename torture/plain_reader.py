"""What the App API holds, by a reader that knows nothing of the tap: one call after the other."""

from __future__ import annotations

import typing as t

import requests

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from customerio_simulator import Simulator

Row = dict[str, t.Any]
Keys = set[tuple[str, ...]]

DAY = 86_400
WINDOW = 150 * DAY
"""Seconds; less than the six months that the API narrows a search for messages to."""

LISTS = {
    "campaigns": ("campaigns", "campaigns"),
    "broadcasts": ("broadcasts", "broadcasts"),
    "collections": ("collections", "collections"),
    "newsletters": ("newsletters", "newsletters"),
    "object_types": ("object_types", "types"),
    "reporting_webhooks": ("reporting_webhooks", "reporting_webhooks"),
    "segments": ("segments", "segments"),
    "subscription_channels": ("subscription_channels", "channels"),
    "subscription_topics": ("subscription_topics", "topics"),
    "transactional_messages": ("transactional", "messages"),
    "workspaces": ("workspaces", "workspaces"),
}
"""Path and envelope of the lists whose key is `id`, by the tap's name of the stream."""


class PlainReader:
    """Reads the keys of the streams that are selected by default.

    Args:
        simulator: The workspace.
        start: Unix seconds from which messages are wanted.
    """

    def __init__(self, simulator: Simulator, start: int) -> None:
        self._simulator = simulator
        self._start = start
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {simulator.app_api_key}"

    def keys(self) -> dict[str, Keys]:
        """Return the keys of each stream, as texts."""
        found: dict[str, Keys] = {
            stream: {(str(row["id"]),) for row in self._rows(path, envelope)}
            for stream, (path, envelope) in LISTS.items()
        }
        found["activities"] = self._ids("activities", limit="100", deleted="true")
        found["sender_identities"] = self._ids("sender_identities") | self._ids(
            "sender_identities", hidden="true"
        )
        found["snippets"] = {(row["name"],) for row in self._rows("snippets", "snippets")}
        found["messages"] = set().union(
            *(
                self._ids("messages", limit="1000", start_ts=str(at), end_ts=str(at + WINDOW))
                for at in range(self._start, self._simulator.now() + WINDOW, WINDOW)
            )
        )
        found["campaign_actions"] = {
            (campaign, str(row["id"]))
            for (campaign,) in found["campaigns"]
            for row in self._rows(f"campaigns/{campaign}/actions", "actions")
        }
        found["broadcast_actions"] = {
            (broadcast, str(row["id"]), row.get("language") or "")
            for (broadcast,) in found["broadcasts"]
            for row in self._rows(f"broadcasts/{broadcast}/actions", "actions")
        }
        found["segment_membership"] = {
            (segment, row["cio_id"])
            for (segment,) in found["segments"]
            for row in self._rows(f"segments/{segment}/membership", "identifiers", limit="1000")
        }
        return found

    def ask(self, path: str, **query: str) -> t.Any:  # noqa: ANN401 - any JSON
        """Return an answer of the App API; None for what is gone."""
        url = f"{self._simulator.url}/v1/{path}"
        answer = self._session.get(url, params=query, timeout=60)
        return None if answer.status_code == requests.codes.not_found else answer.json()

    def post(self, path: str, body: Row, *, track: bool = False) -> Row:
        """Change something, through the App API or the Track API."""
        simulator = self._simulator
        own = requests.auth.HTTPBasicAuth(simulator.site_id, simulator.track_api_key)
        url = f"{simulator.url}/{path}"
        answer = self._session.post(url, json=body, timeout=60, auth=own if track else None)
        answer.raise_for_status()
        return dict(answer.json())

    def _ids(self, path: str, **query: str) -> Keys:
        return {(str(row["id"]),) for row in self._rows(path, path, **query)}

    def _rows(self, path: str, envelope: str, **query: str) -> Iterator[Row]:
        token = ""
        while True:
            page = self.ask(path, **query, **({"start": token} if token else {}))
            yield from ((page or {}).get(envelope) or [])
            token = str((page or {}).get("next") or "")
            if not token:
                return
