"""Chains of requests: what the engine walks, and what it hands on."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field

import msgspec

from tap_customerio.answers import Answer, Request
from tap_customerio.pagination import Dialect, Params, unpaged

Row = msgspec.Raw | dict[str, t.Any]
"""A row of an answer, decoded or not."""

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True)
class Position:
    """Where an earlier run stood in a chain: a hint, since tokens are positions and rows move.

    Attributes:
        params: What fetched the last page whose records were handed on.
        believes: Says, given the rows of that page now, whether it is still that page.
    """

    params: Params
    believes: t.Callable[[t.Sequence[Row]], bool]


@dataclass(eq=False)
class Chain:
    """One paginated sequence of requests.

    Attributes:
        path: The path template.
        rows: The key of the envelope that holds the rows; `$` is the whole body.
        ids: What the template's placeholders stand for.
        params: The query of the first page; later pages add their token.
        body: What is posted, the same for every page; None for a GET.
        dialect: How the list goes on after a page.
        enough: Says, given a page's rows, that the pages after it are not wanted.
        unpack: Makes rows of an answer whose rows are no list under a key.
        opens: Makes chains of a page's rows. They are walked before the pages after the next one,
            and the page itself is handed on when all of them have ended.
        remembered: Whether a later run may go on where this one was cut.
        subject: Whatever the consumer wants to know the chain by.
        stream: The stream that it belongs to, by its name. The chains that its pages open belong
            to it too.
        position: Where to go on; the chain begins anew if its page has changed.
    """

    path: str
    rows: str
    ids: t.Mapping[str, object] = field(default_factory=dict)
    params: Params = field(default_factory=dict)
    body: t.Mapping[str, object] | None = None
    dialect: Dialect = unpaged
    enough: t.Callable[[t.Sequence[Row]], bool] | None = None
    unpack: t.Callable[[Answer, Chain], t.Sequence[Row]] | None = None
    opens: t.Callable[[t.Sequence[Row]], t.Sequence[Chain]] | None = None
    remembered: bool = True
    subject: t.Any = None
    stream: str = ""
    position: Position | None = None

    @property
    def call(self) -> str:
        """Method and path template: how its requests are named in texts."""
        return self.request({}).call

    @property
    def key(self) -> str:
        """What a later run knows the chain by: 48 bits of all that makes up its first request."""
        parts = [self.path, self.ids, self.params, self.body]
        return hashlib.blake2b(_encode(parts), digest_size=6).hexdigest()

    def request(self, following: Params) -> Request:
        """The request of a page.

        Args:
            following: What the page before says about this one, nothing for the first page.
        """
        params = {**self.params, **following}
        return Request(self.path, self.ids, params, self.body, self.stream)

    def read(self, answer: Answer) -> t.Sequence[Row]:
        """The rows of an answer.

        Raises:
            UnreadableAnswerError: If they are not where they should be.
        """
        return answer.rows(self.rows) if self.unpack is None else self.unpack(answer, self)


@dataclass(frozen=True)
class Page:
    """Rows of a chain.

    Attributes:
        chain: The chain.
        rows: Its rows, in order.
        size: Length of the body that brought them, in bytes.
        params: What fetched it beyond the chain's own parameters.
    """

    chain: Chain
    rows: t.Sequence[Row]
    size: int
    params: Params = field(default_factory=dict)


@dataclass(frozen=True)
class End:
    """The end of a chain.

    Attributes:
        chain: The chain.
        error: Why it is not whole, None if it is.
    """

    chain: Chain
    error: Exception | None = None


Event = Page | End
