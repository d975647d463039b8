"""Programs as processes, each broken off at a moment of one's choice."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import typing as t
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = ("TAP_CUSTOMERIO_", "TARGET_CUSTOMERIO_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""Variables of the caller that must reach no program."""

LONGEST_SECONDS = 240
"""After which a program hangs."""

CHUNK = 65_536
TURN = 0.002
"""Seconds between two looks at a program."""


class BrokenPromise(Exception):  # noqa: N818 - what happened, in a sentence
    """The product did not do what it says; the text says what."""


def demand(condition: object, sentence: str) -> None:
    """Say that a promise was broken, unless the condition holds.

    Raises:
        BrokenPromise: It does not hold.
    """
    if not condition:
        raise BrokenPromise(sentence)


@dataclass
class Progress:
    """How far a program has come.

    Attributes:
        seconds: Since its start.
        read: Bytes of its standard output.
        fed: Bytes of its standard input.
    """

    seconds: float = 0.0
    read: int = 0
    fed: int = 0


@dataclass(frozen=True)
class Break:
    """What happens to a program, and when.

    Attributes:
        kind: Its name.
        when: Tells whether the moment has come.
        act: Does it.
    """

    kind: str
    when: Callable[[Progress], bool]
    act: Callable[[Running], None]


@dataclass(frozen=True)
class Ended:
    """What a program left behind.

    Attributes:
        code: Its exit code; a negative one is the signal that killed it.
        output: Its standard output.
        log: Its standard error.
        seconds: How long it ran.
    """

    code: int
    output: bytes
    log: str
    seconds: float

    @cached_property
    def messages(self) -> list[dict[str, t.Any]]:
        """The messages of its output; a last line that is not whole is none."""
        whole, _, _ = self.output.rpartition(b"\n")
        try:
            return [json.loads(line) for line in whole.split(b"\n") if line]
        except ValueError:
            msg = "a line of standard output is whole and yet no JSON"
            raise BrokenPromise(msg) from None

    @property
    def errors(self) -> list[str]:
        """The lines of its log that tell of an error."""
        return [line for line in self.log.splitlines() if "| ERROR" in line]


class Running:
    """A program under way.

    Args:
        program: One of those that `torture.launch` knows.
        arguments: Its arguments.
        feed: What its standard input brings; None for an empty one.
        file_bytes: How large a file may grow; 0 is no limit.
        output: A file for its standard output in place of a pipe.
    """

    def __init__(
        self,
        program: str,
        *arguments: str | Path,
        feed: bytes | None = None,
        file_bytes: int = 0,
        output: Path | None = None,
    ) -> None:
        self.progress = Progress()
        self._file = output
        self._began = time.monotonic()
        self._output: list[bytes] = []
        self._log: list[bytes] = []
        command = [sys.executable, "-m", "torture.launch", program, str(file_bytes)]
        with (output or Path(os.devnull)).open("wb") as file:
            self.process = subprocess.Popen(  # noqa: S603 - a program of our own
                [*command, *map(str, arguments)],
                cwd=ROOT,
                env={k: v for k, v in os.environ.items() if not k.upper().startswith(FOREIGN)},
                stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
                stdout=subprocess.PIPE if output is None else file,
                stderr=subprocess.PIPE,
            )
        self._threads = [threading.Thread(target=self._listen)]
        if feed is not None:
            self._threads.append(threading.Thread(target=self._feed, args=(feed,)))
        for thread in self._threads:
            thread.start()

    def end(self, breaks: Sequence[Break] = ()) -> Ended:
        """Let it run to its end, and break it off when the moment comes.

        Args:
            breaks: What happens to it.

        Raises:
            BrokenPromise: It hangs.
        """
        left = list(breaks)
        while self._read() or self.process.poll() is None:
            self.progress.seconds = time.monotonic() - self._began
            if self.progress.seconds > LONGEST_SECONDS:
                self.process.kill()
                msg = f"it hangs\n{self._text()[-2000:]}"
                raise BrokenPromise(msg)
            for each in [each for each in left if each.when(self.progress)]:
                left.remove(each)
                each.act(self)
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        written = b"".join(self._output) if self._file is None else self._file.read_bytes()
        seconds = time.monotonic() - self._began
        return Ended(self.process.returncode, written, self._text(), seconds)

    def _read(self) -> bool:
        """Read what there is of its standard output, or wait a moment; False at its end."""
        stdout = self.process.stdout
        if stdout is None or stdout.closed:
            time.sleep(TURN)
            return False
        if not select.select([stdout], [], [], TURN)[0]:
            return True
        chunk = os.read(stdout.fileno(), CHUNK)
        self._output.append(chunk)
        self.progress.read += len(chunk)
        if not chunk:
            stdout.close()
        return bool(chunk)

    def _text(self) -> str:
        return b"".join(self._log).decode(errors="replace")

    def _listen(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - for the type checker
        while chunk := os.read(self.process.stderr.fileno(), CHUNK):
            self._log.append(chunk)

    def _feed(self, content: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        view, descriptor = memoryview(content), self.process.stdin.fileno()
        try:
            while view:
                written = os.write(descriptor, view[:CHUNK])
                view = view[written:]
                self.progress.fed += written
        except BrokenPipeError:
            return  # it ended before its input
        finally:
            self.process.stdin.close()


def send(number: signal.Signals) -> Callable[[Running], None]:
    """Return what sends a signal."""
    return lambda running: running.process.send_signal(number)


def leave(running: Running) -> None:
    """Close the pipe that the program writes to."""
    assert running.process.stdout is not None  # noqa: S101 - for the type checker
    running.process.stdout.close()


SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
CODES = {"SIGKILL": {-9}, "SIGTERM": {143, -15}, "SIGINT": {130, -2}}
"""What a program may end with after a signal: the second one before it has its handlers."""

READER_LEFT = "the reader left"
"""The one end that the tap has no word for: nobody has to be told who left."""


def check_end(kind: str, ended: Ended, usual: Collection[int] = (0,)) -> None:
    """Hold the end of a program that was broken off to what is promised about ends.

    Args:
        kind: What happened to it.
        ended: How it ended.
        usual: The exit codes of a run to which nothing happens.

    Raises:
        BrokenPromise: The exit code is another one, or there is a traceback.
    """
    allowed = CODES.get(kind, {1}) | set(usual)
    demand(ended.code in allowed, f"{kind}: exit code {ended.code}\n{ended.log[-2000:]}")
    in_start = ended.code < 0
    demand(in_start or "Traceback" not in ended.log, f"{kind}: a traceback\n{ended.log[-3000:]}")
    says_why = ended.code != 1 or ended.errors or kind == READER_LEFT
    demand(says_why, f"{kind}: exit code 1 without a word\n{ended.log[-2000:]}")
