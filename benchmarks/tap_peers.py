"""How fast the tap reads, beside the other readers that install from the package index.

Workspaces, each served by a simulator of its own, from which the programs read in turn:

- everything, where the tap needs 129 calls, at 10 calls per second and 20 ms an answer;

- the streams that the declared peers have too, as many calls for each, at the same pace;

- the memberships of 300 segments, one of them of 40 pages, at 10 calls per second and 300 ms;

- actions, people, metrics and messages at 300 ms, and memberships at 1 s: the tap alone;

- activities of 900 bytes, without limit or latency, beside a bare loop that pages and prints.

Calls are counted by the simulator, rows in what was written. Ours must keep its bars, or the exit
code is 1; a peer that cannot be measured is said to be so.

Run it with `python -m benchmarks.tap_peers [--activities 100000] [--only memberships]`.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import tempfile
import typing as t
from pathlib import Path

import click
from demo import processes, report

from benchmarks import measure, readers
from benchmarks.peers import ProgramError
from customerio_simulator import Simulator

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.readers import Reader

CALLS_PER_SECOND = 10
"""The App API's budget (documented: 10 calls a second)."""

NECESSARY_CALLS = 129
LONG_SEGMENT, LONG_PAGES = 50, 40
SHARED = ("campaigns", "campaign_actions", "segments", "segment_membership", "activities")
HEADER = (
    "program",
    "streams",
    "calls",
    "429s",
    "most in 1 s",
    "calls per second",
    "rows",
    "seconds",
    "rows per second",
    "peak MB",
    "",
)

# A little of everything; activities are added until the tap needs the calls that it should.
EVERYTHING: t.Final[Mapping[str, int]] = {
    "campaigns": 2,
    "actions": 2,
    "broadcasts": 1,
    "newsletters": 1,
    "transactional": 1,
    "segments": 4,
    "people": 4,
    "objects": 2,
    "object-types": 1,
    "collections": 1,
    "messages": 200,
    "triggers": 1,
    "trigger-errors": 4,
}


@contextlib.contextmanager
def workspace(**options: int) -> Iterator[Simulator]:
    """Serve a workspace of some sizes in a process of its own."""
    arguments = [f"--{name.replace('_', '-')}={size}" for name, size in options.items()]
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.simulator(Path(folder) / "simulator.log", *arguments) as url,
    ):
        yield Simulator(url)


class Contest:
    """One workspace, and what each program made of it.

    Args:
        simulator: Where it is served.
        calls_per_second: What the programs are told to keep to; 0 for any number.
        limit: Seconds after which a program is stopped.
    """

    def __init__(self, simulator: Simulator, *, calls_per_second: int, limit: float) -> None:
        self._simulator = simulator
        self._calls_per_second = calls_per_second
        self._limit = limit
        self._rows: list[tuple[object, ...]] = []
        self.calls: list[dict[str, t.Any]] = []

    def enter(
        self, reader: Reader, streams: tuple[str, ...]
    ) -> tuple[measure.Run, measure.Traffic, int]:
        """Let a program read, and count its calls and rows.

        Returns:
            What it took, what the simulator saw of it, and its rows.

        Raises:
            ProgramError: It does not install, or failed.
        """
        with tempfile.TemporaryDirectory() as name:
            output = Path(name) / "output.jsonl"
            command = reader.prepare(
                output.parent, self._simulator.url, self._calls_per_second, streams
            )
            run = measure.run(command, output, limit=self._limit)
            rows = measure.records(output)
        self.calls = self._simulator.calls()
        seen = measure.traffic(self.calls)
        self._rows.append(
            (
                reader.name,
                len(streams) or "all",
                seen.calls,
                seen.refused,
                seen.burst,
                seen.rate,
                rows,
                run.seconds,
                round(rows / run.seconds),
                round(run.megabytes),
                f"stopped after {self._limit:.0f} s" if run.stopped else "",
            )
        )
        return run, seen, rows

    def enter_peer(self, reader: Reader, streams: tuple[str, ...]) -> None:
        """Let a peer read; what it cannot do is said in the table."""
        if not set(streams) <= set(reader.streams):
            self._rows.append((reader.name, *[""] * 9, "has no such stream"))
            return
        try:
            self.enter(reader, streams)
        except ProgramError as error:
            self._rows.append((reader.name, *[""] * 9, str(error)))

    def show(self, title: str) -> None:
        """Print the table."""
        click.echo(f"\n{title}\n\n{report.table(HEADER, self._rows)}")


def ceiling(calls: int, longest_chain: int, latency: float, slack: float = 1.05) -> float:
    """Seconds in which a reader at the ceiling is done: the limit or the longest chain decides."""
    return slack * max(calls / CALLS_PER_SECOND, longest_chain * latency) + 1


def activities_to_fill() -> int:
    """Find how many activities make the tap need the calls that it should, all else the same."""
    with workspace(**EVERYTHING, activities=0, rate_limit=0) as simulator:
        contest = Contest(simulator, calls_per_second=0, limit=60)
        _, seen, _ = contest.enter(readers.OURS, ())
    if seen.calls > NECESSARY_CALLS:
        msg = f"The workspace needs {seen.calls} calls without activities: make it smaller."
        raise click.ClickException(msg)
    return 100 * (NECESSARY_CALLS - seen.calls)


def everything(bars: measure.Bars, _: int) -> None:
    """Read all streams of a workspace."""
    activities = activities_to_fill()
    with workspace(**EVERYTHING, activities=activities, latency_ms=20) as simulator:
        contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=90)
        run, seen, _ = contest.enter(readers.OURS, ())
        places = collections.Counter(
            call["path"].split("/")[2]
            for call in contest.calls
            if call["status"] != measure.TOO_MANY_REQUESTS
        )
        for peer in readers.PEERS:
            simulator.reset()
            contest.enter_peer(peer, peer.streams)
    contest.show("Everything in a workspace: 10 calls per second, 20 ms an answer")
    made_of = " + ".join(f"{count} {place}" for place, count in places.most_common())
    click.echo(f"\n  The tap's {places.total()} necessary calls: {made_of}")
    bars.exactly("everything: necessary calls", seen.calls - seen.refused, NECESSARY_CALLS)
    bars.exactly("everything: 429s", seen.refused, 0)
    bars.at_most("everything: seconds", run.seconds, 13.6)


def shared(bars: measure.Bars, _: int) -> None:
    """Read the streams that the declared peers have too; the vendor's source reads its own."""
    # Not more than four campaigns: the fifth is listed and gone, and its 404 ends all of the peers.
    sizes = {"campaigns": 4, "actions": 60, "segments": 50, "activities": 3000, "people": 2000}
    with workspace(**sizes, latency_ms=20) as simulator:
        contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=40)
        run, seen, rows = contest.enter(readers.OURS, SHARED)
        for peer in readers.PEERS:
            simulator.reset()
            contest.enter_peer(peer, SHARED if set(SHARED) <= set(peer.streams) else peer.streams)
    contest.show("The same streams for each: 10 calls per second, 20 ms an answer")
    bars.at_least("shared streams: rows", rows, 1)
    bars.exactly("shared streams: 429s", seen.refused, 0)
    longest = sizes["activities"] // 100 + 1
    bars.at_most(
        "shared streams: seconds", run.seconds, ceiling(seen.calls - seen.refused, longest, 0.02)
    )


def memberships(bars: measure.Bars, _: int) -> None:
    """Read who is in 300 segments, one of which has many pages."""
    latency = 0.3
    with workspace(segments=300, people=2000, latency_ms=int(latency * 1000)) as simulator:
        contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=70)
        for program in (readers.OURS, *readers.PEERS):
            simulator.reset()
            lengthen(simulator)
            if program is readers.OURS:
                run, seen, _ = contest.enter(program, ("segment_membership",))
            else:
                contest.enter_peer(program, ("segment_membership",))
    contest.show("Memberships of 300 segments: 10 calls per second, 300 ms an answer")
    necessary = ceiling(seen.calls - seen.refused, LONG_PAGES, latency)
    bars.exactly("memberships: 429s", seen.refused, 0)
    bars.at_most("memberships: calls in any second", seen.burst, CALLS_PER_SECOND)
    bars.at_most("memberships: seconds", run.seconds, necessary)


def lengthen(simulator: Simulator) -> None:
    """Put pages of a few people before the last page of one segment."""
    path = f"/v1/segments/{LONG_SEGMENT}/membership"
    for page in range(1, LONG_PAGES):
        people = [
            {"cio_id": f"ff{page:02}{row:04}", "id": None, "email": None} for row in range(10)
        ]
        token = base64.b64encode(f"0:{page}".encode()).decode()
        answer = {"segment_id": LONG_SEGMENT, "ids": [], "identifiers": people, "next": token}
        simulator.fault(path=path, body=answer)


class Course(t.NamedTuple):
    """What the tap alone reads at the ceiling.

    Attributes:
        streams: The streams.
        sizes: Of the workspace.
        longest_chain: Calls of which each needs the answer of the one before.
        latency: Seconds of an answer.
        slack: What the ceiling is multiplied by.
    """

    streams: tuple[str, ...]
    sizes: Mapping[str, int]
    longest_chain: int
    latency: float = 0.3
    slack: float = 1.05


COURSES: t.Final[Mapping[str, Course]] = {
    "actions": Course(("campaign_actions",), {"campaigns": 150, "actions": 5}, 2),
    "people": Course(("people",), {"people": 14_000}, 15),
    "metrics": Course(
        (
            "campaign_metrics",
            "campaign_action_metrics",
            "campaign_link_metrics",
            "newsletter_metrics",
            "newsletter_link_metrics",
            "transactional_metrics",
        ),
        {"campaigns": 10, "actions": 8, "newsletters": 20, "transactional": 20},
        3,
    ),
    "messages": Course(("messages",), {"messages": 150_000}, 12),
    "memberships, 1 s": Course(
        ("segment_membership",),
        {"segments": 250, "people": 500, "members": 5},
        2,
        latency=1.0,
        slack=1.1,
    ),
}


def courses(bars: measure.Bars, _: int) -> None:
    """Read streams of each kind at the ceiling."""
    for name, course in COURSES.items():
        latency_ms = int(course.latency * 1000)
        with workspace(**course.sizes, latency_ms=latency_ms) as simulator:
            contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=70)
            run, seen, _rows = contest.enter(readers.OURS, course.streams)
        contest.show(f"{name}: 10 calls per second, {latency_ms} ms an answer")
        bars.exactly(f"{name}: 429s", seen.refused, 0)
        bars.at_most(f"{name}: calls in any second", seen.burst, CALLS_PER_SECOND)
        bars.at_most(
            f"{name}: seconds",
            run.seconds,
            ceiling(seen.calls - seen.refused, course.longest_chain, course.latency, course.slack),
        )


def activities(bars: measure.Bars, count: int) -> None:
    """Read activities as fast as the programs can."""
    sizes = {"activities": count, "activity_bytes": 900, "rate_limit": 0, "people": 1000}
    with workspace(**sizes) as simulator:
        contest = Contest(simulator, calls_per_second=0, limit=70)
        loop, _, read = contest.enter(readers.LOOP, ("activities",))
        simulator.reset()
        run, _, rows = contest.enter(readers.OURS, ("activities",))
        for peer in readers.PEERS:
            simulator.reset()
            contest.enter_peer(peer, ("activities",))
    contest.show(f"{count:,} activities of 900 bytes: no limit, no latency")
    bar = min(30_000, read / loop.seconds / 2)
    bars.exactly("activities: rows", rows, read)
    bars.at_least("activities: rows per second (or half of the loop)", rows / run.seconds, bar)
    bars.at_most("activities: peak MB", run.megabytes, 150)


SCENARIOS = {
    "everything": everything,
    "shared": shared,
    "memberships": memberships,
    "courses": courses,
    "activities": activities,
}


@click.command(help=__doc__)
@click.option("--activities", "count", default=100_000, show_default=True)
@click.option("--only", type=click.Choice(list(SCENARIOS)), multiple=True, help="Not all of them.")
def main(count: int, only: tuple[str, ...]) -> None:
    """Measure the tap and its peers on the same workspaces; exit with 1 if ours misses a bar."""
    bars = measure.Bars()
    try:
        for name in only or SCENARIOS:
            SCENARIOS[name](bars, count)
    except ProgramError as error:
        msg = f"tap-customerio or the bare loop {error}"
        raise click.ClickException(msg) from None
    bars.judge()


if __name__ == "__main__":
    main()
