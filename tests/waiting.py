"""How tests wait: for a condition, and never for a moment to pass."""

from __future__ import annotations

import time


def wait_until(condition, seconds: float = 60.0) -> None:
    """Look again and again until the condition holds, and fail if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
