"""A budget of calls: that of one process, or one that several share in a file or a Redis server.

Customer.io counts the calls of a workspace, whoever makes them. Where a budget is shared, time is
the wall clock's or the server's, never one that only this process knows, and it is read while the
store is locked, so that no call counts as earlier than it is made.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
import typing as t
import weakref
from urllib.parse import unquote, urlsplit

from pyrate_limiter import InMemoryBucket, Rate, RateItem, SQLiteBucket
from pyrate_limiter.buckets import RedisBucket
from pyrate_limiter.buckets.redis_bucket import LuaScript

from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from pyrate_limiter import AbstractBucket

WINDOW_MILLISECONDS = 1_020
"""A second as we count it: without a margin, jitter on the way squeezes in a call too many."""

LOCK_SECONDS = 30.0
"""How long to wait for a store that another target has locked, which it has for a millisecond."""

SERVER_TIME = (
    "local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)"
)
"""Lua for the time at which the server counts a call, in place of that of the question."""


class Budget(t.Protocol):
    """Where turns are counted. Called by one thread of a process at a time."""

    def take(self) -> float:
        """Take a turn if there is one; return the seconds until it is worth trying again, or 0."""

    def pause(self, seconds: float) -> None:
        """Let nobody who shares the budget call for a while."""


class OwnBudget:
    """The budget of a client that shares it with nobody."""

    def __init__(self, calls_per_second: int) -> None:
        """Start with nothing taken.

        Args:
            calls_per_second: The limit.
        """
        self._bucket = InMemoryBucket([Rate(calls_per_second, WINDOW_MILLISECONDS)])

    def take(self) -> float:
        """Take a turn, as `Budget` says."""
        item = RateItem("own", int(time.monotonic() * 1000))
        self._bucket.leak(item.timestamp)
        return _put(self._bucket, item)

    def pause(self, seconds: float) -> None:
        """There is nobody else to tell."""


class SqliteBudget:
    """A budget in a file, shared by the targets of one machine."""

    def __init__(self, calls_per_second: int, path: str, name: str) -> None:
        """Open the file; it is made if need be.

        Args:
            calls_per_second: The limit.
            path: The file.
            name: The budget's name.

        Raises:
            sqlite3.Error: The file cannot be used, here or later.
        """
        # In autocommit: transactions begin and end where this room says so.
        self._file = sqlite3.connect(
            path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, self._file.close)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=OFF")  # the calls of a second need not survive
        table = f"track_{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
        self._file.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (name TEXT, item_timestamp INTEGER)"
        )
        self._file.execute("CREATE TABLE IF NOT EXISTS track_pauses (name TEXT PRIMARY KEY, until)")
        self._name = name
        self._bucket = SQLiteBucket(
            [Rate(calls_per_second, WINDOW_MILLISECONDS)], self._file, table
        )

    def take(self) -> float:
        """Take a turn, as `Budget` says."""
        with self._locked():
            now = time.time()
            query = "SELECT until FROM track_pauses WHERE name = ?"
            pause = self._file.execute(query, [self._name]).fetchone()
            if pause is not None and pause[0] > now:
                return float(pause[0] - now)
            item = RateItem("track", int(now * 1000))
            wait = _put(self._bucket, item)
        if not wait:
            with self._locked():  # it counts what is old and then removes as many
                self._bucket.leak(item.timestamp)
        return wait

    def pause(self, seconds: float) -> None:
        """Tell the others."""
        self._file.execute(
            "INSERT INTO track_pauses VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET until = MAX(until, excluded.until)",
            [self._name, time.time() + seconds],
        )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            if self._file.in_transaction:  # the bucket may have ended it
                self._file.commit()


class RedisBudget:
    """A budget in a Redis server, shared by the targets of several machines; its clock counts."""

    def __init__(self, calls_per_second: int, url: str, name: str) -> None:
        """Connect to the server.

        Args:
            calls_per_second: The limit.
            url: Its address.
            name: The budget's name.

        Raises:
            ImportError: The client is not installed.
            redis.RedisError: The server cannot be used, here or later.
        """
        import redis  # noqa: PLC0415 - an extra

        self._server: t.Any = redis.Redis.from_url(url, socket_timeout=LOCK_SECONDS)
        self._key = f"target-customerio:{name}"
        script = LuaScript.PUT_ITEM.replace("local now = ARGV[1]", SERVER_TIME)
        self._bucket = RedisBucket(
            [Rate(calls_per_second, WINDOW_MILLISECONDS)],
            self._server,
            self._key,
            self._server.script_load(script),
        )

    def take(self) -> float:
        """Take a turn, as `Budget` says."""
        paused = self._server.pttl(f"{self._key}:pause")
        if paused > 0:
            return float(paused) / 1000
        seconds, microseconds = self._server.time()
        item = RateItem("track", seconds * 1000 + microseconds // 1000)
        self._bucket.leak(item.timestamp)
        self._server.expire(self._key, 60)
        return _put(self._bucket, item)

    def pause(self, seconds: float) -> None:
        """Tell the others."""
        milliseconds = max(int(seconds * 1000), 1)
        if self._server.pttl(f"{self._key}:pause") < milliseconds:
            self._server.set(f"{self._key}:pause", 1, px=milliseconds)


class ExplainedBudget:
    """A budget whose troubles are told in one sentence."""

    def __init__(self, calls_per_second: int, store: str, name: str) -> None:
        """Open a shared budget.

        Args:
            calls_per_second: The limit.
            store: `sqlite:////absolute/path` or `redis://…`.
            name: The budget's name.

        Raises:
            RunEnded: The store cannot be used, here or later.
        """
        parts = urlsplit(store)
        with _explained():
            self._budget: Budget = (
                SqliteBudget(calls_per_second, unquote(parts.path[1:]), name)
                if parts.scheme == "sqlite"
                else RedisBudget(calls_per_second, store, name)
            )

    def take(self) -> float:
        """Take a turn, as `Budget` says."""
        with _explained():
            return self._budget.take()

    def pause(self, seconds: float) -> None:
        """Tell the others."""
        with _explained():
            self._budget.pause(seconds)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ImportError:
        msg = "`rate_limit_store` names a Redis server: install `target-customerio[redis]`."
        raise RunEnded(msg) from None
    except Exception as fault:  # noqa: BLE001 - the client of Redis has errors of its own
        msg = (
            f"The store that `rate_limit_store` names cannot be used ({type(fault).__name__}): "
            "check the path and its rights, or the address and that the server runs."
        )
        raise RunEnded(msg) from None


def _put(bucket: AbstractBucket, item: RateItem) -> float:
    if bucket.put(item):
        return 0
    return max(t.cast("int", bucket.waiting(item)), 1) / 1000
