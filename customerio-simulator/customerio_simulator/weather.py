"""Weather: the passing troubles of a network, any of which may strike any call."""

from __future__ import annotations

import random

from customerio_simulator.faults import AFTER, Fault

TROUBLES: tuple[tuple[int, Fault], ...] = (
    (3, Fault(status=429, retry_after=0)),
    (1, Fault(status=429, retry_after=1)),
    (1, Fault(status=429)),
    (2, Fault(status=500)),
    (1, Fault(status=501)),
    (2, Fault(status=502)),
    (2, Fault(status=502, html=True)),
    (2, Fault(status=503)),
    (1, Fault(status=503, html=True, applied=True)),
    (2, Fault(status=504)),
    (2, Fault(status=504, applied=True)),
    (2, Fault(status=522)),
    (3, Fault(reset=True)),
    (3, Fault(reset=AFTER)),
    (3, Fault(truncate=True)),
    (3, Fault(slow=0.3)),
)
"""What may happen, and how often in comparison."""

_WEIGHTS = [weight for weight, _ in TROUBLES]
_FAULTS = [fault for _, fault in TROUBLES]


class Weather:
    """Strikes calls by chance, the same ones for the same seed.

    Args:
        seed: Seed of the chance.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - odds of a test, no secret

    def strike(self, percent: int) -> Fault | None:
        """Return what goes wrong with the next call, or None.

        Args:
            percent: Calls out of a hundred that something goes wrong with.
        """
        if self._random.random() * 100 >= percent:
            return None
        return self._random.choices(_FAULTS, _WEIGHTS)[0]
