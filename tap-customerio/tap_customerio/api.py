"""Customer.io's App API: the only room that sends anything.

One client serves all streams and threads: one session, one key, one limiter. It finds the region,
retries what may pass, and turns every other answer into an error that says what to do.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pathlib
import re
import ssl
import sys
import threading
import typing as t
from http.cookiejar import DefaultCookiePolicy

import backoff
import requests
import requests.adapters
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tap_customerio.answers import Answer, Request
from tap_customerio.errors import (
    RETRIED_STATUSES,
    AnswerError,
    CertificatesError,
    RunError,
    StreamError,
    TapError,
    UnauthorizedError,
    UnreachableError,
    UnreadableAnswerError,
    UntrustedError,
    VanishedError,
)
from tap_customerio.limiter import Clock, Limiter
from tap_customerio.retries import Failure, Jitter, Patience, parse_retry_after
from tap_customerio.turns import OwnBudget

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.settings import Settings
    from tap_customerio.turns import Budget, Turn

logger = logging.getLogger("tap-customerio")

HOSTS: t.Final[t.Mapping[str, str]] = {
    "us": "https://api.customer.io",
    "eu": "https://api-eu.customer.io",
}
"""The App API's host in each region, the first one asked first."""

CONNECT_TIMEOUT: t.Final = 10
"""Seconds to wait for a connection; an answer may take as long as the settings say."""

LARGEST_BODY: t.Final = 100_000_000
"""Bytes of an answer at most, unpacked: more than ten times what the API's largest pages hold."""

PIECE: t.Final = 1_000_000
"""Bytes that are asked of an answer at a time."""

_REFERENCE = re.compile(rb"\(reference ([A-Za-z0-9_-]{1,64})\)")


class _BearerAuth(requests.auth.AuthBase):
    """Being an auth object, it also keeps a .netrc from putting its own header in place."""

    def __init__(self, key: str) -> None:
        self._key = key

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class AppApi:
    """The App API of one workspace.

    Args:
        settings: Key, region, limits.
        clock: Where time comes from.
        jitter: Draws a wait before a retry from its full length.
        hosts: Base address of each region.
        note: Takes the stream that asked, the status and the length of each answer; called by
            several threads.

    Raises:
        RunError: If certificates or a shared budget are named that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        jitter: Jitter = backoff.full_jitter,
        hosts: t.Mapping[str, str] = HOSTS,
        note: t.Callable[[str, int, int], None] = lambda _stream, _status, _size: None,
    ) -> None:
        self._settings = settings
        self._note = note
        self._clock = clock or Clock()
        self._jitter = jitter
        self._hosts = hosts
        self._limiter = Limiter(_budget(settings, self._clock), self._clock)
        self._calling = threading.local()
        self._session = _session(settings, self._opened)
        self._auth = _BearerAuth(settings.app_api_key)
        self._timeout = (
            min(CONNECT_TIMEOUT, settings.request_timeout_seconds),
            settings.request_timeout_seconds,
        )
        self._region = threading.Lock()
        self._base: str | None = None
        self._lost: RunError | None = None
        # Its lines, warnings too, show whole addresses and what a faulty answer held, even in a
        # traceback; the sentences here say the same without.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)

    def get(self, request: Request) -> Answer:
        """Send one request, for callers that do not choose late.

        Raises:
            TapError: As `call`.
        """
        return self.call(lambda: request, threading.Event())

    def call(self, choose: t.Callable[[], Request], stop: threading.Event) -> Answer:
        """Wait for a turn, then send a request until it is answered or there is no hope.

        Args:
            choose: Says what to ask once there is a turn, so that what matters most then goes
                first. Retries repeat the same request.
            stop: Ends the waiting when set.

        Returns:
            The answer.

        Raises:
            RunError: If nothing can be read with this key, or `stop` was set.
            StreamError: If this cannot be read.
        """
        return self._send(self.base(stop), choose, stop)

    def base(self, stop: threading.Event | None = None) -> str:
        """Scheme and host of the workspace's App API; finds out the region if need be.

        Raises:
            RunError: If the region cannot be found out.
        """
        stop = stop or threading.Event()
        with self._region:
            if self._lost is not None:
                raise self._lost
            if self._base is None:
                self._base = (
                    self._settings.app_api_url
                    or self._hosts.get(self._settings.region)
                    or self._find_region(stop)
                )
            return self._base

    def _find_region(self, stop: threading.Event) -> str:
        for region, base in self._hosts.items():
            try:
                self._send(base, lambda: Request("/v1/workspaces"), stop)
            except UnauthorizedError:
                continue
            except StreamError as error:
                if not (
                    isinstance(error, AnswerError) and error.status == requests.codes.forbidden
                ):
                    msg = f"The region could not be found out: {error}"
                    self._lost = RunError(msg)
                    raise self._lost from error
            logger.info("Found the workspace in region '%s'.", region)
            return base
        self._lost = UnauthorizedError(self._settings.region)
        raise self._lost

    def _send(self, base: str, choose: t.Callable[[], Request], stop: threading.Event) -> Answer:
        patience = Patience(self._settings.max_retries, self._jitter)
        request: Request | None = None
        while True:
            turn = self._limiter.acquire(stop)
            if stop.is_set():
                raise CancelledError
            request = request or choose()
            outcome = self._try(base, request, turn)
            if isinstance(outcome, Answer):
                return outcome
            wait = patience.wait(outcome)
            logger.debug("%s again in %.1f s: %s", request.call, wait, outcome.error)
            if outcome.status == requests.codes.too_many_requests:  # it concerns every thread
                self._limiter.pause(wait)
            else:
                self._clock.sleep(wait, stop)

    def _try(self, base: str, request: Request, turn: Turn) -> Answer | Failure:
        began = self._clock.now()
        self._calling.turn = turn
        try:
            response = self._session.request(
                request.method,
                request.url(base),
                params=request.params,
                json=request.body,
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            body = _receive(response)
        except requests.RequestException as error:
            # Its text holds the whole address, its type says as much.
            cause = type(error).__name__
            self._note(request.stream, 0, 0)
            logger.debug("%s: %s", request.call, cause)
            if _is_untrusted(error):
                return Failure(UntrustedError(request.call), retried=False)
            return Failure(UnreachableError(request.call, cause), retried=True)
        finally:
            turn.answered = self._clock.now()
        self._note(request.stream, response.status_code, len(body))
        if len(body) > LARGEST_BODY:
            found = f"more than {LARGEST_BODY:,} bytes"
            return Failure(UnreadableAnswerError(request.call, found), retried=False)
        reference = _reference(response.status_code, body)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s: %d in %.0f ms%s",
                request.call,
                response.status_code,
                (turn.answered - began) * 1000,
                f" (reference {reference})" if reference else "",
            )
        if response.status_code == requests.codes.ok:
            return _read(request, response, body)
        return Failure(
            self._refusal(request, response.status_code, body, reference),
            retried=response.status_code in RETRIED_STATUSES,
            status=response.status_code,
            retry_after=parse_retry_after(response.headers.get("Retry-After")),
        )

    def _opened(self) -> None:
        """Note that this thread's call leaves only now.

        Opening a connection takes several ways to the server and back, a call one.
        """
        self._limiter.sent(self._calling.turn)

    def _refusal(self, request: Request, status: int, body: bytes, reference: str) -> TapError:
        if status == requests.codes.unauthorized:
            return UnauthorizedError(self._settings.app_api_url or self._settings.region)
        structured = status == requests.codes.not_found and Answer.read(request, body)
        return (VanishedError if structured else AnswerError)(request.call, status, reference)


class _Session(requests.Session):
    """Does not even read where a redirect leads: it may be no address."""

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _pools(opened: t.Callable[[], None]) -> dict[str, t.Any]:
    """The pools of each scheme, whose connections say when they are open."""

    class Plain(HTTPConnection):
        @override
        def connect(self) -> None:
            super().connect()
            opened()

    class Secure(HTTPSConnection):
        @override
        def connect(self) -> None:
            super().connect()
            opened()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class CancelledError(RunError):
    """Nobody waits for this call any more; nobody sees this error either."""


def _receive(response: requests.Response) -> bytes:
    """Read a body piece by piece, no further than allowed: a small one may unpack to any size."""
    body = bytearray()
    with response:
        for piece in response.iter_content(PIECE):
            body += piece
            if len(body) > LARGEST_BODY:
                break
    return bytes(body)


def _read(request: Request, response: requests.Response, body: bytes) -> Answer | Failure:
    answer = Answer.read(request, body)
    if answer is not None:
        return answer
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    found = "a page of HTML" if kind == "text/html" else "a body that is no whole JSON object"
    return Failure(UnreadableAnswerError(request.call, found), retried=True)


def _is_untrusted(error: BaseException | None) -> bool:
    """Tell whether a certificate is behind an error; what else fails under TLS may pass."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _reference(status: int, body: bytes) -> str:
    """The API's id of a request that it refused, or an empty string."""
    if status == requests.codes.ok:
        return ""
    found = _REFERENCE.search(body[:4096])
    return found.group(1).decode() if found else ""


def _budget(settings: Settings, clock: Clock) -> Budget | None:
    rate, store = settings.requests_per_second, settings.rate_limit_store
    if not rate:
        return None
    if not store:
        return OwnBudget(rate, clock.now)
    from tap_customerio.budgets import open_budget  # noqa: PLC0415 - for shared budgets alone

    key = hashlib.blake2b(settings.app_api_key.encode(), digest_size=8).hexdigest()
    return open_budget(rate, store, settings.rate_limit_name or key)


def _session(settings: Settings, opened: t.Callable[[], None]) -> requests.Session:
    session = _Session()
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=settings.max_concurrency)
    adapter.poolmanager.pool_classes_by_scheme = _pools(opened)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"Accept": "application/json", "User-Agent": settings.user_agent})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    _check_certificates(os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"))
    return session


def _check_certificates(bundle: str | None) -> None:
    """Look at the certificates that requests will take: it tells theirs from no other fault.

    Raises:
        CertificatesError: If a file is named that holds none.
    """
    try:
        if bundle and not pathlib.Path(bundle).is_dir():
            ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise CertificatesError from error
