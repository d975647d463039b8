"""How fast the tap reads, beside the other readers that install from the package index.

Workspaces, each served by a simulator of its own, from which the programs read in turn:

- everything, where the tap needs 129 calls, at 10 calls per second and 20 ms an answer;

- the streams that the declared peers have too, as many calls for each, at the same pace;

- the memberships of 300 segments, one of them of 40 pages, at 10 calls per second and 300 ms;

- actions, people, metrics and messages at 300 ms, and memberships at 1 s: the tap alone;

- activities of 900 bytes, without limit or latency, beside a bare loop that pages and prints.

The floor at 10 calls per second is the time in which the budget and the longest chain of pages let
anyone be done; with activities it is the loop, with which the tap takes turns. Everything and
activities are read several times by the tap; the rest, and peers, run once. Calls are counted by
the simulator, rows in what was written. Ours must keep its bars, or the exit code is 1; a peer that
cannot be measured is said to be so.

Run it with `python -m benchmarks.tap_peers [--activities 100000] [--rounds 3] [--only shared]`.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import statistics
import tempfile
import typing as t
from pathlib import Path

import click
from demo import processes

from benchmarks import measure, readers
from benchmarks.findings import Findings, spread
from benchmarks.peers import ProgramError
from customerio_simulator import Simulator

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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


class Reading(t.NamedTuple):
    """One run of a program: what it took, what the simulator saw of it, and its rows."""

    run: measure.Run
    seen: measure.Traffic
    rows: int

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.run.seconds

    @property
    def necessary_calls(self) -> int:
        """Calls that were not refused."""
        return self.seen.calls - self.seen.refused


class Contest:
    """One workspace, and what each program made of it.

    Args:
        simulator: Where it is served.
        calls_per_second: What the programs are told to keep to; 0 for any number.
        limit: Seconds after which a program is stopped.
        prepare: Makes the simulator ready before each run.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        calls_per_second: int,
        limit: float,
        prepare: Callable[[Simulator], None] = lambda _: None,
    ) -> None:
        self._simulator = simulator
        self._calls_per_second = calls_per_second
        self._limit = limit
        self._prepare = prepare
        self._readings: dict[tuple[str, object], list[Reading]] = {}
        self._failures: list[list[object]] = []
        self.calls: list[dict[str, t.Any]] = []

    def enter(self, reader: Reader, streams: tuple[str, ...]) -> Reading:
        """Let a program read, and count its calls and rows.

        Raises:
            ProgramError: It does not install, or failed.
        """
        self._simulator.reset()
        self._prepare(self._simulator)
        with tempfile.TemporaryDirectory() as name:
            output = Path(name) / "output.jsonl"
            command = reader.prepare(
                output.parent, self._simulator.url, self._calls_per_second, streams
            )
            run = measure.run(command, output, limit=self._limit)
            rows = measure.records(output)
        self.calls = self._simulator.calls()
        reading = Reading(run, measure.traffic(self.calls), rows)
        self._readings.setdefault((reader.name, len(streams) or "all"), []).append(reading)
        return reading

    def enter_peer(self, reader: Reader, streams: tuple[str, ...]) -> None:
        """Let a peer read; what it cannot do is said in the table."""
        said = "has no such stream"
        if set(streams) <= set(reader.streams):
            try:
                self.enter(reader, streams)
            except ProgramError as error:
                said = str(error)
            else:
                return
        self._failures.append([reader.name, *[""] * (len(HEADER) - 2), said])

    def rows(self) -> list[list[object]]:
        """Sum up: every program's runs in one row."""
        rows: list[list[object]] = [
            [
                name,
                streams,
                max(each.seen.calls for each in readings),
                max(each.seen.refused for each in readings),
                max(each.seen.burst for each in readings),
                spread([each.seen.rate for each in readings]),
                readings[0].rows,
                spread([each.run.seconds for each in readings]),
                spread([each.rate for each in readings], 0),
                round(max(each.run.megabytes for each in readings)),
                f"stopped after {self._limit:.0f} s"
                if any(each.run.stopped for each in readings)
                else "",
            ]
            for (name, streams), readings in self._readings.items()
        ]
        return rows + self._failures


def floor(calls: int, longest_chain: int, latency: float) -> float:
    """Seconds in which nobody is done sooner: the budget or the longest chain decides."""
    return max(calls / CALLS_PER_SECOND, longest_chain * latency)


def ceiling(calls: int, longest_chain: int, latency: float, slack: float = 1.05) -> float:
    """Seconds in which a reader at the ceiling is done, its start included."""
    return slack * floor(calls, longest_chain, latency) + 1


def pace(
    found: Findings, name: str, readings: Sequence[Reading], least: float, most: float
) -> None:
    """Hold the tap's runs to the seconds in which anyone could be done.

    Args:
        found: Where it is noted.
        name: What was read.
        readings: The runs.
        least: The seconds of the floor.
        most: The seconds of the bar.
    """
    seconds = [each.run.seconds for each in readings]
    found.ratio(name, [100 * least / each for each in seconds])
    burst = max(each.seen.burst for each in readings)
    found.exactly(f"{name}: 429s", sum(each.seen.refused for each in readings), 0)
    found.at_most(f"{name}: calls in any second", burst, CALLS_PER_SECOND)
    found.at_most(f"{name}: seconds", statistics.median(seconds), most)


def activities_to_fill() -> int:
    """Find how many activities make the tap need the calls that it should, all else the same."""
    with workspace(**EVERYTHING, activities=0, rate_limit=0) as simulator:
        contest = Contest(simulator, calls_per_second=0, limit=60)
        seen = contest.enter(readers.OURS, ()).seen
    if seen.calls > NECESSARY_CALLS:
        msg = f"The workspace needs {seen.calls} calls without activities: make it smaller."
        raise click.ClickException(msg)
    return 100 * (NECESSARY_CALLS - seen.calls)


def everything(found: Findings, _: int, rounds: int) -> None:
    """Read all streams of a workspace."""
    activities = activities_to_fill()
    with workspace(**EVERYTHING, activities=activities, latency_ms=20) as simulator:
        contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=90)
        readings = [contest.enter(readers.OURS, ()) for _ in range(rounds)]
        places = collections.Counter(
            call["path"].split("/")[2]
            for call in contest.calls
            if call["status"] != measure.TOO_MANY_REQUESTS
        )
        for peer in readers.PEERS:
            contest.enter_peer(peer, peer.streams)
    made_of = " + ".join(f"{count} {place}" for place, count in places.most_common())
    found.table(
        "Everything in a workspace: 10 calls per second, 20 ms an answer",
        HEADER,
        contest.rows(),
        f"The tap's {places.total()} necessary calls: {made_of}",
    )
    found.exactly("everything: necessary calls", places.total(), NECESSARY_CALLS)
    pace(found, "everything", readings, floor(NECESSARY_CALLS, 1, 0.02), 13.6)


def shared(found: Findings, _: int, __: int) -> None:
    """Read the streams that the declared peers have too; the vendor's source reads its own."""
    # Not more than four campaigns: the fifth is listed and gone, and its 404 ends all of the peers.
    sizes = {"campaigns": 4, "actions": 60, "segments": 50, "activities": 3000, "people": 2000}
    with workspace(**sizes, latency_ms=20) as simulator:
        contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=40)
        reading = contest.enter(readers.OURS, SHARED)
        for peer in readers.PEERS:
            contest.enter_peer(peer, SHARED if set(SHARED) <= set(peer.streams) else peer.streams)
    found.table(
        "The same streams for each: 10 calls per second, 20 ms an answer", HEADER, contest.rows()
    )
    found.at_least("shared streams: rows", reading.rows, 1)
    necessary = (reading.necessary_calls, sizes["activities"] // 100 + 1, 0.02)
    pace(found, "shared streams", [reading], floor(*necessary), ceiling(*necessary))


def memberships(found: Findings, _: int, __: int) -> None:
    """Read who is in 300 segments, one of which has many pages."""
    latency, streams = 0.3, ("segment_membership",)
    with workspace(segments=300, people=2000, latency_ms=int(latency * 1000)) as simulator:
        contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=70, prepare=lengthen)
        reading = contest.enter(readers.OURS, streams)
        for peer in readers.PEERS:
            contest.enter_peer(peer, streams)
    title = "Memberships of 300 segments: 10 calls per second, 300 ms an answer"
    found.table(title, HEADER, contest.rows())
    necessary = (reading.necessary_calls, LONG_PAGES, latency)
    pace(found, "memberships", [reading], floor(*necessary), ceiling(*necessary))


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


def courses(found: Findings, _: int, __: int) -> None:
    """Read streams of each kind at the ceiling."""
    rows: list[list[object]] = []
    for name, course in COURSES.items():
        with workspace(**course.sizes, latency_ms=int(course.latency * 1000)) as simulator:
            contest = Contest(simulator, calls_per_second=CALLS_PER_SECOND, limit=70)
            reading = contest.enter(readers.OURS, course.streams)
        rows += [[name, *row[1:]] for row in contest.rows()]
        necessary = (reading.necessary_calls, course.longest_chain, course.latency)
        pace(found, name, [reading], floor(*necessary), ceiling(*necessary, course.slack))
    title = "The tap alone: 10 calls per second, 300 ms an answer if no more is said"
    found.table(title, ("what", *HEADER[1:]), rows)


def activities(found: Findings, count: int, rounds: int) -> None:
    """Read activities as fast as the programs can."""
    sizes = {"activities": count, "activity_bytes": 900, "rate_limit": 0, "people": 1000}
    streams = ("activities",)
    with workspace(**sizes) as simulator:
        contest = Contest(simulator, calls_per_second=0, limit=70)
        turns = [
            (contest.enter(readers.LOOP, streams), contest.enter(readers.OURS, streams))
            for _ in range(rounds)
        ]
        for peer in readers.PEERS:
            contest.enter_peer(peer, streams)
    found.table(f"{count:,} activities of 900 bytes: no limit, no latency", HEADER, contest.rows())
    found.ratio(f"{count:,} activities", [100 * ours.rate / loop.rate for loop, ours in turns])
    loops, ours = zip(*turns, strict=True)
    bar = min(30_000, statistics.median(loop.rate for loop in loops) / 2)
    found.exactly("activities: rows", ours[0].rows, loops[0].rows)
    found.at_least(
        "activities: rows per second (or half of the loop)",
        statistics.median(each.rate for each in ours),
        bar,
    )
    found.at_most("activities: peak MB", max(each.run.megabytes for each in ours), 150)


SCENARIOS = {
    "everything": everything,
    "shared": shared,
    "memberships": memberships,
    "courses": courses,
    "activities": activities,
}


@click.command(help=__doc__)
@click.option("--activities", "count", default=100_000, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="How often the tap reads.")
@click.option("--only", type=click.Choice(list(SCENARIOS)), multiple=True, help="Not all of them.")
def main(count: int, rounds: int, only: tuple[str, ...]) -> None:
    """Measure the tap and its peers on the same workspaces; exit with 1 if ours misses a bar."""
    found = Findings("tap_peers")
    try:
        for name in only or SCENARIOS:
            SCENARIOS[name](found, count, rounds)
    except ProgramError as error:
        msg = f"tap-customerio or the bare loop {error}"
        raise click.ClickException(msg) from None
    found.hand_over()


if __name__ == "__main__":
    main()
