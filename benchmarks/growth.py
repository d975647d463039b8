"""How time and memory of tap and target grow with the number of records.

The tap reads the activities of a workspace; the target reads small events from a pipe, so that no
file has to hold them. Both go without limit and latency, and every record must arrive. The small
sizes run three times. Time is linear if a record more costs the same at every size, and memory is
constant if the peak is: the exit code is 1 if not.

Run it with `python -m benchmarks.growth [--most 1000000]`; the published page goes to 10000000.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from demo import processes

from benchmarks import measure, peers, readers, target_events
from benchmarks.findings import Findings, spread
from customerio_simulator import Simulator

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SMALLEST, REPEATED, ROUNDS = 1000, 100_000, 3
LIMIT = 900
"""Seconds after which a program is stopped."""
SHORT = 10_000
"""Records up to which the start of a program decides: one more costs nothing that can be seen."""
HEADER = ("records", "seconds", "seconds for each million more", "peak MB")


def tap(folder: Path, records: int) -> measure.Run:
    """Read so many activities.

    Raises:
        ProgramError: It failed, or not every activity came out.
    """
    sizes = (f"--activities={records}", "--rate-limit=0", "--people=1000")
    # Nothing has to keep what is only counted.
    output = folder / "output"
    os.mkfifo(output)
    with (
        processes.simulator(folder / "simulator.log", *sizes) as url,
        ThreadPoolExecutor(1) as counter,
    ):
        command = readers.ours(folder, url, 0, ("activities",))
        counted = counter.submit(measure.records, output)
        run = measure.run(command, output, limit=LIMIT)
    complete(counted.result(), records, run)
    return run


def target(folder: Path, records: int) -> measure.Run:
    """Send so many small events.

    Raises:
        ProgramError: It failed, or not every event arrived.
    """
    source: list[str | Path] = [sys.executable, peers.PROGRAMS / "small_events.py", str(records)]
    with processes.simulator(folder / "simulator.log", "--counting", "--people=1") as url:
        command = target_events.configured(folder, url)
        with subprocess.Popen(source, stdout=subprocess.PIPE) as events:
            run = measure.run(
                command, folder / "output", limit=LIMIT, source=events.stdout or subprocess.DEVNULL
            )
        arrived = Simulator(url).received()["items"]
    complete(arrived, records, run)
    return run


def complete(counted: int, records: int, run: measure.Run) -> None:
    """Make sure that a run is one to be measured.

    Raises:
        ProgramError: It was stopped, or records are missing.
    """
    if run.stopped:
        msg = f"was stopped after {LIMIT} s"
        raise peers.ProgramError(msg)
    if counted != records:
        msg = f"lost records: {counted:,} of {records:,} arrived"
        raise peers.ProgramError(msg)


def sizes(most: int) -> list[int]:
    """Return the powers of ten from the smallest size to the largest."""
    found = [SMALLEST]
    while found[-1] * 10 <= most:
        found.append(found[-1] * 10)
    return found


def runs(program: Callable[[Path, int], measure.Run], records: int) -> list[measure.Run]:
    """Run a program of one size, more than once if it is short."""
    measured = []
    for _ in range(ROUNDS if records <= REPEATED else 1):
        with tempfile.TemporaryDirectory() as folder:
            measured.append(program(Path(folder), records))
    return measured


def costs(seconds: Mapping[int, float]) -> dict[int, float]:
    """Return what a million more records cost between a size and the one before, in seconds.

    Args:
        seconds: What each size took, smallest first; what follows a short one is left out.
    """
    return {
        more: (seconds[more] - seconds[fewer]) / (more - fewer) * 1e6
        for fewer, more in itertools.pairwise(seconds)
        if fewer >= SHORT
    }


PROGRAMS = {"tap-customerio": (tap, 150), "target-customerio": (target, 200)}
"""The programs, each with the MB that it may hold."""


@click.command(help=__doc__)
@click.option("--most", default=1_000_000, show_default=True, help="Records of the largest size.")
def main(most: int) -> None:
    """Measure both programs at each size; exit with 1 if time or memory runs away."""
    found = Findings("growth")
    for name, (program, megabytes) in PROGRAMS.items():
        try:
            grown = {records: runs(program, records) for records in sizes(most)}
        except peers.ProgramError as error:
            msg = f"{name} {error}"
            raise click.ClickException(msg) from None
        seconds = {
            records: [run.seconds for run in measured] for records, measured in grown.items()
        }
        peaks = {
            records: max(run.megabytes for run in measured) for records, measured in grown.items()
        }
        cost = costs({records: statistics.median(each) for records, each in seconds.items()})
        rows = [
            (records, spread(each), cost.get(records, ""), round(peaks[records]))
            for records, each in seconds.items()
        ]
        found.table(f"Growth of {name}", HEADER, rows)
        found.at_most(f"{name}: peak MB of any size", max(peaks.values()), megabytes)
        before, last = ([0.0, 0.0, *cost.values()])[-2:]
        if before:
            what = f"{name}: one more of the largest size, in % of the size before"
            found.at_most(what, 100 * last / before, 150)
    found.hand_over()


if __name__ == "__main__":
    main()
