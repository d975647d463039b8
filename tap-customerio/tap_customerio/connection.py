"""The connection test: does the key open the workspace, at a cost of at most four calls."""

from __future__ import annotations

import typing as t

from tap_customerio.answers import Request
from tap_customerio.errors import TapError

if t.TYPE_CHECKING:
    from tap_customerio.api import AppApi

CHECKS: t.Final[tuple[tuple[str, str], ...]] = (
    ("campaigns", "/v1/campaigns"),
    ("segments", "/v1/segments"),
)
"""What is read, one page each: name and path."""


def check(api: AppApi, say: t.Callable[[str], object]) -> bool:
    """Test the connection.

    Args:
        api: The App API.
        say: Takes a line for each check: a tick, or what is wrong and what to do.

    Returns:
        Whether every check passed.
    """
    try:
        say(f"✓ region: {api.base()}")
    except TapError as error:
        say(f"✗ region: {error}")
        return False
    passed = [_passes(api, say, name, path) for name, path in CHECKS]
    return all(passed)


def _passes(api: AppApi, say: t.Callable[[str], object], name: str, path: str) -> bool:
    try:
        api.get(Request(path)).rows(name)
    except TapError as error:
        say(f"✗ {name}: {error}")
        return False
    say(f"✓ {name}")
    return True
