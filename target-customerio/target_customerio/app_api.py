"""The App API, as far as segments, collections and the activities of failures need it."""

from __future__ import annotations

import sys
import time
import typing as t
from http import HTTPStatus

import backoff
import msgspec
import requests

from target_customerio.api import (
    LONGEST_BACKOFF,
    LONGEST_RETRY_AFTER,
    RETRIED,
    DeliveryStopped,
    is_success,
    read_retry_after,
)
from target_customerio.budget import OwnBudget
from target_customerio.wire import TIMEOUT, Session

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOSTS = {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}
"""The App API's host of each region (documented)."""

CALLS_PER_SECOND = 10
"""Calls in a second (documented: 10 per workspace, shared with all of its other traffic)."""

MEMBERS_PER_PAGE = 30_000
"""Most members of a segment that one answer holds (documented)."""

ACTIVITIES_PER_PAGE = 100
"""Most activities that one answer holds (documented)."""

STOPS: t.Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "refused `app_api_key` (401): it must be an App API key, and `region` "
    "the region of its workspace",
    HTTPStatus.FORBIDDEN: "does not allow `app_api_key` to do this (403): check its scope",
    HTTPStatus.NOT_FOUND: "knows no such segment or collection (404): check `streams`",
    HTTPStatus.BAD_REQUEST: "refused the request (400): check the names and limits in `streams`",
}

Row = dict[str, t.Any]


class Patience(t.NamedTuple):
    """How long an answer is waited for.

    Attributes:
        repetitions: How often it is asked for again, not counting the first try.
        longest_wait: Seconds before a repetition at most; who asks for more is not asked again.
        timeout: Seconds to connect, and between two bytes of the answer.
    """

    repetitions: int
    longest_wait: float = LONGEST_RETRY_AFTER
    timeout: tuple[float, float] = TIMEOUT


HASTE = Patience(1, 2.0, (3.0, 10.0))
"""For what is nice to know: nobody shall wait for it."""


class _BearerAuth(requests.auth.AuthBase):
    """Being an auth object, it keeps a .netrc from putting its own header in place."""

    def __init__(self, key: str) -> None:
        # As bytes, since text would be sent as Latin-1, which does not have every character.
        self._header = f"Bearer {key}".encode()

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header  # type: ignore[assignment]  # it takes bytes
        return request


class AppClient:
    """The App API of one workspace, called by one thread.

    Every call raises `DeliveryStopped` where no repetition helps or none is allowed.

    Attributes:
        patience: How long an answer is waited for.
    """

    def __init__(
        self,
        *,
        key: str,
        find_url: Callable[[], str],
        user_agent: str,
        patience: Patience,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Keep the settings; the network is first touched by the first call.

        Args:
            key: The App API key.
            find_url: Returns the host to call, without a path.
            user_agent: What we call ourselves.
            patience: How long an answer is waited for.
            sleep: Waits so many seconds, in tests.
        """
        self._find_url = find_url
        self._url: str | None = None
        self.patience = patience
        self._sleep = sleep
        self._budget = OwnBudget(CALLS_PER_SECOND)
        self._session = Session()
        self._session.auth = _BearerAuth(key)
        self._session.headers["User-Agent"] = user_agent

    def close(self) -> None:
        """Close the connections; nothing may be asked afterwards."""
        self._session.close()

    def segments(self) -> list[Row]:
        """Return all segments but archived ones."""
        return _rows(self._ask("GET", "/segments"), "segments")

    def collections(self) -> list[Row]:
        """Return all collections."""
        return _rows(self._ask("GET", "/collections"), "collections")

    def members(self, segment_id: int) -> Iterator[Row]:
        """Yield the identifiers of a segment's members; rows that shift may come twice.

        Args:
            segment_id: The segment.
        """
        path = f"/segments/{segment_id}/membership"
        for page in self._pages(path, {"limit": str(MEMBERS_PER_PAGE)}):
            yield from _rows(page, "identifiers")

    def activities(self, kind: str) -> Iterator[list[Row]]:
        """Yield pages of the activities of a kind, the newest first.

        Args:
            kind: Their type.
        """
        for page in self._pages("/activities", {"type": kind, "limit": str(ACTIVITIES_PER_PAGE)}):
            rows = _rows(page, "activities")
            if not rows:
                return
            yield rows

    def create_segment(self, name: str) -> int:
        """Make a manual segment and return its id."""
        wanted = {"segment": {"name": name, "description": "Made by target-customerio"}}
        made = str(self._create("segments", name, wanted).get("id"))
        if not made.isdecimal():
            raise DeliveryStopped(_describe("made a segment and did not say its id: run again"))
        return int(made)

    def create_collection(self, name: str, rows: bytes) -> None:
        """Make a collection of rows.

        Args:
            name: Its name.
            rows: A JSON array.
        """
        wanted = {"name": name, "data": msgspec.Raw(rows)}
        self._create("collections", name, wanted)

    def replace_collection(self, collection_id: int, rows: bytes) -> None:
        """Replace all rows of a collection.

        Args:
            collection_id: The collection.
            rows: A JSON array.
        """
        self._ask("PUT", f"/collections/{collection_id}/content", body=rows)

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[Row]:
        seen: set[str] = set()
        token = ""
        while token not in seen:
            seen.add(token)
            page = self._ask("GET", path, query | ({"start": token} if token else {}))
            yield page
            token = str(page.get("next") or "")
            if not token:
                return
        msg = "Customer.io repeated a page of a list: run again later."
        raise DeliveryStopped(msg)

    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: bytes | None = None
    ) -> Row:
        """Ask for what only reads, or sets what it says, so that it may be asked again."""
        return self._repeat(lambda: self._try(method, path, query, body))

    def _create(self, listed: str, name: str, wanted: Row) -> Row:
        """Make something, but look whether it is there before asking for it again."""
        tried = False

        def attempt() -> Row:
            nonlocal tried
            if tried:
                for row in _rows(self._try("GET", f"/{listed}"), listed):
                    if row.get("name") == name:
                        return row
            tried = True
            answer = self._try("POST", f"/{listed}", body=msgspec.json.encode(wanted))
            found = answer.get("segment", answer)
            return found if isinstance(found, dict) else answer

        return self._repeat(attempt)

    def _repeat(self, ask: Callable[[], Row]) -> Row:
        waits = backoff.expo(max_value=LONGEST_BACKOFF)
        next(waits)  # the generator's first value is no wait
        repetitions_left = self.patience.repetitions
        while True:
            try:
                return ask()
            except _Passing as trouble:
                wait = trouble.retry_after
                if wait is None:
                    wait = backoff.full_jitter(next(waits))
                if not repetitions_left or wait > self.patience.longest_wait:
                    raise
            self._sleep(wait)
            repetitions_left -= 1

    def _try(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Row:
        self._url = self._url or self._find_url()
        while (wait := self._budget.take()) > 0:
            self._sleep(wait)
        try:
            response = self._session.request(
                method,
                f"{self._url}/v1{path}",
                params=query,
                data=body,
                headers={"Content-Type": "application/json"} if body else None,
                timeout=self.patience.timeout,
                allow_redirects=False,
            )
        except requests.RequestException:
            raise _Passing(_describe("could not be reached or broke off its answer")) from None
        problem = f"answered with status {response.status_code} and nothing that can be read"
        problem = STOPS.get(response.status_code, problem)
        if response.status_code in RETRIED:
            retry_after = read_retry_after(response.headers.get("Retry-After"))
            raise _Passing(_describe(problem), retry_after)
        if is_success(response.status_code):
            try:
                answer = msgspec.json.decode(response.content)
            except (ValueError, RecursionError):
                answer, problem = None, "answered with something that is not JSON"
            if isinstance(answer, dict):
                return answer
            if method != "GET":  # it was done, whatever is said about it
                return {}
            raise _Passing(_describe(problem))  # a page of something on the way, it may be
        raise DeliveryStopped(_describe(problem))


class _Passing(DeliveryStopped):
    """A trouble that may pass; what was asked for may have been done all the same."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


def _describe(problem: str) -> str:
    return f"The App API of Customer.io {problem}."


def _rows(answer: Row, name: str) -> list[Row]:
    found = answer.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
