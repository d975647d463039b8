"""What the tap and the target spend their time on, by owner and by function.

A sampler looks at the program from outside, fifty times a second, and notes which function holds
the interpreter: https://github.com/benfred/py-spy. The program runs none of its code, so that short
functions are not made to look dear, as a tracer such as cProfile does; each program also runs once
without it, and the page says how long both took. Work in C, such as the decoding of JSON, counts
for the function of Python that asked for it; waiting for sockets counts for nobody.

Run it with `python -m benchmarks.profiles [--records 300000]`.
"""

from __future__ import annotations

import collections
import contextlib
import re
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

import click
from demo import processes

from benchmarks import measure, peers, readers, target_events
from benchmarks.findings import Findings
from customerio_simulator import Simulator

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Given a folder to work in and a number of records, serves a simulator and yields the command.
    Program: t.TypeAlias = Callable[
        [Path, int], contextlib.AbstractContextManager[list[str | Path]]
    ]

RATE = 50
"""Samples per second."""
LIMIT = 300
"""Seconds after which a program is stopped."""
LARGEST, OWNERS = 3, 6
HEADER = ("", "whose", "% of samples")
FRAME = re.compile(r"(?P<function>.+?) \((?P<file>[^()]+?)(?::(?P<line>\d+))?\)")
IMPORTS, OUTSIDE, STANDARD = "the start: imports", "no Python function", "standard library"


@dataclass(frozen=True)
class Place:
    """Where a sample was taken.

    Attributes:
        owner: The package, or one of the names for what belongs to none.
        function: The function and its module, or nothing.
    """

    owner: str
    function: str = ""


def place(stack: str) -> Place:
    """Name the owner and the function of a stack, such as `main (a/b.py:3);run (a/c.py:7)`."""
    if "<frozen importlib" in stack:
        return Place(IMPORTS)
    frame = FRAME.fullmatch(stack.rpartition(";")[2])
    if frame is None:
        return Place(OUTSIDE)
    file = frame["file"]
    package = file.partition("/")[0].removesuffix(".py").strip("<>").removeprefix("frozen ")
    # Generated code names its generator first, such as "<attrs generated init a.B>".
    package = package.partition(" ")[0]
    owner = STANDARD if package in sys.stdlib_module_names else package
    return Place(owner, f"`{frame['function']}` of {file}")


def places(stacks: str) -> collections.Counter[Place]:
    """Count the samples of a profile: lines of a stack and a number."""
    counts: collections.Counter[Place] = collections.Counter()
    for line in stacks.splitlines():
        stack, _, samples = line.rpartition(" ")
        counts[place(stack)] += int(samples)
    return counts


@contextlib.contextmanager
def tap(folder: Path, records: int) -> Iterator[list[str | Path]]:
    """Serve activities of 900 bytes, and yield the command that reads them."""
    sizes = (f"--activities={records}", "--activity-bytes=900", "--rate-limit=0", "--people=1000")
    with processes.simulator(folder / "simulator.log", *sizes) as url:
        yield readers.ours(folder, url, 0, ("activities",))


@contextlib.contextmanager
def target(folder: Path, records: int) -> Iterator[list[str | Path]]:
    """Serve a counting simulator, and yield the command that sends events of 900 bytes to it."""
    (folder / "events").mkdir()
    with processes.simulator(folder / "simulator.log", "--counting", "--people=1") as url:
        yield target_events.target(folder / "events", records, Simulator(url))


PROGRAMS: dict[str, Program] = {"tap-customerio": tap, "target-customerio": target}


def profile(program: Program, records: int) -> tuple[str, list[float]]:
    """Run a program without the sampler, and with it.

    Returns:
        The stacks, and the seconds of both runs.

    Raises:
        ProgramError: It failed, or there is no sampler here.
    """
    sampler = peers.PY_SPY.environment() / "py-spy"
    seconds = []
    for watch in ((), (sampler, "record", "--gil", "--format=raw", f"--rate={RATE}")):
        with tempfile.TemporaryDirectory() as name, program(Path(name), records) as command:
            stacks = Path(name) / "stacks"
            watched = [*watch, "--output", stacks, "--", *command] if watch else command
            seconds.append(measure.run(watched, Path(name) / "output", limit=LIMIT).seconds)
            text = stacks.read_text() if watch else ""
    return text, seconds


def rows(counts: collections.Counter[Place]) -> Iterator[tuple[str, str, float]]:
    """Name the largest costs, and whose all of them are."""
    whole = counts.total()
    costs = [(where, samples) for where, samples in counts.most_common() if where.function]
    for nth, (where, samples) in enumerate(costs[:LARGEST], 1):
        yield f"cost {nth}", f"{where.owner}: {where.function}", 100 * samples / whole
    owners: collections.Counter[str] = collections.Counter()
    for where, samples in counts.items():
        owners[where.owner] += samples
    for owner, samples in owners.most_common(OWNERS):
        yield "all of", owner, 100 * samples / whole


@click.command(help=__doc__)
@click.option("--records", default=300_000, show_default=True, help="How many each program moves.")
def main(records: int) -> None:
    """Name the largest costs of both programs; where no sampler runs, that is said."""
    found = Findings("profiles")
    for name, program in PROGRAMS.items():
        title = f"Profile of {name}, {records:,} records of 900 bytes"
        try:
            stacks, (plain, sampled) = profile(program, records)
        except peers.ProgramError as error:
            found.table(title, HEADER, [("", f"not measured: {error}", "")])
            continue
        counts = places(stacks)
        note = (
            f"{counts.total():,} samples; {plain:.1f} s without the sampler, {sampled:.1f} s with."
        )
        found.table(title, HEADER, rows(counts), note)
    found.hand_over()


if __name__ == "__main__":
    main()
