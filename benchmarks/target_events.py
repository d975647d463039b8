"""How fast the target is, against a bare loop that checks nothing.

Both read the same file of events and post it to the same simulator, which only counts. The loop
decodes, re-encodes, packs and posts on one connection; the target checks every record, derives
event ids, keeps order and accounts for every record, its start included.

Run it with `python -m benchmarks.target_events [--events 1000000]`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import click
import msgspec
import requests
from demo import processes, report

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BODY_BYTES = 499_999  # documented: a batch is smaller than 500 KB
SITE_ID, TRACK_API_KEY = "site-of-the-simulator", "track-key-of-the-simulator"
TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "properties": {
        "person_id": TEXT,
        "event_name": TEXT,
        "timestamp": {"type": ["string", "null"], "format": "date-time"},
        "order_number": {"type": ["integer", "null"]},
        "amount": {"type": ["number", "null"]},
        **{f"field_{number}": TEXT for number in range(8)},
        "items": {"type": ["array", "null"], "items": {"type": "object"}},
        "address": {"type": ["object", "null"], "properties": {"city": TEXT, "zip": TEXT}},
    }
}


def messages(events: int) -> Iterator[dict[str, t.Any]]:
    """Make the Singer messages of a file of events; the same ones each time."""
    dice = random.Random(7)  # noqa: S311 (test data)
    texts = [dice.randbytes(33).hex() for _ in range(1000)]
    yield {"type": "SCHEMA", "stream": "person_event", "schema": SCHEMA, "key_properties": []}
    for number in range(events):
        minute, second = number // 60 % 60, number % 60
        record = {
            "person_id": str(number % 100_000),
            "event_name": "order placed",
            "timestamp": f"2026-10-{1 + number % 28:02}T12:{minute:02}:{second:02}Z",
            "order_number": number,
            "amount": round(number * 0.01, 2),
            **{f"field_{column}": texts[(number * 7 + column) % 1000] for column in range(8)},
            "items": [{"sku": texts[number % 1000][:12], "quantity": 1 + number % 5}],
            "address": {"city": "Zürich", "zip": str(8000 + number % 60)},
        }
        yield {"type": "RECORD", "stream": "person_event", "record": record}
        if number % 10_000 == 0:
            yield {"type": "STATE", "value": {"events": number}}
    yield {"type": "STATE", "value": {"events": events}}


def bare_loop(file: Path, url: str) -> None:
    """Decode, re-encode, pack and post, and nothing else."""
    session = requests.Session()
    session.auth = (SITE_ID, TRACK_API_KEY)
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    body: list[bytes] = []
    size = 12

    def post() -> None:
        content = b'{"batch":[' + b",".join(body) + b"]}"
        headers = {"Content-Type": "application/json"}
        session.post(f"{url}/api/v2/batch", content, headers=headers).raise_for_status()

    with file.open("rb") as lines:
        for line in lines:
            message = decode(line)
            if message["type"] != "RECORD":
                continue
            record = message["record"]
            item = encode(
                {
                    "type": "person",
                    "action": "event",
                    "identifiers": {"id": record.pop("person_id")},
                    "name": record.pop("event_name"),
                    "attributes": record,
                }
            )
            if size + len(item) + 1 > BODY_BYTES:
                post()
                body, size = [], 12
            body.append(item)
            size += len(item) + 1
    post()


def measure(log: Path, *command: str | Path) -> tuple[float, float]:
    """Run a program to its end.

    Args:
        log: Where its messages go.
        command: The program and its arguments.

    Returns:
        Its wall time in seconds and its peak memory in MB.

    Raises:
        SystemExit: It failed.
    """
    started = time.perf_counter()
    with log.open("w") as messages:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}\n{log.read_text()}")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="How many events to send.")
@click.option("--bare", nargs=2, hidden=True, help="Only the loop: a file and a URL.")
def main(events: int, bare: tuple[str, str] | None) -> None:
    """Measure the target against a bare loop on the same file, in the same run."""
    if bare:
        bare_loop(Path(bare[0]), bare[1])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, encode = folder / "events.singer", msgspec.json.Encoder().encode
        with file.open("wb") as lines:
            lines.writelines(encode(message) + b"\n" for message in messages(events))
        size = file.stat().st_size
        click.echo(f"{events:,} events, {size / events:.0f} bytes each, {size / 1e6:,.0f} MB")

        with processes.simulator(folder / "simulator.log", "--counting", "--people", "1") as url:
            config = folder / "config.json"
            settings = {"site_id": SITE_ID, "track_api_key": TRACK_API_KEY, "track_api_url": url}
            rejects = {"rejected_records_path": str(folder / "rejected-records")}
            config.write_text(json.dumps(settings | rejects | {"requests_per_second": 0}))
            target = processes.BIN / "target-customerio"
            itself = (sys.executable, "-m", "benchmarks.target_events")
            loop = measure(folder / "loop.log", *itself, "--bare", str(file), url)
            ours = measure(folder / "target.log", target, "--config", config, "--input", file)
            received = requests.get(f"{url}/simulator/received", timeout=60).json()["items"]
            if received != 2 * events:
                sys.exit(f"The simulator received {received:,} items instead of {2 * events:,}.")

    programs = [("bare loop", *loop), ("target-customerio", *ours)]
    rows = [
        (program, seconds, round(events / seconds), f"{loop[0] / seconds:.0%}", memory)
        for program, seconds, memory in programs
    ]
    header = ("program", "seconds", "records per second", "of the loop", "peak MB")
    click.echo(report.table(header, rows))


if __name__ == "__main__":
    main()
