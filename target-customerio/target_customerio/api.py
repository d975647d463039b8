"""The only room that talks HTTP: region, authentication, time-outs, the rate limit and repetitions.

A request is repeated byte for byte: events carry their ULID and everything else sets what it says,
so a repetition of what was already applied changes nothing.
"""

from __future__ import annotations

import threading
import time
import typing as t
from http import HTTPStatus

import backoff
import msgspec
import requests
import urllib3
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from target_customerio.answers import REFUSED, read_answer
from target_customerio.budget import OwnBudget
from target_customerio.wire import Wire

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.answers import Answer
    from target_customerio.budget import Budget

HOSTS = {
    "us": "https://track.customer.io",
    "eu": "https://track-eu.customer.io",
}
"""The Track API's host of each region (documented)."""

BATCH = "/api/v2/batch"
"""Where items are sent."""

NOTHING_THERE = {"errors": [{"message": "Customer.io has nothing of that id (404)"}]}
"""What is said of a call that is about something that does not exist."""

REDIRECTED = frozenset({301, 302, 303, 307, 308})
"""Statuses that are never followed: the request would carry the credentials to another host."""

RETRIED = frozenset({408, 429, 500, 501, 502, 503, 504, 522, 524})
"""Statuses that a repetition may cure: the list of the vendor's own clients, and 501, which a proxy
says for a server that is being changed."""

STOPS = {
    401: "Customer.io refused the credentials (401): `site_id` and `track_api_key` must be a pair "
    "of the Track API (not an App API key), and `region` must be the region of their workspace.",
    403: "Customer.io does not allow these credentials to send (403): check `site_id` and "
    "`track_api_key`, and whether the workspace has an IP allowlist.",
    404: "There is no Track API at this address (404): check `track_api_url`.",
} | dict.fromkeys(
    REDIRECTED,
    "Customer.io sent the request on to another host, which is never followed: set `region` to the "
    "region of the workspace (`us` or `eu`), or mend `track_api_url`.",
)
"""What to tell the user about a status that no repetition cures."""

LONGEST_RETRY_AFTER = 300.0
"""Seconds that a Retry-After is obeyed at most; the vendor's own clients cap it there."""

LONGEST_BACKOFF = 60.0
"""Seconds between two tries at most where the answer names no time."""


class DeliveryStopped(Exception):  # noqa: N818 - what happened to the run, in one sentence for the user
    """The run must end. The text says why and what to change, without any value of a record."""


class NotFound(DeliveryStopped):
    """There is nothing at the address that was called."""


class Traffic(msgspec.Struct):
    """What went over the wire in this run.

    Attributes:
        calls: Requests sent, repetitions included.
        bytes_sent: Bytes of their bodies.
        bodies: Bodies that Customer.io answered.
        throttled: Answers with status 429.
    """

    calls: int = 0
    bytes_sent: int = 0
    bodies: int = 0
    throttled: int = 0


class TrackClient:
    """The Track API of one workspace. One client serves all threads.

    Attributes:
        region: The region that Customer.io named when it was asked; empty if it was not.
    """

    def __init__(  # noqa: PLR0913 - settings, each with a meaning of its own
        self,
        *,
        site_id: str,
        api_key: str,
        region: str = "auto",
        url: str | None = None,
        user_agent: str = "target-customerio",
        requests_per_second: int = 100,
        budget: Budget | None = None,
        max_concurrency: int = 16,
        max_retries: int = 8,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[float], float] = backoff.full_jitter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the settings; the network is first touched by the first call.

        Args:
            site_id: The site id of the Track credentials.
            api_key: The key of the Track credentials.
            region: `us`, `eu`, or `auto` to ask once.
            url: Another host in place of the region's, without a path.
            user_agent: What we call ourselves.
            requests_per_second: Calls per rolling second; 0 means no limit of ours.
            budget: What counts the calls in place of that, if others draw on it too.
            max_concurrency: How many threads will call at the same time.
            max_retries: Repetitions of one request, not counting the first try.
            sleep: Waits so many seconds, in tests.
            jitter: Makes a wait out of the longest one allowed, in seconds.
            clock: Seconds that only grow.
        """
        self.traffic = Traffic()
        self.region = ""
        self._url = url.rstrip("/") if url else HOSTS.get(region)
        self._max_retries = max_retries
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._jitter = jitter
        self._clock = clock
        self._quiet_until = 0.0
        self._lock = threading.Lock()
        self._region_lock = threading.Lock()
        self._budget = budget or (OwnBudget(requests_per_second) if requests_per_second else None)
        self._turn = threading.Lock()
        self._wire = Wire(
            # As bytes, since requests would encode text as Latin-1 and fail on anything else.
            requests.auth.HTTPBasicAuth(site_id.encode(), api_key.encode()),
            {"User-Agent": user_agent, "Content-Type": "application/json; charset=utf-8"},
            connections=max_concurrency,
        )

    def send(self, body: bytes) -> Answer:
        """Post one body to `/api/v2/batch`, repeating it as long as that may help.

        Args:
            body: `{"batch":[…]}` as JSON, under 500,000 bytes.

        Returns:
            A 2xx or a refusal, with its faults.

        Raises:
            DeliveryStopped: No repetition helped, or the answer means that no request can succeed.
        """
        return self.post(BATCH, body)

    def post(self, path: str, body: bytes) -> Answer:
        """Post one body to any path, as `send` does; what names nothing that exists is refused."""
        try:
            status, content = self._call("POST", self._base_url() + path, body)
        except NotFound:
            if path == BATCH:
                raise
            status, content = HTTPStatus.NOT_FOUND, NOTHING_THERE
        with self._lock:
            self.traffic.bodies += 1
        return read_answer(status, content)

    def check(self) -> str:
        """Prove credentials and region with one harmless call.

        Returns:
            The region that Customer.io names, or an empty text if it names none.

        Raises:
            DeliveryStopped: The credentials are refused or no answer came.
        """
        return self._ask_region(self._base_url())

    def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        self._wire.close()

    def stop(self) -> None:
        """End every wait: whoever waits or comes to wait gets a `DeliveryStopped`."""
        self._stopped.set()

    def _base_url(self) -> str:
        with self._region_lock:
            if self._url is None:
                region = self._ask_region(HOSTS["us"])
                if region not in HOSTS:
                    msg = "Customer.io named no region: set `region` to `us` or `eu`."
                    raise DeliveryStopped(msg)
                self._url = HOSTS[region]
            return self._url

    def _ask_region(self, base_url: str) -> str:
        _, content = self._call("GET", base_url + "/api/v1/accounts/region")
        self.region = str(content.get("region", "")).lower() if isinstance(content, dict) else ""
        return self.region

    def _call(self, method: str, url: str, body: bytes | None = None) -> tuple[int, object]:
        """Repeat one request until a 2xx or a refusal; return the status and the decoded body."""
        waits = backoff.expo(max_value=LONGEST_BACKOFF)
        next(waits)  # the generator's first value is no wait
        for repetitions_left in range(self._max_retries, -1, -1):
            self._await_turn()
            try:
                return self._attempt(method, url, body)
            except _Transient as trouble:
                if not repetitions_left:
                    msg = (
                        f"Customer.io {trouble}, also after {self._max_retries} repetitions. "
                        "What was answered is not lost: run again later."
                    )
                    raise DeliveryStopped(msg) from None
                wait = trouble.retry_after
                if wait is None:
                    wait = self._jitter(next(waits))
                if trouble.throttled:
                    self._quiet_until = max(self._quiet_until, self._clock() + wait)
                    if self._budget is not None:
                        with self._turn:
                            self._budget.pause(wait)
                else:
                    self._pause(wait)
        raise AssertionError  # the last round returns or raises

    def _attempt(self, method: str, url: str, body: bytes | None) -> tuple[int, object]:
        with self._lock:
            self.traffic.calls += 1
            self.traffic.bytes_sent += len(body or b"")
        try:
            response = self._wire.send(method, url, body)
        except urllib3.exceptions.SSLError:
            msg = (
                "The TLS certificate of the Track API's host could not be verified: check "
                "`track_api_url`, a proxy on the way, or REQUESTS_CA_BUNDLE."
            )
            raise DeliveryStopped(msg) from None
        except urllib3.exceptions.TimeoutError:
            trouble = "did not answer in time"
            raise _Transient(trouble) from None
        except (urllib3.exceptions.HTTPError, requests.RequestException):
            trouble = "could not be reached or broke off its answer"
            raise _Transient(trouble) from None
        return self._read(response)

    def _read(self, response: urllib3.BaseHTTPResponse) -> tuple[int, object]:
        status = response.status
        if status in RETRIED:
            if throttled := status == HTTPStatus.TOO_MANY_REQUESTS:
                with self._lock:
                    self.traffic.throttled += 1
            retry_after = read_retry_after(response.headers.get("Retry-After"))
            trouble = f"answered with status {status}"
            raise _Transient(trouble, retry_after, throttled=throttled)
        if not (is_success(status) or status in REFUSED):
            unknown = f"Customer.io answered with status {status}, which no request here expects."
            kind = NotFound if status == HTTPStatus.NOT_FOUND else DeliveryStopped
            raise kind(STOPS.get(status, unknown))
        if not response.data:
            return status, None
        try:
            return status, msgspec.json.decode(response.data)
        except (ValueError, RecursionError):  # no JSON, no UTF-8, or nested without end
            if status in REFUSED:
                return status, None
            trouble = f"answered with status {status} and something that is not JSON"
            raise _Transient(trouble) from None

    def _await_turn(self) -> None:
        while (wait := self._quiet_until - self._clock()) > 0:
            self._pause(wait)
        if self._budget is not None:
            with self._turn:  # whoever is next in line waits, so that one thread asks
                while (wait := self._budget.take()) > 0:
                    self._pause(min(wait, 1.0))

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)
        if self._stopped.is_set():
            msg = "The run was stopped while a request waited for its repetition."
            raise DeliveryStopped(msg)


class _Transient(Exception):  # noqa: N818 - a trouble that a repetition may cure
    """What Customer.io did, to follow its name; with the wait it asked for."""

    def __init__(
        self, text: str, retry_after: float | None = None, *, throttled: bool = False
    ) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.throttled = throttled


def is_success(status: int) -> bool:
    """Tell whether a status is a 2xx."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def read_retry_after(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most `LONGEST_RETRY_AFTER`.

    Args:
        header: Seconds or an HTTP date; None or something else is no request to wait.
    """
    if header is None:
        return None
    try:
        seconds = Retry().parse_retry_after(header)
    except (InvalidHeader, ValueError, OverflowError):  # a date or a number out of all bounds
        return None
    return min(seconds, LONGEST_RETRY_AFTER)
