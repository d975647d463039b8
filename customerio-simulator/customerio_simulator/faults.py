"""Faults: what goes wrong with the next requests, as a list of orders that are used up."""

from __future__ import annotations

import dataclasses
import random
import typing as t
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

if t.TYPE_CHECKING:
    from collections.abc import Mapping

HTML = (
    "<!DOCTYPE html><html><head><title>Something went wrong</title></head>"
    "<body><h1>We will be back soon.</h1></body></html>"
)
"""What a proxy in front of the service shows."""

AFTER = "after"


class FaultError(ValueError):
    """An order that makes no sense; the text says what to change."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, with which requests, and how often.

    Attributes:
        times: Requests that it strikes; None strikes until faults are taken back.
        path: Path that it strikes, `*` stands for anything; None strikes every path of both APIs.
        method: HTTP method that it strikes; None strikes all.
        skip: Matching requests that pass before it strikes.
        probability: Odds from 0 to 1 with which a matching request is struck.
        seed: Seed of those odds.
        status: HTTP status to answer with in place of applying the request.
        applied: The request is applied first, and its answer replaced.
        retry_after: Value of the header Retry-After: seconds or a date.
        headers: More headers.
        body: Text or JSON value to answer with.
        html: The answer is an HTML page.
        delay: Seconds before the request is handled.
        slow: Seconds over which the body is handed out.
        reset: True resets the connection before the request is applied, "after" afterwards.
        truncate: The connection ends in the middle of the body.
    """

    times: int | None = 1
    path: str | None = None
    method: str | None = None
    skip: int = 0
    probability: float | None = None
    seed: int = 0
    status: int | None = None
    applied: bool = False
    retry_after: int | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: t.Any = None
    html: bool = False
    delay: float = 0.0
    slow: float = 0.0
    reset: bool | str = False
    truncate: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.reset not in {True, False, AFTER}:
            msg = 'reset must be true, false or "after".'
            raise FaultError(msg)
        if self.status is not None and not 200 <= self.status <= 599:  # noqa: PLR2004 - HTTP's own
            msg = "status must be between 200 and 599."
            raise FaultError(msg)

    @property
    def replaces(self) -> bool:
        """Whether the answer is another one than the endpoint's."""
        return self.html or self.body is not None or self.status is not None

    @property
    def forestalls(self) -> bool:
        """Whether the request is not applied at all."""
        return self.reset is True or (self.replaces and not self.applied)

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one that the fault is meant for."""
        return (self.method is None or self.method.upper() == method) and (
            self.path is None or fnmatchcase(path, self.path)
        )


class _Order:
    """A fault with what is left of it."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._left = fault.times
        self._to_pass = fault.skip
        self._random = random.Random(fault.seed)  # noqa: S311 - odds of a test, no secret

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether the fault strikes a request, and use it up."""
        if self._left == 0 or not self.fault.matches(method, path):
            return False
        if self._to_pass:
            self._to_pass -= 1
            return False
        odds = self.fault.probability
        if odds is not None and self._random.random() >= odds:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Faults:
    """The orders in the sequence in which they were given; the first that matches strikes."""

    def __init__(self) -> None:
        self._orders: list[_Order] = []

    def add(self, order: Mapping[str, t.Any]) -> None:
        """Give an order.

        Args:
            order: Attributes of `Fault`. With a `probability` and no `times` it stays for good.

        Raises:
            FaultError: An unknown keyword or a value that makes no sense.
        """
        unknown = set(order) - {each.name for each in dataclasses.fields(Fault)}
        if unknown:
            msg = f"Unknown in a fault: {', '.join(sorted(unknown))}."
            raise FaultError(msg)
        times = 1 if order.get("probability") is None else None
        self._orders.append(_Order(Fault(**{"times": times, **order})))

    def clear(self) -> None:
        """Take all orders back."""
        self._orders.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes a request, or None."""
        return next((each.fault for each in self._orders if each.strikes(method, path)), None)
