"""What can go wrong between the tap and Customer.io, and the sentence that helps.

A `StreamError` ends the stream it happens in, a `RunError` ends the run. Their texts carry the
method, the path template, the status and the API's reference for support; never a key, a body,
or a value from a path or a record.
"""

from __future__ import annotations

import traceback
import typing as t

RETRIED_STATUSES: t.Final = frozenset({408, 429, 500, 501, 502, 503, 504, 522, 524})
"""Answers worth asking again: those that the vendor's own Node library retries, and 501, which a
proxy says for a server that is being changed."""

ADVICE: t.Final[t.Mapping[int, str]] = {
    400: "Customer.io could not read the request; this may be a defect of the tap",
    403: (
        "the App API key may not read this: widen its scope (and its IP allowlist, if it has "
        "one) in Customer.io, or deselect the stream"
    ),
    404: (
        "the address is unknown there: check `app_api_url`, or deselect the stream if the "
        "workspace does not have this feature"
    ),
    429: (
        "either the daily quota of this endpoint is used up or other traffic takes the "
        "workspace's 10 calls per second: run it at another time, or lower `requests_per_second`"
    ),
}
"""What to do about an answer that ends a stream."""

REDIRECT_ADVICE: t.Final = "a redirect, which is never followed: check `region` and `app_api_url`"
OTHER_ADVICE: t.Final = "run it again later, or ask Customer.io's support"

UNAUTHORIZED: t.Final = (
    "Customer.io refused the App API key (401): either `app_api_key` is wrong (it must be an App "
    "API key, not a Track API key, of this workspace, and its IP allowlist must include this "
    "machine), or `region` is (now: {region}), since the key of one region is unknown in the other"
)


class TapError(Exception):
    """One sentence for the person who runs the tap."""


class RunError(TapError):
    """Nothing can be read any more: the run ends.

    Attributes:
        may_pass: Whether a later run may get further.
    """

    may_pass: bool = True


class StoreError(RunError):
    """The budget that several taps share cannot be used."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The store that `rate_limit_store` names cannot be used ({cause}): check the path and "
            "its rights, or the address and that the server runs"
        )


class CertificatesError(RunError):
    """The environment names certificates that cannot be read: no host could be verified."""

    def __init__(self) -> None:
        super().__init__(
            "The certificates that REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) names cannot be read: it "
            "must be the path of a PEM file, or of a folder of them"
        )


class StreamError(TapError):
    """The stream ends here; the other streams go on.

    Attributes:
        may_pass: Whether a later run may get further.
    """

    may_pass: bool = False


class UnauthorizedError(RunError):
    """401: the key, or the region."""

    def __init__(self, region: str) -> None:
        super().__init__(UNAUTHORIZED.format(region=region))


class AnswerError(StreamError):
    """An answer that is not what was asked for.

    Args:
        call: Method and path template.
        status: The HTTP status.
        reference: The API's id of the request, or an empty string.
    """

    def __init__(self, call: str, status: int, reference: str = "") -> None:
        self.status = status
        self.reference = reference
        self.may_pass = status in RETRIED_STATUSES
        advice = ADVICE.get(status, REDIRECT_ADVICE if status // 100 == 3 else OTHER_ADVICE)  # noqa: PLR2004 - the class of statuses that HTTP names so
        super().__init__(f"{call} answered {status}{_reference(reference)}: {advice}")


class VanishedError(AnswerError):
    """404 in the API's own form: what the path names does not exist any more."""


class UnreadableAnswerError(StreamError):
    """A 200 whose body is not the JSON that was asked for."""

    def __init__(self, call: str, found: str) -> None:
        super().__init__(
            f"{call} answered 200 with {found}: something between this machine and Customer.io "
            "may have answered instead; check `app_api_url` and proxies, or run it again later"
        )


class UnforeseenError(StreamError):
    """Something that nobody foresaw: an answer in a shape of its own, or a defect.

    The text of the cause may hold a value from a record: its kind and place do not.
    """

    def __init__(self, cause: Exception) -> None:
        place = traceback.extract_tb(cause.__traceback__)[-1]
        file = place.filename.rpartition("/")[2]
        super().__init__(
            f"unexpected {type(cause).__name__} at {file}:{place.lineno}, perhaps from an answer "
            "in a form that nobody knew or from a stream map: please report it"
        )


class UnreachableError(StreamError):
    """No answer: the connection failed, broke or took too long."""

    may_pass = True

    def __init__(self, call: str, cause: str) -> None:
        super().__init__(
            f"{call} got no answer ({cause}): check the network and `app_api_url`, or raise "
            "`request_timeout_seconds` or `max_retries`"
        )


class UntrustedError(StreamError):
    """The host's certificate could not be verified: nothing was sent."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{call} was not sent, since the host's TLS certificate could not be verified: check "
            "`app_api_url`, a proxy on the way, or REQUESTS_CA_BUNDLE"
        )


def _reference(reference: str) -> str:
    return f" (reference {reference})" if reference else ""
