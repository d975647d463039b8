"""The budget of calls that several taps share.

A workspace has one budget, whoever calls. In a store outside, time is the store's or the wall
clock's, never one that only this process knows; and it is read while the store is locked, so that
a call is not counted earlier than it is made.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import typing as t
import urllib.parse
import weakref

from pyrate_limiter import Rate, RateItem, SQLiteBucket
from pyrate_limiter.buckets import RedisBucket
from pyrate_limiter.buckets.redis_bucket import LuaScript

from tap_customerio.errors import RunError, StoreError
from tap_customerio.retries import LONGEST_RETRY_AFTER
from tap_customerio.turns import SPREAD, Budget, Turn

if t.TYPE_CHECKING:
    from pyrate_limiter import AbstractBucket

WINDOW_MS: t.Final = 1_025
"""Length of the rolling window. A second, and the jitter of the way to the server: measured
against a limit of 10 per rolling second, 1,000 ms was refused now and then, and 1,020 ms on a
machine whose processors were all busy."""

LOCK_SECONDS: t.Final = 30.0
"""How long to wait for a store that another tap has locked; it does so for a millisecond."""


class SqliteBudget:
    """A budget in a file, shared by the taps of one machine.

    Args:
        calls_per_second: The limit.
        path: The file; it is made if need be.
        name: The budget's name.

    Raises:
        sqlite3.Error: If the file cannot be used, here or later.
    """

    def __init__(self, calls_per_second: int, path: str, name: str) -> None:
        # In autocommit: transactions begin and end where this room says so.
        self._connection = sqlite3.connect(
            path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, self._connection.close)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")  # a second's calls need not survive
        table = f"budget_{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
        self._calls, self._pauses = table, f"{table}_pause"
        self._connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (name VARCHAR, item_timestamp INTEGER)"
        )
        self._connection.execute(
            f"CREATE TABLE IF NOT EXISTS {self._pauses} (id INTEGER PRIMARY KEY, until REAL)"
        )
        self._bucket = SQLiteBucket(rates(calls_per_second), self._connection, table)

    def take(self, turn: Turn, /) -> float:
        """Take a turn, as `Budget` says."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            now = time.time()
            self._forget_what_is_to_come(now)
            query = f"SELECT MAX(until) FROM {self._pauses}"  # noqa: S608 - a name of our own
            (until,) = self._connection.execute(query).fetchone()
            if until is not None and until > now:
                return float(until - now)
            wait = _put(self._bucket, RateItem(turn.name, int(now * 1000)))
        finally:
            if self._connection.in_transaction:
                self._connection.commit()
        if not wait:
            # It counts what is old and then removes so many: nobody may do so in between.
            self._connection.execute("BEGIN IMMEDIATE")
            self._bucket.leak(int(now * 1000))
        return wait

    def sent(self, turn: Turn, /) -> None:
        """Count a call from now on, as `Budget` says."""
        self._connection.execute(
            f"UPDATE {self._calls} SET item_timestamp = ? WHERE name = ?",  # noqa: S608 - a name of our own
            [int(time.time() * 1000), turn.name],
        )

    def _forget_what_is_to_come(self, now: float) -> None:
        """Take what was noted before the clock was set back for what is just happening.

        Otherwise all would wait until the clock is there again.
        """
        self._connection.execute(
            f"UPDATE {self._calls} SET item_timestamp = ?1 WHERE item_timestamp > ?1",  # noqa: S608 - a name of our own
            [int(now * 1000)],
        )
        self._connection.execute(
            f"DELETE FROM {self._pauses} WHERE until > ?",  # noqa: S608 - a name of our own
            [now + LONGEST_RETRY_AFTER],
        )

    def pause(self, seconds: float) -> None:
        """Tell the others."""
        self._connection.execute(
            f"INSERT INTO {self._pauses} VALUES (1, ?) "  # noqa: S608 - a name of our own
            "ON CONFLICT (id) DO UPDATE SET until = MAX(until, excluded.until)",
            [time.time() + seconds],
        )


class RedisBudget:
    """A budget in a Redis server, shared by the taps of several machines; its clock counts.

    Args:
        calls_per_second: The limit.
        url: Address of the server.
        name: The budget's name.

    Raises:
        ImportError: If the client is not installed.
        redis.RedisError: If the server cannot be used, here or later.
    """

    def __init__(self, calls_per_second: int, url: str, name: str) -> None:
        import redis  # noqa: PLC0415 - an extra

        self._redis: t.Any = redis.Redis.from_url(url, socket_timeout=LOCK_SECONDS)
        self._key = f"tap-customerio:{name}"
        script = LuaScript.PUT_ITEM.replace("local now = ARGV[1]", _SERVER_TIME)
        self._bucket = RedisBucket(
            rates(calls_per_second), self._redis, self._key, self._redis.script_load(script)
        )

    def take(self, turn: Turn, /) -> float:
        """Take a turn, as `Budget` says."""
        paused = self._redis.pttl(f"{self._key}:pause")
        if paused > 0:
            return float(paused) / 1000
        seconds, microseconds = self._redis.time()
        item = RateItem(turn.name, seconds * 1000 + microseconds // 1000)
        self._bucket.leak(item.timestamp)
        self._redis.expire(self._key, 60)
        return _put(self._bucket, item)

    def sent(self, turn: Turn, /) -> None:
        """Count a call from now on, as `Budget` says."""
        seconds, microseconds = self._redis.time()
        for member in self._redis.zrange(self._key, 0, -1):
            if member.startswith(turn.name.encode()):  # the bucket adds to it
                now = seconds * 1000 + microseconds // 1000
                self._redis.zadd(self._key, {member: now}, xx=True)

    def pause(self, seconds: float) -> None:
        """Tell the others."""
        milliseconds = max(int(seconds * 1000), 1)
        if self._redis.pttl(f"{self._key}:pause") < milliseconds:
            self._redis.set(f"{self._key}:pause", 1, px=milliseconds)


_SERVER_TIME: t.Final = (
    "local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)"
)
"""In the script that counts a call, the time at which it is counted, not that of the question."""


def rates(calls_per_second: int) -> list[Rate]:
    """What a budget is made of.

    Args:
        calls_per_second: The limit.
    """
    window = Rate(calls_per_second, WINDOW_MS)
    apart = WINDOW_MS // (SPREAD * calls_per_second)
    return [Rate(1, apart), window] if calls_per_second > 1 and apart else [window]


def open_budget(calls_per_second: int, store: str, name: str) -> Budget:
    """Open a shared budget.

    Args:
        calls_per_second: The limit.
        store: `sqlite:////absolute/path` or `redis://…`, as the settings say.
        name: The budget's name.

    Raises:
        RunError: If the store cannot be used.
    """
    parts = urllib.parse.urlsplit(store)
    try:
        if parts.scheme == "sqlite":
            return SqliteBudget(calls_per_second, urllib.parse.unquote(parts.path[1:]), name)
        return RedisBudget(calls_per_second, store, name)
    except ImportError as error:
        msg = "`rate_limit_store` names a Redis server: install `tap-customerio[redis]`"
        raise RunError(msg) from error
    except Exception as error:  # the client of Redis has errors of its own kind
        raise StoreError(type(error).__name__) from error


def _put(bucket: AbstractBucket, item: RateItem) -> float:
    if bucket.put(item):
        return 0
    return max(t.cast("int", bucket.waiting(item)), 1) / 1000
