"""What is asked of the App API, and what it answers."""

from __future__ import annotations

import typing as t
import urllib.parse
from dataclasses import dataclass, field

import msgspec

from tap_customerio.errors import UnreadableAnswerError

_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROWS = msgspec.json.Decoder(list[msgspec.Raw] | None)
_TOKEN = msgspec.json.Decoder(str | int | None)


@dataclass(frozen=True)
class Request:
    """One GET.

    Attributes:
        path: The path template, for example `/v1/segments/{segment_id}/membership`.
        ids: What the template's placeholders stand for.
        params: The query.
    """

    path: str
    ids: t.Mapping[str, object] = field(default_factory=dict)
    params: t.Mapping[str, str | int] = field(default_factory=dict)

    @property
    def call(self) -> str:
        """Method and path template: how a request is named in texts."""
        return f"GET {self.path}"

    def url(self, base: str) -> str:
        """Address of the request.

        Args:
            base: Scheme and host.
        """
        quoted = {name: urllib.parse.quote(str(value), safe="") for name, value in self.ids.items()}
        return base + self.path.format(**quoted)


@dataclass(frozen=True)
class Answer:
    """The body of a 200: a JSON object, its values not decoded yet.

    Attributes:
        request: What was asked.
        envelope: The object.
        size: Length of the body in bytes.
    """

    request: Request
    envelope: dict[str, msgspec.Raw]
    size: int

    def rows(self, key: str) -> list[msgspec.Raw]:
        """The list under a key; null and absent lists are empty ones.

        Raises:
            UnreadableAnswerError: If something else is there.
        """
        try:
            found = _ROWS.decode(self.envelope.get(key, b"null"))
        except msgspec.DecodeError as error:
            raise UnreadableAnswerError(self.request.call, f"no list under `{key}`") from error
        return found or []

    def token(self) -> str | None:
        """The token of the next page; None for all the ways to say that there is none.

        Raises:
            UnreadableAnswerError: If `next` is neither text nor a number.
        """
        try:
            found = _TOKEN.decode(self.envelope.get("next", b"null"))
        except msgspec.DecodeError as error:
            raise UnreadableAnswerError(self.request.call, "an unknown kind of `next`") from error
        return str(found) if found else None

    @classmethod
    def read(cls, request: Request, body: bytes) -> Answer | None:
        """Read a body.

        Returns:
            The answer; None if the body is not one whole JSON object.
        """
        try:
            return cls(request, _ENVELOPE.decode(body), len(body))
        except msgspec.DecodeError:
            return None
