"""Answers: JSON bodies and the errors as the service words them."""

from __future__ import annotations

import itertools
import sys
import typing as t

import msgspec
from starlette.responses import PlainTextResponse, Response

from customerio_simulator.identity import Noise, ulid

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

encode = msgspec.json.encode
T = t.TypeVar("T")


class MalformedError(ValueError):
    """A body that is no JSON, or nests too deep."""


def decode(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Read JSON of a kind; `object` takes any.

    Raises:
        MalformedError: The body is no JSON.
        msgspec.ValidationError: It is JSON of another kind than asked for.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = "The body is no JSON."
        raise MalformedError(msg) from error


_requests = itertools.count(1)
_noise = Noise(0, "reference")

TEXTS = {
    400: "bad request (reference {reference})",
    401: "unauthorized",
    403: "forbidden",
    404: "not found (reference {reference})",
    429: "rate limited to {limit} requests per 1s (reference {short})",
}
"""What the App API says in `errors[].detail`."""


class JSONAnswer(Response):
    """A JSON body."""

    media_type = "application/json"

    @override
    def render(self, content: t.Any) -> bytes:
        return encode(content)


def app_error(status: int, *, limit: int = 0, headers: dict[str, str] | None = None) -> JSONAnswer:
    """Return an error of the App API; the reference is another one in every answer."""
    reference = ulid(1_700_000_000, _noise(next(_requests)))
    detail = TEXTS[status].format(reference=reference, short=reference[-6:].lower(), limit=limit)
    body = {"errors": [{"detail": detail, "status": str(status)}]}
    return JSONAnswer(body, status, headers)


def track_error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONAnswer:
    """Return an error of the Track API's edge."""
    return JSONAnswer({"meta": {"error": message}}, status, headers)


def unrouted() -> PlainTextResponse:
    """Return what a path says that leads nowhere: no JSON."""
    return PlainTextResponse("404 page not found\n", 404)
