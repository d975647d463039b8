"""Bookmarks of the incremental streams.

They keep theirs under the SDK's own names, `replication_key` and `replication_key_value`, as a
date-time. A bookmark never claims what was not handed on, and never goes back.
"""

from __future__ import annotations

import typing as t

from tap_customerio import times
from tap_customerio.errors import StreamError

if t.TYPE_CHECKING:
    import logging

    from tap_customerio.settings import Settings

State = t.MutableMapping[str, t.Any]

CLOCKS: t.Final = 300
"""Seconds by which the clocks of two machines that are set may differ."""

BOOKMARK: t.Final = "replication_key_value"
"""Up to where all was read, as a date-time."""

RESUME: t.Final = "resume_from"
"""Where an unfinished run goes on, as a date-time; gone when the run is finished."""

TIMES: t.Final = (BOOKMARK, RESUME)
"""All that the state of a stream says about time, its notes about an unfinished read aside."""

MESSAGES_DEFAULT_MONTHS: t.Final = 6
"""Months of messages that are read without a start date: what the API itself returns."""


def read(state: State, name: str = BOOKMARK) -> int | None:
    """Read a time from the state of a stream.

    Args:
        state: The state of the stream.
        name: The key that holds the time, as a date-time.

    Returns:
        Unix seconds, None if there is none.

    Raises:
        StreamError: If it is no date-time.
    """
    value = state.get(name)
    if not value:
        return None
    try:
        return times.to_seconds(value)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        msg = f"its `{name}` in the state is no date-time: correct or remove it"
        raise StreamError(msg) from error


def drop_future(state: State, names: t.Iterable[str], now: int, logger: logging.Logger) -> bool:
    """Drop times that are still to come: a clock was ahead when they were noted.

    They claim what nobody can have read, and would hide everything until then.

    Args:
        state: The state of a stream, or its notes about an unfinished read.
        names: The keys that hold times, as date-times.
        now: Unix seconds at the start of the run.
        logger: Where each of them is mentioned.

    Returns:
        Whether there was one.

    Raises:
        StreamError: If one is no date-time.
    """
    found = {name: read(state, name) for name in names}
    ahead = [name for name, time in found.items() if time is not None and time > now + CLOCKS]
    for name in ahead:
        logger.warning(
            "`%s` in the state is %s, which is still to come: a clock was wrong. It is dropped, "
            "and what it would hide is read.",
            name,
            state.pop(name),
        )
    return bool(ahead)


def advance(state: State, replication_key: str, seconds: int) -> None:
    """Move the bookmark of a stream forward; an earlier time than its own changes nothing.

    Args:
        state: The state of the stream.
        replication_key: The property that the bookmark is about.
        seconds: The time to move to, in unix seconds.

    Raises:
        StreamError: If the present bookmark is no date-time.
    """
    before = read(state)
    if before is None or seconds > before:
        state.update(replication_key=replication_key, replication_key_value=times.to_text(seconds))


class Window(t.NamedTuple):
    """A span of time, both bounds included, in unix seconds."""

    start: int
    end: int


def plan_windows(settings: Settings, state: State | None, now: int) -> list[Window]:
    """Cut the time to read into windows, oldest first.

    The windows touch without overlapping, though the API includes both bounds: each begins one
    second after the one before.

    Args:
        settings: Dates, look-back, length of a window.
        state: The state of the stream, None for a read that starts anew.
        now: Unix seconds at the start of the run.
    """
    end = now if settings.end is None else min(now, settings.end - 1)
    start = settings.start
    if state is not None and (bookmark := _resume(settings, state)) is not None:
        start = bookmark if start is None else max(start, bookmark)
    if start is None:
        start = times.months_before(end, MESSAGES_DEFAULT_MONTHS)
    length = settings.messages_window_days * times.DAY
    return [Window(begin, min(begin + length - 1, end)) for begin in range(start, end + 1, length)]


def _resume(settings: Settings, state: State) -> int | None:
    unfinished = read(state, RESUME)
    if unfinished is not None:
        return unfinished
    bookmark = read(state)
    if bookmark is None:
        return None
    return bookmark - settings.messages_lookback_days * times.DAY


class WindowBookmark:
    """Moves a bookmark over windows that may end in any order.

    Args:
        state: The state of the stream; None if the read leaves no trace there.
        replication_key: The property that the bookmark is about.
        windows: What is read, oldest first.
    """

    def __init__(
        self, state: State | None, replication_key: str, windows: t.Sequence[Window]
    ) -> None:
        self._state = state
        self._key = replication_key
        self._windows = windows
        self._whole: set[Window] = set()
        self._passed = 0

    def begin(self) -> None:
        """Note where the read begins: the next one cuts the same windows if this one is cut."""
        if self._state is not None and self._windows:
            self._state[RESUME] = times.to_text(self._windows[0].start)

    def whole(self, window: Window) -> bool:
        """Note that a window was handed on.

        Returns:
            Whether the bookmark moved: it does when no window before it is missing.
        """
        self._whole.add(window)
        before = self._passed
        while self._passed < len(self._windows) and self._windows[self._passed] in self._whole:
            self._whole.remove(self._windows[self._passed])
            self._passed += 1
        if self._state is None or self._passed == before:
            return False
        end = self._windows[self._passed - 1].end
        self._state[RESUME] = times.to_text(end + 1)
        advance(self._state, self._key, end)
        return True

    def finish(self) -> None:
        """Note that all windows were handed on: the next run looks back from here."""
        if self._state is not None:
            self._state.pop(RESUME, None)
