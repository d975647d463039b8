"""The programs that the demo runs, each a process: the simulator, and Meltano with its plugins."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent
SECONDS_TO_STOP = 10

# Settings of the caller, or of a .env file, must not turn the demo towards a real workspace.
FOREIGN_SETTINGS = re.compile(r"(TAP|TARGET|SINGER)_|MELTANO_(?!PROJECT_ROOT)")


class StepError(Exception):
    """A program of the demo ended otherwise than it should; the text says which and why."""


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    messages: t.IO[str],
    *,
    stdout: t.IO[str] | int,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program in the project's folder, and stop it on the way out whatever happens.

    Args:
        command: The program and its arguments.
        messages: Where its standard error goes.
        stdout: Where its standard output goes, as in `subprocess`.
        environment: Its environment; without one it has ours.

    Yields:
        The running process.
    """
    process = subprocess.Popen(  # noqa: S603 (programs of our own environment, arguments of our own)
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=messages,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def simulator(log: Path, *arguments: str) -> Iterator[str]:
    """Run a local Customer.io on a free port.

    Args:
        log: Where its messages go.
        arguments: Options of `customerio-simulator serve`.

    Yields:
        Its URL.

    Raises:
        StepError: It did not start.
    """
    command = [str(BIN / "customerio-simulator"), "serve", "--port", "0", *arguments]
    with log.open("w") as messages, running(command, messages, stdout=subprocess.PIPE) as process:
        announcement = process.stdout.readline() if process.stdout else ""
        url = re.search(r"http://[\w.]+:\d+", announcement)
        if url is None:
            msg = f"The simulator did not start: see {log}"
            raise StepError(msg)
        yield url[0]


def meltano_run(*blocks: str, settings: Mapping[str, str], log: Path) -> int:
    """Run a pipeline with `meltano run`.

    Args:
        blocks: The plugins of the pipeline, or a job.
        settings: Settings of Meltano and its plugins, as environment variables.
        log: Where the messages of all of them go.

    Returns:
        The exit code.
    """
    ours = {name: text for name, text in os.environ.items() if not FOREIGN_SETTINGS.match(name)}
    options = [f"--env-file={os.devnull}", "--environment=simulator"]
    command = [str(BIN / "meltano"), *options, "run", *blocks]
    with (
        log.open("w") as messages,
        running(command, messages, stdout=messages, environment={**ours, **settings}) as process,
    ):
        return process.wait()
