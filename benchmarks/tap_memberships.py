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
from pathlib import Path

import click
import requests
from demo import processes, report

TOO_MANY_REQUESTS = 429


@click.command()
@click.option("--segments", default=200, show_default=True)
@click.option("--latency-ms", default=300, show_default=True, help="How long each answer takes.")
def main(segments: int, latency_ms: int) -> None:
    """Read the memberships of all segments, and count the calls that the simulator saw."""
    workspace = ("--segments", str(segments), "--latency-ms", str(latency_ms), "--people", "2000")
    tap = str(processes.BIN / "tap-customerio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with processes.simulator(folder / "simulator.log", *workspace) as url:
            config = folder / "config.json"
            config.write_text(
                json.dumps({"app_api_key": "app-key-of-the-simulator", "app_api_url": url})
            )
            command = [tap, "--config", str(config)]
            catalog = json.loads(subprocess.check_output([*command, "--discover"]))
            for stream in catalog["streams"]:
                for entry in stream["metadata"]:
                    if not entry["breadcrumb"]:
                        entry["metadata"]["selected"] = (
                            stream["tap_stream_id"] == "segment_membership"
                        )
            (folder / "catalog.json").write_text(json.dumps(catalog))

            started = time.perf_counter()
            selected = [*command, "--catalog", str(folder / "catalog.json")]
            rows = subprocess.check_output(selected).count(b'"RECORD"')
            seconds = time.perf_counter() - started
            calls = requests.get(f"{url}/simulator/calls", timeout=60).json()

    times = [call["time"] for call in calls]
    rate = (len(calls) - 1) / (max(times) - min(times))
    refused = sum(call["status"] == TOO_MANY_REQUESTS for call in calls)
    header = ("calls", "rows", "seconds in all", "calls per second", "429s")
    click.echo(report.table(header, [(len(calls), rows, seconds, f"{rate:.2f}", refused)]))


if __name__ == "__main__":
    main()
