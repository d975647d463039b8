"""The peers: other programs that read from or write to Customer.io.

Each has an environment of its own in `.cache/bench`, made by uv when it is first needed; nothing of
them is part of the project's lock file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from demo import processes

ENVIRONMENTS = processes.ROOT / ".cache" / "bench"
PROGRAMS = Path(__file__).parent / "programs"


class ProgramError(Exception):
    """A program cannot be measured; the text says why, in one line."""


@dataclass(frozen=True)
class Peer:
    """A program of somebody else.

    Attributes:
        name: What tables call it.
        requirement: The package to install.
        python: The Python it needs, such as "3.10"; without one it takes ours.
    """

    name: str
    requirement: str
    python: str | None = None

    def environment(self) -> Path:
        """Install it unless that was done before.

        Returns:
            The folder of its programs, Python among them.

        Raises:
            ProgramError: It does not install here.
        """
        folder = ENVIRONMENTS / self.requirement
        installed = folder / ".installed"
        if not installed.exists():
            uv, python = processes.BIN / "uv", folder / "bin" / "python"
            ask(uv, "venv", "--clear", "--python", interpreter(self.python), folder)
            ask(uv, "pip", "install", "--python", python, self.requirement)
            installed.touch()
        return folder / "bin"

    def version(self) -> str:
        """Tell which version is installed, as the page says it."""
        name = re.split(r"[=<>]", self.requirement)[0]
        folders = (ENVIRONMENTS / self.requirement).glob("lib/python*/site-packages")
        found = metadata.distributions(name=name, path=[str(folder) for folder in folders])
        return next((each.version for each in found), "not installed")


def interpreter(version: str | None) -> str:
    """Find a Python that runs; one that pyenv merely announces does not.

    Raises:
        ProgramError: There is none.
    """
    if version is None:
        return sys.executable
    named = shutil.which(f"python{version}")
    pyenv = Path.home() / ".pyenv" / "versions"
    for python in (*filter(None, [named]), *map(str, pyenv.glob(f"{version}.*/bin/python"))):
        if subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return python
    msg = f"needs Python {version}, which is not here"
    raise ProgramError(msg)


def ask(*command: str | Path) -> None:
    """Run a command that says nothing if all goes well.

    Raises:
        ProgramError: It failed.
    """
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        msg = f"does not install: {last_line(result.stderr)}"
        raise ProgramError(msg)


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


AIRBYTE_CUSTOMER_IO: t.Final = Peer(
    # The framework of its time does not start on Python 3.11.
    "airbyte-source-customer-io",
    "airbyte-source-customer-io==0.2.15",
    "3.10",
)
AIRBYTE_CDK: t.Final = Peer("airbyte-cdk, own manifest", "airbyte-cdk")
DLT: t.Final = Peer("dlt rest_api", "dlt")
CUSTOMERIO: t.Final = Peer("customerio", "customerio")
DRT: t.Final = Peer("drt-core rest_api", "drt-core")
PY_SPY: t.Final = Peer("py-spy, which profiles", "py-spy")
ALL: t.Final = (AIRBYTE_CUSTOMER_IO, AIRBYTE_CDK, DLT, CUSTOMERIO, DRT, PY_SPY)
