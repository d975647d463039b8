"""How long to wait before a call is sent again, or why not to: decisions, no waiting."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import backoff
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

if t.TYPE_CHECKING:
    from tap_customerio.errors import TapError

FIRST_WAIT: t.Final = 0.5
LONGEST_WAIT: t.Final = 30.0
"""Seconds; the waits between them double, each drawn at random between 0 and its full length."""

LONGEST_RETRY_AFTER: t.Final = 300.0
"""Seconds; a server that asks for more is asked again after this."""

LONGEST_UNASKED_PAUSE: t.Final = 300.0
"""Seconds that a call waits in all on 429s without `Retry-After`, which mean a daily quota or an
overloaded workspace."""

Jitter = t.Callable[[float], float]


@dataclass(frozen=True)
class Failure:
    """One try that brought no answer to use.

    Attributes:
        error: What to say when it is not tried again.
        retried: Whether this kind of failure may pass.
        status: The HTTP status, 0 without one.
        retry_after: What the server asked for, in seconds; None if it did not say.
    """

    error: TapError
    retried: bool
    status: int = 0
    retry_after: float | None = None


class Patience:
    """What one call may still wait.

    Args:
        retries: How often it may be sent again.
        jitter: Draws a wait from its full length.
    """

    def __init__(self, retries: int, jitter: Jitter = backoff.full_jitter) -> None:
        self._retries = retries
        self._jitter = jitter
        self._used = 0
        self._unasked = 0.0

    def wait(self, failure: Failure) -> float:
        """Decide on the next try.

        Args:
            failure: How the last try ended.

        Returns:
            Seconds to wait before the next one.

        Raises:
            TapError: The failure's own error, when there is no next one.
        """
        if not failure.retried or self._used >= self._retries:
            raise failure.error
        doublings, self._used = self._used, self._used + 1
        if failure.retry_after is not None:
            return min(failure.retry_after, LONGEST_RETRY_AFTER)
        if failure.status != 429:  # noqa: PLR2004 - Too Many Requests
            return self._jitter(min(FIRST_WAIT * 2**doublings, LONGEST_WAIT))
        wait = min(2.0**doublings, LONGEST_UNASKED_PAUSE - self._unasked)
        if wait <= 0:
            raise failure.error
        self._unasked += wait
        return wait


def parse_retry_after(header: str | None) -> float | None:
    """Read a Retry-After header.

    Args:
        header: Seconds or an HTTP date, None if there was none.

    Returns:
        Seconds from now, never negative; None without a header that can be read.
    """
    if header is None:
        return None
    try:
        return float(Retry().parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError):  # a date or a number out of all bounds
        return None
