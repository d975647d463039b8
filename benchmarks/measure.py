"""How programs are run and measured, and what the simulator saw of them."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
import typing as t
from dataclasses import dataclass

from benchmarks.peers import ProgramError, last_line

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

TOO_MANY_REQUESTS = 429
RECORD = re.compile(rb'\{"type": ?"RECORD"')


@dataclass(frozen=True)
class Run:
    """What a program took.

    Attributes:
        seconds: From its start to its end.
        megabytes: The most memory it held at once.
        stopped: Whether it was ended because it took too long.
    """

    seconds: float
    megabytes: float
    stopped: bool = False


def run(
    command: Sequence[str | Path],
    output: Path,
    *,
    limit: float,
    environment: Mapping[str, str] | None = None,
    source: t.IO[bytes] | int = subprocess.DEVNULL,
) -> Run:
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        output: Where its standard output goes; its messages go beside it, into a file `.log`.
        limit: Seconds after which it is stopped.
        environment: More variables of its environment.
        source: What it reads from its standard input, as in `subprocess`.

    Raises:
        ProgramError: It failed.
    """
    log, late = output.with_suffix(".log"), threading.Event()
    with output.open("wb") as rows, log.open("wb") as messages:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=output.parent,
            env={**os.environ, **(environment or {})},
            stdin=source,
            stdout=rows,
            stderr=messages,
        )

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit, stop)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not late.is_set():
        # Airbyte's sources complain on standard output.
        said = last_line(log.read_text(errors="replace") or output.read_text(errors="replace"))
        msg = f"ended with {process.returncode}: {said[:100]}"
        raise ProgramError(msg)
    return Run(seconds, usage.ru_maxrss / 1000, late.is_set())


def records(output: Path) -> int:
    """Count the records that a tap, an Airbyte source or one of our programs wrote."""
    with output.open("rb") as lines:
        return sum(RECORD.match(line) is not None for line in lines)


@dataclass(frozen=True)
class Traffic:
    """What the simulator saw of a program.

    Attributes:
        calls: All calls, refused ones included.
        refused: Calls that were answered with 429.
        seconds: From the first to the last.
        burst: The most calls in any one second.
    """

    calls: int
    refused: int
    seconds: float
    burst: int

    @property
    def rate(self) -> float:
        """Calls per second."""
        return (self.calls - 1) / self.seconds if self.seconds else 0.0


def traffic(calls: Iterable[Mapping[str, t.Any]]) -> Traffic:
    """Sum up the calls that the simulator noted."""
    listed = list(calls)
    times = sorted(call["time"] for call in listed)
    burst = first = 0
    for nth, moment in enumerate(times):
        while moment - times[first] >= 1:
            first += 1
        burst = max(burst, nth - first + 1)
    refused = sum(call["status"] == TOO_MANY_REQUESTS for call in listed)
    return Traffic(len(times), refused, times[-1] - times[0] if times else 0.0, burst)
