"""Reads with the REST source of dlt, and prints every row; runs where dlt is installed.

Loading is left out, which is more than half of what dlt does: taps do not load either.

Run it with `python dlt_rest_api.py URL APP_API_KEY STREAM…`.
"""

from __future__ import annotations

import json
import sys
import typing as t

# No part of this project's environment.
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

EVERYONE = {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}


def resource(name: str, path: str, rows: str, **endpoint: object) -> dict[str, t.Any]:
    """Return a resource of one endpoint, read in parallel to the others."""
    return {
        "name": name,
        "parallelized": True,
        "endpoint": {"path": path, "data_selector": rows, **endpoint},
    }


def configuration(url: str, key: str) -> dict[str, t.Any]:
    """Return the configuration of the source: the same streams as in airbyte_cdk.yaml."""
    cursor = {"type": "cursor", "cursor_path": "next", "cursor_param": "start"}
    return {
        "client": {
            "base_url": f"{url}/v1/",
            "auth": {"type": "bearer", "token": key},
            "paginator": cursor,
        },
        "resources": [
            resource("campaigns", "campaigns", "campaigns", paginator="single_page"),
            resource("campaign_actions", "campaigns/{resources.campaigns.id}/actions", "actions"),
            resource("segments", "segments", "segments", paginator="single_page"),
            resource(
                "segment_membership",
                "segments/{resources.segments.id}/membership",
                "identifiers",
                params={"limit": 30_000},
            ),
            resource(
                "activities",
                "activities",
                "activities",
                params={"limit": 100, "deleted": "true"},
            ),
            resource(
                "people",
                "customers",
                "identifiers",
                method="POST",
                params={"limit": 1000},
                json={"filter": EVERYONE},
            ),
        ],
    }


def main(url: str, key: str, *streams: str) -> None:
    """Print the rows of some streams, one a line."""
    source = rest_api_source(configuration(url, key)).with_resources(*streams)
    for row in source:
        sys.stdout.write(f'{{"type":"RECORD","record":{json.dumps(row, default=str)}}}\n')


if __name__ == "__main__":
    main(*sys.argv[1:])
