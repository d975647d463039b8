"""What is asked of the App API, and what it answers."""

from __future__ import annotations

import decimal
import itertools
import re
import typing as t
import urllib.parse
from dataclasses import dataclass, field

import msgspec

from tap_customerio.errors import StreamError, UnreadableAnswerError

READING_POSTS: t.Final = frozenset({"/v1/customers", "/v1/customers/attributes", "/v1/objects"})
"""Paths where a POST only reads; elsewhere it may send mail, and twice if it is sent again."""

_NO_SEGMENTS: t.Final = frozenset({"", ".", ".."})
"""They would lead to another path, and dots do so however they are quoted."""

UNREADABLE: t.Final = (ValueError, ArithmeticError, RecursionError)
"""What reading JSON raises: text that is none or no UTF-8, an endless exponent, endless depth."""

MOST_VALUES: t.Final = 500_000
"""Values of a row at most: each takes some 100 bytes of memory, however short it is written."""

_STRING_OR_COMMA: t.Final = re.compile(rb'"[^"]*"|,')

ANYTHING: t.Final = msgspec.json.Decoder(float_hook=decimal.Decimal)
"""Reads any JSON; decimals keep the digits that they had in the API's answer."""

_BODY = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw] | None)
_ROWS = msgspec.json.Decoder(list[msgspec.Raw] | None)
_TOKEN = msgspec.json.Decoder(str | int | None)


Content = t.TypeVar("Content")


def decode(
    decoder: msgspec.json.Decoder[Content], raw: bytes | msgspec.Raw, call: str, found: str
) -> Content:
    """Read a part of an answer.

    Args:
        decoder: Knows what it should be.
        raw: The part.
        call: What it answered, as texts name it.
        found: What it is, in words, if it is something else.

    Raises:
        UnreadableAnswerError: If it is.
    """
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        raise UnreadableAnswerError(call, found) from error


def decode_row(raw: msgspec.Raw, call: str) -> t.Any:  # noqa: ANN401 - whatever the API sent
    """Read a row of an answer.

    Args:
        raw: The row.
        call: What it answered, as texts name it.

    Raises:
        UnreadableAnswerError: If it is no JSON, or too much of it.
    """
    if len(raw) > 2 * MOST_VALUES and _has_too_many_values(bytes(raw)):
        raise UnreadableAnswerError(call, f"a row of more than {MOST_VALUES:,} values")
    return decode(ANYTHING, raw, call, "a row that cannot be read as JSON")


def _has_too_many_values(row: bytes) -> bool:
    if row.count(b",") < MOST_VALUES:
        return False
    # Without escapes no string needs more than one look, and none is kept: a row has millions.
    bare = row.replace(rb"\\", b"").replace(rb"\"", b"")
    commas = (found for found in _STRING_OR_COMMA.finditer(bare) if found[0] == b",")
    return next(itertools.islice(commas, MOST_VALUES - 1, None), None) is not None


@dataclass(frozen=True)
class Request:
    """One GET, or a POST that only reads.

    Attributes:
        path: The path template, for example `/v1/segments/{segment_id}/membership`.
        ids: What the template's placeholders stand for.
        params: The query.
        body: What is posted, None for a GET.
        stream: The stream that asks, by its name; empty if none does.

    Raises:
        ValueError: If the POST might do more than read.
    """

    path: str
    ids: t.Mapping[str, object] = field(default_factory=dict)
    params: t.Mapping[str, str | int] = field(default_factory=dict)
    body: t.Mapping[str, object] | None = None
    stream: str = ""

    def __post_init__(self) -> None:
        if self.body is not None and self.path not in READING_POSTS:
            msg = f"POST {self.path} may do more than read"
            raise ValueError(msg)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.body is None else "POST"

    @property
    def call(self) -> str:
        """Method and path template: how a request is named in texts."""
        return f"{self.method} {self.path}"

    def url(self, base: str) -> str:
        """Address of the request.

        Args:
            base: Scheme and host.

        Raises:
            StreamError: If an id cannot be a part of a path.
        """
        quoted = {name: urllib.parse.quote(str(value), safe="") for name, value in self.ids.items()}
        for name, value in quoted.items():
            if value in _NO_SEGMENTS:
                msg = f"{self.call}: a `{name}` is empty or consists of dots, which names nothing"
                raise StreamError(msg)
        return base + self.path.format(**quoted)


@dataclass(frozen=True)
class Answer:
    """The body of a 200: a JSON object or array, its values not decoded yet.

    Attributes:
        request: What was asked.
        content: The object or array.
        body: The same, as it came.
    """

    request: Request
    content: dict[str, msgspec.Raw] | list[msgspec.Raw]
    body: bytes

    @property
    def size(self) -> int:
        """Length of the body in bytes."""
        return len(self.body)

    @property
    def envelope(self) -> dict[str, msgspec.Raw]:
        """The object.

        Raises:
            UnreadableAnswerError: If it is an array.
        """
        if isinstance(self.content, list):
            raise UnreadableAnswerError(self.request.call, "an array where an object should be")
        return self.content

    def rows(self, key: str) -> list[msgspec.Raw]:
        """The list under a key; null and absent lists are empty ones.

        Args:
            key: The key; `$` is the whole body, whose rows are those of an array, or the object.

        Raises:
            UnreadableAnswerError: If something else is there.
        """
        if key == "$":
            return self.content if isinstance(self.content, list) else [msgspec.Raw(self.body)]
        raw = self.envelope.get(key, b"null")
        return decode(_ROWS, raw, self.request.call, f"no list under `{key}`") or []

    def token(self) -> str | None:
        """The token of the next page; None for all the ways to say that there is none.

        Raises:
            UnreadableAnswerError: If `next` is neither text nor a number.
        """
        if isinstance(self.content, list):
            return None
        raw = self.content.get("next", b"null")
        found = decode(_TOKEN, raw, self.request.call, "an unknown kind of `next`")
        return str(found) if found else None

    @classmethod
    def read(cls, request: Request, body: bytes) -> Answer | None:
        """Read a body.

        Returns:
            The answer; None if the body is not one whole JSON object or array. A body that is null
            is an empty array: the content of an empty collection.
        """
        try:
            content = _BODY.decode(body)
        except UNREADABLE:
            return None
        return cls(request, [] if content is None else content, body)
