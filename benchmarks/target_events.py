"""How fast the target writes, beside the official client, a generic tool, and a bare loop.

All send the same events to the same simulator, which only counts. The loop decodes, re-encodes,
packs and posts on one connection and checks nothing; the target checks every record, derives event
ids, keeps order and accounts for every record, its start included. The slow ways get the first
events only. Ours must reach its share of the loop, or the exit code is 1; a peer that cannot be
measured is said to be so.

Run it with `python -m benchmarks.target_events [--events 1000000]`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

import click
from demo import processes, report

from benchmarks import event_file, measure, peers
from customerio_simulator import Simulator

if t.TYPE_CHECKING:
    from collections.abc import Callable

    # Given a folder to work in, the number of events and the simulator, returns the command to run.
    Prepare: t.TypeAlias = Callable[[Path, int, Simulator], list[str | Path]]

SITE_ID, TRACK_API_KEY = "site-of-the-simulator", "track-key-of-the-simulator"
SLOW_EVENTS = 10_000
LIMIT = 90
"""Seconds after which a program is stopped."""
HEADER = (
    "program",
    "latency ms",
    "events",
    "received",
    "calls",
    "seconds",
    "events per second",
    "of the loop",
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


def ours(folder: Path, events: int, simulator: Simulator) -> list[str | Path]:
    """Send with the target."""
    config = folder / "config.json"
    settings = {
        "site_id": SITE_ID,
        "track_api_key": TRACK_API_KEY,
        "track_api_url": simulator.url,
        "rejected_records_path": str(folder / "rejected-records"),
        "requests_per_second": 0,
    }
    config.write_text(json.dumps(settings))
    file = singer_file(folder, events)
    return [processes.BIN / "target-customerio", "--config", config, "--input", file]


def loop(folder: Path, events: int, simulator: Simulator) -> list[str | Path]:
    """Send with the bare loop."""
    program = peers.PROGRAMS / "bare_events.py"
    file = singer_file(folder, events)
    return [sys.executable, program, file, simulator.url, SITE_ID, TRACK_API_KEY]


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


LOOP, OURS = Writer("bare loop", loop), Writer("target-customerio", ours)
PEERS = (
    Writer("customerio, batches", client("batch")),
    Writer("customerio, single calls", client("single"), SLOW_EVENTS),
    Writer(peers.DRT.name, drt, SLOW_EVENTS),
)


class Contest:
    """One simulator, and what each program sent to it."""

    def __init__(self, folder: Path, events: int) -> None:
        self._folder = folder
        self._events = events
        self._loop_rate = 0.0
        self._rows: list[tuple[object, ...]] = []

    def enter(self, writer: Writer, latency_ms: int = 0) -> tuple[float, float]:
        """Let a program send.

        Returns:
            Its share of the loop's events per second, and its peak memory in MB.

        Raises:
            ProgramError: It does not install, failed, or lost events.
        """
        events = min(self._events, writer.most or self._events)
        arguments = ("--counting", "--people=1", f"--latency-ms={latency_ms}")
        with (
            tempfile.TemporaryDirectory(dir=self._folder) as name,
            processes.simulator(self._folder / "simulator.log", *arguments) as url,
        ):
            folder, simulator = Path(name), Simulator(url)
            command = writer.prepare(folder, events, simulator)
            # drt looks for its profiles at home, and sends usage figures unless told not to.
            environment = {
                "HOME": name,
                "SITE_ID": SITE_ID,
                "TRACK_API_KEY": TRACK_API_KEY,
                "DO_NOT_TRACK": "1",
            }
            run = measure.run(command, folder / "output", limit=LIMIT, environment=environment)
            calls = simulator.calls()
            single = sum(call["path"].startswith("/api/v1/customers/") for call in calls)
            received = simulator.received()["items"] + single
        if received != events and not run.stopped:
            msg = f"lost events: {received:,} of {events:,} arrived"
            raise peers.ProgramError(msg)
        rate = received / run.seconds
        self._loop_rate = self._loop_rate or rate
        self._rows.append(
            (
                writer.name,
                latency_ms,
                events,
                received,
                len(calls),
                run.seconds,
                round(rate),
                f"{rate / self._loop_rate:.0%}",
                round(run.megabytes),
                f"stopped after {LIMIT} s" if run.stopped else "",
            )
        )
        return rate / self._loop_rate, run.megabytes

    def enter_peer(self, writer: Writer) -> None:
        """Let a peer send; what it cannot do is said in the table."""
        try:
            self.enter(writer)
        except peers.ProgramError as error:
            self._rows.append((writer.name, *[""] * 8, str(error)))

    def show(self) -> None:
        """Print the table."""
        click.echo(f"\n{report.table(HEADER, self._rows)}")


@click.command(help=__doc__)
@click.option("--events", default=1_000_000, show_default=True, help="How many events to send.")
def main(events: int) -> None:
    """Measure the target, its peers and a bare loop; exit with 1 if ours misses a bar."""
    bars = measure.Bars()
    with tempfile.TemporaryDirectory() as name:
        contest = Contest(Path(name), events)
        try:
            contest.enter(LOOP)
            share, megabytes = contest.enter(OURS)
            slow_share, _ = contest.enter(OURS, latency_ms=100)
        except peers.ProgramError as error:
            msg = f"target-customerio or the bare loop {error}"
            raise click.ClickException(msg) from None
        for writer in PEERS:
            contest.enter_peer(writer)
        size = (Path(name) / f"{events}.singer").stat().st_size / events
    click.echo(f"\nEvents of {size:,.0f} bytes")
    contest.show()
    bars.at_least("events: % of the loop", 100 * share, 40)
    bars.at_least("events: % of the loop, at 100 ms an answer", 100 * slow_share, 30)
    bars.at_most("events: peak MB", megabytes, 200)
    bars.judge()


if __name__ == "__main__":
    main()
