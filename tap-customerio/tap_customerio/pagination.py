"""The dialects in which the App API says how a list goes on.

A dialect is a function of one page's facts that returns the parameters of the next page, or None
at the end. Every end marker is merely falsy: `""`, null and an absent `next` all occur.
"""

from __future__ import annotations

import typing as t

from tap_customerio.errors import StreamError

Params = t.Mapping[str, "str | int"]
"""Parameters of a query."""


class Dialect(t.Protocol):
    """How one endpoint goes on after a page."""

    def __call__(self, token: str | None, count: int, params: Params, /) -> Params | None:
        """Decide on the next page.

        Args:
            token: What the page carried as `next`, None if that was falsy.
            count: How many rows the page held.
            params: What asked for the page.

        Returns:
            The parameters that ask for the next page, or None at the end.
        """


def unpaged(_token: str | None, _count: int, _params: Params) -> None:
    """The whole list comes in one answer."""


def start_token(token: str | None, _count: int, _params: Params) -> Params | None:
    """Goes on while there is a token, past pages without rows too (messages, memberships)."""
    return {"start": token} if token else None


def start_token_until_empty(token: str | None, count: int, _params: Params) -> Params | None:
    """As `start_token`, but the last page is an empty one that may carry a token (activities)."""
    return {"start": token} if token and count else None


def offset(_token: str | None, count: int, params: Params) -> Params | None:
    """Goes on by counting rows; a page shorter than `limit` is the last one (ESP suppressions)."""
    if count < int(params["limit"]):
        return None
    return {"offset": int(params.get("offset", 0)) + count}


class Tokens:
    """The tokens of one chain, to notice when they go round in circles.

    On /v1/messages a token beyond the end silently starts again at the first page; without this
    check such a list would never end.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def check(self, following: Params, call: str) -> None:
        """Remember what asks for the next page.

        Args:
            following: The parameters that a page led to.
            call: Method and path template, for the text of the error.

        Raises:
            StreamError: If the chain has been there before.
        """
        # Eight bytes instead of the token: chains can have 100,000 pages.
        mark = hash(tuple(following.items()))
        if mark in self._seen:
            msg = (
                f"{call} repeated a page token, so the list would never end: rows may have been "
                "removed while it was read; run it again"
            )
            raise StreamError(msg)
        self._seen.add(mark)
