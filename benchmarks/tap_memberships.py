"""How close the tap comes to the API's ceiling of ten calls per rolling second.

The memberships of many segments, one call each, from a simulator that answers slowly and refuses
the eleventh call of any second.

Run it with `python -m benchmarks.tap_memberships [--segments 200] [--latency-ms 300]`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import click
import requests
from demo import processes, report

TOO_MANY_REQUESTS = 429


def selected(catalog: dict[str, t.Any], stream: str) -> dict[str, t.Any]:
    """Select one stream of a catalog and no other."""
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] == stream
    return catalog


@click.command()
@click.option("--segments", default=200, show_default=True)
@click.option("--latency-ms", default=300, show_default=True, help="How long each answer takes.")
def main(segments: int, latency_ms: int) -> None:
    """Read the memberships of all segments, and count the calls that the simulator saw."""
    workspace = ("--segments", str(segments), "--latency-ms", str(latency_ms), "--people", "2000")
    tap = str(processes.BIN / "tap-customerio")
    with tempfile.TemporaryDirectory() as name, (Path(name) / "tap.log").open("w") as messages:
        folder = Path(name)
        with processes.simulator(folder / "simulator.log", *workspace) as url:
            settings = {"app_api_key": "app-key-of-the-simulator", "app_api_url": url}
            config, catalog = folder / "config.json", folder / "catalog.json"
            config.write_text(json.dumps(settings))
            command = [tap, "--config", str(config)]
            streams = json.loads(subprocess.check_output([*command, "--discover"], stderr=messages))
            catalog.write_text(json.dumps(selected(streams, "segment_membership")))

            started = time.perf_counter()
            command += ["--catalog", str(catalog)]
            rows = subprocess.check_output(command, stderr=messages).count(b'"RECORD"')
            seconds = time.perf_counter() - started
            calls = requests.get(f"{url}/simulator/calls", timeout=60).json()

    times = [call["time"] for call in calls]
    rate = (len(calls) - 1) / (max(times) - min(times))
    refused = sum(call["status"] == TOO_MANY_REQUESTS for call in calls)
    header = ("calls", "rows", "seconds in all", "calls per second", "429s")
    click.echo(report.table(header, [(len(calls), rows, seconds, f"{rate:.2f}", refused)]))


if __name__ == "__main__":
    main()
