"""The pytest fixture `customerio_simulator`: a factory of simulators that end with the test."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from customerio_simulator import Simulator


@pytest.fixture
def customerio_simulator() -> Iterator[Callable[..., Simulator]]:
    """Return a factory with the keywords of `customerio_simulator.start`."""
    # Imported late: a plugin is loaded in every run of pytest, also where nobody asks for it.
    from customerio_simulator import start  # noqa: PLC0415 - not before a test asks for it

    with contextlib.ExitStack() as stack:

        def factory(**keywords: t.Any) -> Simulator:
            return stack.enter_context(start(**keywords))

        yield factory
