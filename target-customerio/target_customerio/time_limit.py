"""Ends work that does not come to an end, such as the search for a catastrophic pattern.

A timer of the system interrupts it from within: Python's `re` looks for signals while it searches.
Processor time is what counts, so that a busy or suspended machine makes no difference.
"""

from __future__ import annotations

import signal
import sys
import threading
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 1.0
"""Processor time that work may take. To hold a record as large as an item can be against its schema
takes some milliseconds."""

Given = t.TypeVar("Given")
Result = t.TypeVar("Result")


class TookTooLong(BaseException):
    """Work was ended. That may be in the midst of anything, so no `except Exception` catches it."""


def limited(work: Callable[[Given], Result]) -> Callable[[Given], Result]:
    """Return a function that does the same and takes no more than `SECONDS` of processor time.

    It raises `TookTooLong` instead. Only the main thread can be interrupted, and Windows has no
    such timer: there, `work` is returned as it is.

    Args:
        work: What to limit.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return work
    signal.signal(signal.SIGVTALRM, _interrupt)

    def work_in_time(given: Given) -> Result:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            return work(given)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    return work_in_time


def _interrupt(*_: object) -> t.NoReturn:
    raise TookTooLong
