"""No output of any test may hold a credential or a personal value: everything said is searched.

Heard are the log records of this process, whoever handles them; standard error of every Python
that a test starts (`heard/sitecustomize.py`), even where the test throws it away; and both outputs
that a test collects from a process. Left out are the lines of standard output that hold records or
STATE, which is what they are for. Files, the rejects among them, are not output.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from pathlib import Path

import pytest

CREDENTIALS = [
    "app-key-of-the-simulator",
    "site-of-the-simulator",
    "track-key-of-the-simulator",
    "test-app-api-key",
    "another-secret",
    "hunter2",
]
PERSONAL = [
    r"person[0-9]+@example\.com",  # everybody in a simulated workspace
    r"@crm\.example",  # everybody in the demo's file
    "Lovelace",
]
LEAK = re.compile("|".join([*map(re.escape, CREDENTIALS), *PERSONAL]))


class Listener:
    """Collects what was said, and finds what should not have been."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._said: list[tuple[str, str]] = []
        self._read: dict[Path, int] = {}

    def note(self, who: str, text: str) -> None:
        self._said.append((who, text))

    def leaks(self) -> list[str]:
        """What leaked since this was asked last: who said it, and the line."""
        for path in self.folder.iterdir():
            with path.open(encoding="utf-8", errors="replace") as copy:
                copy.seek(self._read.get(path, 0))
                self.note("standard error of a process", copy.read())
                self._read[path] = copy.tell()
        said, self._said = self._said, []
        return [
            f"{who}: {line}"
            for who, text in said
            if LEAK.search(text)
            for line in text.splitlines()
            if LEAK.search(line)
        ]


def is_simulator(command: object) -> bool:
    """Tell whether a command is the simulator, which says its credentials for all to know."""
    return "customerio-simulator" in str(command)


def without_messages(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if not line.startswith("{"))


@pytest.fixture(scope="session")
def listener(tmp_path_factory):
    """Listen to everything, for the whole session."""
    heard = Listener(tmp_path_factory.mktemp("heard"))
    make_record, communicate = logging.getLogRecordFactory(), subprocess.Popen.communicate
    formatter = logging.Formatter()

    def make_and_note(*arguments, **named):
        record = make_record(*arguments, **named)
        heard.note(f"logger {record.name}", formatter.format(record))
        return record

    def communicate_and_note(process, *arguments, **named):
        answers = communicate(process, *arguments, **named)
        if not is_simulator(process.args):
            output, errors = (
                answer.decode(errors="replace") if isinstance(answer, bytes) else answer or ""
                for answer in answers
            )
            heard.note(f"output of {process.args}", without_messages(output))
            heard.note(f"standard error of {process.args}", errors)
        return answers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", communicate_and_note)
        patch.setenv("PYTHONPATH", str(Path(__file__).with_name("heard")), prepend=os.pathsep)
        patch.setenv("HEARD_FOLDER", str(heard.folder))
        logging.setLogRecordFactory(make_and_note)
        yield heard
        logging.setLogRecordFactory(make_record)


@pytest.fixture(autouse=True)
def _nothing_leaks(listener):
    """Fail the test in which, or before whose end, something leaked."""
    yield
    leaks = listener.leaks()
    assert not leaks, "\n".join(leaks)
