"""What the tests of all rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .leaks import _nothing_leaks, listener  # noqa: F401 - fixtures for every test

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
        for name in list(os.environ):
            if name.upper().startswith(FOREIGN):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent
