"""The machine that tries to break tap and target, for seconds; `make torture` runs it for long."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import STREAMS

SHORT = (
    "--rounds", "2", "--records", "2000", "--faults", "1", "--default-streams",
    "--verbose",
)  # fmt: skip
# Of the rounds that these draw, one at least is ended by SIGKILL.
SEEDS = {"weather": 3, "hard": 3, "tap": 35, "target": 8}
SAYS = {
    "weather": (
        f"weather over the tap: {len(STREAMS)} streams, ",
        "weather over the target: 2,000 records, ",
    ),
    "hard": ("hard faults of the tap: 1 faults and 1 jumps", "hard faults of the target: 1 faults"),
    "tap": ("tap: 2 rounds, 0 of them broken", "tap, round 1: "),
    "target": ("target: 2 rounds, 0 of them broken", "target, round 1: "),
}


def torture(root, *options):
    return subprocess.run(
        [sys.executable, "-m", "torture", *SHORT, *options],
        cwd=root,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.mark.parametrize("part", SAYS)
def test_no_promise_is_broken(root, part):
    ended = torture(root, "--only", part, "--seed", str(SEEDS[part]))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(line in ended.stdout for line in SAYS[part])
