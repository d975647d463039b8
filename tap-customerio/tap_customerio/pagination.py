"""The dialects in which the App API says how a list goes on.

A dialect is a function of one page's facts that returns the parameters of the next page, or None
at the end. Every end marker is merely falsy: `""`, null and an absent `next` all occur.
"""

from __future__ import annotations

import typing as t

from tap_customerio.errors import StreamError


class Dialect(t.Protocol):
    """How one endpoint goes on after a page."""

    def __call__(self, token: str | None, count: int, /) -> dict[str, str] | None:
        """Decide on the next page.

        Args:
            token: What the page carried as `next`, None if that was falsy.
            count: How many rows the page held.

        Returns:
            The parameters that ask for the next page, or None at the end.
        """


def unpaged(_token: str | None, _count: int) -> None:
    """The whole list comes in one answer."""


def start_token(token: str | None, _count: int) -> dict[str, str] | None:
    """Goes on while there is a token, past pages without rows too (messages, memberships)."""
    return {"start": token} if token else None


def start_token_until_empty(token: str | None, count: int) -> dict[str, str] | None:
    """As `start_token`, but the last page is an empty one that may carry a token (activities)."""
    return {"start": token} if token and count else None


class Tokens:
    """The tokens of one chain, to notice when they go round in circles.

    On /v1/messages a token beyond the end silently starts again at the first page; without this
    check such a list would never end.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def check(self, token: str, call: str) -> None:
        """Remember a token.

        Args:
            token: What a page carried as `next`.
            call: Method and path template, for the text of the error.

        Raises:
            StreamError: If the chain has seen this token before.
        """
        mark = hash(token)  # eight bytes instead of the token: chains can have 100,000 pages
        if mark in self._seen:
            msg = (
                f"{call} repeated a page token, so the list would never end: rows may have been "
                "removed while it was read; run it again"
            )
            raise StreamError(msg)
        self._seen.add(mark)
