"""What the tests of all rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from . import servers
from .leaks import _nothing_leaks, listener  # noqa: F401 - fixtures for every test

# Properties are tried with the same examples in every run and on every machine;
# `pytest --hypothesis-profile=torture` tries many more, others each time.
settings.register_profile("steady", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile(
    "torture",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


# Settings of the caller must reach no plugin under test, nor may a proxy come between.
FOREIGN = (
    "TAP_CUSTOMERIO_",
    "TARGET_CUSTOMERIO_",
    "MELTANO_",
    "SINGER_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
)


@pytest.fixture(autouse=True, scope="session")
def _own_environment():
    """Take the caller's settings out of the environment, once and before any test."""
    with pytest.MonkeyPatch.context() as patch:
        if "UV_SYSTEM_CERTS" not in os.environ:  # as in the Makefile, where a test is run by itself
            patch.setenv("UV_SYSTEM_CERTS", "true")
        for name in list(os.environ):
            if name.upper().startswith(FOREIGN):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_server):
    """An empty database of a real Redis server, for one test."""
    with servers.redis_database(redis_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    with servers.postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server):
    """An empty database of a real PostgreSQL server, for one test."""
    with servers.postgres_database(postgres_server) as url:
        yield url
