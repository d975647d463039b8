"""The programs that read a workspace, and how each is told what to read."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from dataclasses import dataclass

from demo import processes

from benchmarks import peers

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    # Given a folder to work in, the simulator's URL, its calls per second (0: any number) and the
    # names of the streams, returns the command to run.
    Prepare: t.TypeAlias = Callable[[Path, str, int, Collection[str]], list[str | Path]]

APP_API_KEY = "app-key-of-the-simulator"


@dataclass(frozen=True)
class Reader:
    """A program that reads.

    Attributes:
        name: What tables call it.
        streams: What it can read; nothing means everything.
        prepare: Makes its command.
    """

    name: str
    streams: tuple[str, ...]
    prepare: Prepare


def ours(
    folder: Path, url: str, calls_per_second: int, streams: Collection[str]
) -> list[str | Path]:
    """Select streams in the tap's own catalog; without any, all of them."""
    config, catalog = folder / "config.json", folder / "catalog.json"
    config.write_text(
        json.dumps(
            {
                "app_api_key": APP_API_KEY,
                "app_api_url": url,
                "requests_per_second": calls_per_second,
            }
        )
    )
    tap: list[str | Path] = [processes.BIN / "tap-customerio", "--config", config]
    found = json.loads(subprocess.check_output([*tap, "--discover"], stderr=subprocess.DEVNULL))
    for entry in found["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                chosen = not streams or entry["tap_stream_id"] in streams
                metadata["metadata"]["selected"] = chosen
    catalog.write_text(json.dumps(found))
    return [*tap, "--catalog", catalog]


def airbyte(folder: Path, url: str, calls_per_second: int, streams: Collection[str]) -> list[Path]:
    """Write an Airbyte configuration and catalog."""
    config, catalog = folder / "config.json", folder / "catalog.json"
    budget = calls_per_second or sys.maxsize
    config.write_text(
        json.dumps({"url": url, "app_api_key": APP_API_KEY, "calls_per_second": budget})
    )
    mode = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    stream = {"json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    chosen = [{"stream": {"name": name, **stream}, **mode} for name in streams]
    catalog.write_text(json.dumps({"streams": chosen}))
    return [config, catalog]


def vendor(
    folder: Path, url: str, calls_per_second: int, streams: Collection[str]
) -> list[str | Path]:
    """Read with the source that the vendor left on the package index."""
    python = peers.AIRBYTE_CUSTOMER_IO.environment() / "python"
    config, catalog = airbyte(folder, url, calls_per_second, streams)
    program = peers.PROGRAMS / "airbyte_customer_io.py"
    return [python, program, url, "read", "--config", config, "--catalog", catalog]


def manifest(
    folder: Path, url: str, calls_per_second: int, streams: Collection[str]
) -> list[str | Path]:
    """Read with a declarative source of today."""
    program = peers.AIRBYTE_CDK.environment() / "source-declarative-manifest"
    config, catalog = airbyte(folder, url, calls_per_second, streams)
    declared = peers.PROGRAMS / "airbyte_cdk.yaml"
    files = ("--config", config, "--catalog", catalog, "--manifest-path", declared)
    return [program, "read", *files]


def dlt(_: Path, url: str, __: int, streams: Collection[str]) -> list[str | Path]:
    """Read with dlt, which knows no limit of calls and waits when it is refused."""
    python = peers.DLT.environment() / "python"
    return [python, peers.PROGRAMS / "dlt_rest_api.py", url, APP_API_KEY, *streams]


def loop(_: Path, url: str, __: int, ___: Collection[str]) -> list[str | Path]:
    """Read activities with the bare loop."""
    return [sys.executable, peers.PROGRAMS / "bare_activities.py", url, APP_API_KEY]


DECLARED = (
    "campaigns",
    "campaign_actions",
    "segments",
    "segment_membership",
    "activities",
    "people",
)
"""The streams of both declared peers: in airbyte_cdk.yaml and dlt_rest_api.py."""

OURS = Reader("tap-customerio", (), ours)
LOOP = Reader("bare loop", ("activities",), loop)
PEERS = (
    Reader(peers.AIRBYTE_CDK.name, DECLARED, manifest),
    Reader(peers.DLT.name, DECLARED, dlt),
    Reader(
        peers.AIRBYTE_CUSTOMER_IO.name,
        ("campaigns", "campaigns_actions", "newsletters"),
        vendor,
    ),
)
