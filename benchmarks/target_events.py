"""How fast the target writes, beside the official client, a generic tool, and two bare loops.

All send the same events to the same simulator, which only counts. The loops decode, re-encode,
pack and post on one connection and check nothing, one with msgspec and one with the standard
library's json; the target checks every record, derives event ids, keeps order and accounts for
every record, its start included. Loops and target take turns, and each round's target is held to
that round's loop with msgspec, since processors speed up and slow down. One longer run shows the
memory; peers run once, the slow ones with the first events only. Ours must reach its share of the
loop, or the exit code is 1; a peer that cannot be measured is said to be so.

Run it with `python -m benchmarks.target_events [--events 200000] [--rounds 3] [--most 1000000]`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

import click
from demo import processes

from benchmarks import event_file, measure, peers
from benchmarks.findings import Findings, spread
from customerio_simulator import Simulator

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Given a folder to work in, the number of events and the simulator, returns the command to run.
    Prepare: t.TypeAlias = Callable[[Path, int, Simulator], list[str | Path]]

SITE_ID, TRACK_API_KEY = "site-of-the-simulator", "track-key-of-the-simulator"
SLOW_EVENTS = 10_000
SLOW_MS = 100
LIMIT = 90
"""Seconds after which a program is stopped."""
HEADER = (
    "program",
    "latency ms",
    "events",
    "calls",
    "seconds",
    "events per second",
    "% of the loop",
    "peak MB",
    "",
)

DRT_BATCH = (
    '{"batch":[{% for row in rows %}{"type":"person","action":"event",'
    '"identifiers":{"id":"{{ row.person_id }}"},"name":"{{ row.event_name }}",'
    '"attributes":{{ row.attributes }}}{{ "" if loop.last else "," }}{% endfor %}]}'
)


@dataclass(frozen=True)
class Writer:
    """A program that writes.

    Attributes:
        name: What the table calls it.
        prepare: Makes its command.
        most: The most events that it gets.
    """

    name: str
    prepare: Prepare
    most: int | None = None


def singer_file(folder: Path, events: int) -> Path:
    """Return a Singer file of so many events, made when it is first needed."""
    file = folder.parent / f"{events}.singer"
    if not file.exists():
        event_file.write_singer(file, events)
    return file


def configured(folder: Path, url: str) -> list[str | Path]:
    """Return the command of the target, which reads its standard input."""
    config = folder / "config.json"
    settings = {
        "site_id": SITE_ID,
        "track_api_key": TRACK_API_KEY,
        "track_api_url": url,
        "rejected_records_path": str(folder / "rejected-records"),
        "requests_per_second": 0,
    }
    config.write_text(json.dumps(settings))
    return [processes.BIN / "target-customerio", "--config", config]


def target(folder: Path, events: int, simulator: Simulator) -> list[str | Path]:
    """Send with the target."""
    return [*configured(folder, simulator.url), "--input", singer_file(folder, events)]


def loop(codec: str) -> Prepare:
    """Send with the bare loop and a codec."""

    def prepare(folder: Path, events: int, simulator: Simulator) -> list[str | Path]:
        program = peers.PROGRAMS / "bare_events.py"
        file = singer_file(folder, events)
        return [sys.executable, program, file, simulator.url, SITE_ID, TRACK_API_KEY, codec]

    return prepare


def client(way: str) -> Prepare:
    """Send with the official client, in one of its ways."""

    def prepare(folder: Path, events: int, simulator: Simulator) -> list[str | Path]:
        python = peers.CUSTOMERIO.environment() / "python"
        # The simulator has no endpoint for single events of the first version: an answer stands in.
        simulator.fault(path="/api/v1/customers/*/events", body={}, times=None)
        file = singer_file(folder, events)
        program = peers.PROGRAMS / "customerio_client.py"
        return [python, program, file, simulator.url, SITE_ID, TRACK_API_KEY, way]

    return prepare


def drt(folder: Path, events: int, simulator: Simulator) -> list[str | Path]:
    """Send with drt: a project that reads a table of SQLite and posts batches.

    Its files are YAML, and JSON is YAML.
    """
    program = peers.DRT.environment() / "drt"
    event_file.write_table(folder / "events.sqlite", events)
    profile = {"local": {"type": "sqlite", "database": str(folder / "events.sqlite")}}
    sync = {
        "name": "events",
        "model": "SELECT person_id, event_name, attributes FROM events",
        "destination": {
            "type": "rest_api",
            "url": f"{simulator.url}/api/v2/batch",
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body_mode": "batch",
            "batch_template": DRT_BATCH,
            "max_records_per_request": 500,
            "auth": {"type": "basic", "username_env": "SITE_ID", "password_env": "TRACK_API_KEY"},
        },
        # It knows no unlimited rate.
        "sync": {"batch_size": 5000, "rate_limit": {"requests_per_second": 100_000}},
    }
    for path, content in (
        (".drt/profiles.yml", profile),
        ("drt_project.yml", {"name": "benchmark", "profile": "local"}),
        ("syncs/events.yml", sync),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return [program, "run"]


LOOP = Writer("bare loop, msgspec", loop("msgspec"))
JSON_LOOP = Writer("bare loop, json", loop("json"))
OURS = Writer("target-customerio", target)
TURN = ((LOOP, 0), (JSON_LOOP, 0), (OURS, 0), (OURS, SLOW_MS))
"""What takes turns, each with the milliseconds that an answer takes."""
PEERS = (
    Writer("customerio, batches", client("batch")),
    Writer("customerio, single calls", client("single"), SLOW_EVENTS),
    Writer(peers.DRT.name, drt, SLOW_EVENTS),
)


@dataclass(frozen=True)
class Sent:
    """What a program sent in one run."""

    events: int
    received: int
    calls: int
    run: measure.Run

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.received / self.run.seconds


def send(folder: Path, writer: Writer, events: int, latency_ms: int = 0) -> Sent:
    """Let a program send to a simulator of its own.

    Raises:
        ProgramError: It does not install, failed, or lost events.
    """
    arguments = ("--counting", "--people=1", f"--latency-ms={latency_ms}")
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        processes.simulator(folder / "simulator.log", *arguments) as url,
    ):
        simulator = Simulator(url)
        command = writer.prepare(Path(name), events, simulator)
        # drt looks for its profiles at home, and sends usage figures unless told not to.
        environment = {
            "HOME": name,
            "SITE_ID": SITE_ID,
            "TRACK_API_KEY": TRACK_API_KEY,
            "DO_NOT_TRACK": "1",
        }
        run = measure.run(command, Path(name) / "output", limit=LIMIT, environment=environment)
        calls = simulator.calls()
        single = sum(call["path"].startswith("/api/v1/customers/") for call in calls)
        received = simulator.received()["items"] + single
    if received != events and not run.stopped:
        msg = f"lost events: {received:,} of {events:,} arrived"
        raise peers.ProgramError(msg)
    return Sent(events, received, len(calls), run)


def shares(runs: Sequence[Sent], loops: Sequence[Sent]) -> list[float]:
    """Return the events per second in percent of the loop's of the same round.

    What ran in no round is held to the middle one of the loops.
    """
    if len(runs) == len(loops):
        return [100 * one.rate / floor.rate for one, floor in zip(runs, loops, strict=True)]
    middle = statistics.median(floor.rate for floor in loops)
    return [100 * one.rate / middle for one in runs]


def row(
    writer: Writer, latency_ms: int, runs: Sequence[Sent], loops: Sequence[Sent]
) -> list[t.Any]:
    """Sum up the runs of a program."""
    return [
        writer.name,
        latency_ms,
        runs[0].events,
        runs[0].calls,
        spread([one.run.seconds for one in runs]),
        spread([one.rate for one in runs], 0),
        spread(shares(runs, loops)),
        round(max(one.run.megabytes for one in runs)),
        f"stopped after {LIMIT} s" if any(one.run.stopped for one in runs) else "",
    ]


def peer_row(folder: Path, writer: Writer, events: int, loops: Sequence[Sent]) -> list[t.Any]:
    """Let a peer send; what it cannot do is said in its row."""
    try:
        sent = send(folder, writer, min(events, writer.most or events))
    except peers.ProgramError as error:
        return [writer.name, *[""] * (len(HEADER) - 2), str(error)]
    return row(writer, 0, [sent], loops)


@click.command(help=__doc__)
@click.option("--events", default=200_000, show_default=True, help="How many events to send.")
@click.option("--rounds", default=3, show_default=True, help="How often loops and target run.")
@click.option("--most", default=1_000_000, show_default=True, help="Events of the longer run.")
def main(events: int, rounds: int, most: int) -> None:
    """Measure the target, its peers and the loops; exit with 1 if ours misses a bar."""
    found = Findings("target_events")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            turns = [
                [send(folder, writer, events, latency_ms) for writer, latency_ms in TURN]
                for _ in range(rounds)
            ]
            longer = send(folder, OURS, most)
        except peers.ProgramError as error:
            msg = f"target-customerio or a bare loop {error}"
            raise click.ClickException(msg) from None
        loops, _, ours, slow = columns = list(zip(*turns, strict=True))
        rows = [row(*entry, runs, loops) for entry, runs in zip(TURN, columns, strict=True)]
        rows += [row(OURS, 0, [longer], loops)]
        rows += [peer_row(folder, writer, events, loops) for writer in PEERS]
        size = singer_file(folder / "any", events).stat().st_size / events
    found.table(f"Events of {size:,.0f} bytes, {rounds} rounds", HEADER, rows)
    share = found.ratio(f"{events:,} events", shares(ours, loops))
    slow_share = found.ratio(f"{events:,} events at {SLOW_MS} ms an answer", shares(slow, loops))
    found.at_least("events: % of the loop", share, 40)
    found.at_least(f"events: % of the loop, at {SLOW_MS} ms an answer", slow_share, 30)
    found.at_most(f"{most:,} events: peak MB", longer.run.megabytes, 200)
    found.hand_over()


if __name__ == "__main__":
    main()
