"""Sends requests as `requests` would, without what it does anew around each one.

Proxies, certificates and credentials are found by `requests`, once for an address. Cookies, hooks,
redirects and the streaming of answers are of no use here, and they would cost as much time as
half a megabyte of events takes to be sent; so the connections of its pools are used directly.
"""

from __future__ import annotations

import logging
import os
import ssl
import sys
import typing as t
from pathlib import Path

import requests
import urllib3

from target_customerio.errors import RunEnded

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two bytes of the answer."""

_TIMEOUT = urllib3.Timeout(*TIMEOUT)


class Route(t.NamedTuple):
    """What all requests of one method to one address have in common.

    Attributes:
        pool: The connections to its host, or to the proxy before it.
        target: What is asked for: a path, or the whole URL where a proxy wants it.
        headers: Those of every request.
    """

    pool: urllib3.HTTPConnectionPool
    target: str
    headers: Mapping[str, str]


class Wire:
    """The connections of one client. Serves all threads."""

    def __init__(
        self, auth: requests.auth.AuthBase, headers: Mapping[str, str], *, connections: int
    ) -> None:
        """Connect to nothing yet.

        Args:
            auth: Adds the credentials to a request.
            headers: What every request has beside them.
            connections: How many requests may be under way to one host.
        """
        self._session = Session()
        self._session.auth = auth
        self._session.headers.update(headers)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=connections))
        self._routes: dict[tuple[str, str], Route] = {}

    def send(self, method: str, url: str, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        """Send one request, once, and read the whole answer, wherever that may redirect to.

        Args:
            method: The method.
            url: The address.
            body: The body; None without one.

        Raises:
            HTTPError: urllib3's: no answer came, or only a part of one.
            RequestException: requests': the address is none.
        """
        route = self._routes.get((method, url)) or self._find(method, url)
        return route.pool.urlopen(
            method,
            route.target,
            body,
            route.headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=_TIMEOUT,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _find(self, method: str, url: str) -> Route:
        session = self._session
        found = session.merge_environment_settings(url, {}, None, None, None)
        proxies, verify, cert = found["proxies"], found["verify"], found["cert"]
        request = session.prepare_request(requests.Request(method, url))
        request.headers.pop("Content-Length", None)  # of no body; urllib3 adds the right one
        adapter = t.cast("requests.adapters.HTTPAdapter", session.get_adapter(url))
        pool = t.cast(
            "urllib3.HTTPConnectionPool",
            adapter.get_connection_with_tls_context(request, verify, proxies, cert),
        )
        adapter.cert_verify(pool, url, verify, cert)  # type: ignore[no-untyped-call]  # in requests
        route = Route(pool, adapter.request_url(request, proxies), dict(request.headers))
        self._routes[method, url] = route
        return route


class Session(requests.Session):
    """Says nothing in the log, and does not even read where a redirect leads."""

    def __init__(self) -> None:
        """Look at what the environment names.

        Raises:
            RunEnded: It names certificates that cannot be read.
        """
        super().__init__()
        # urllib3's lines show addresses and what a faulty answer held, even in a traceback.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        _check_certificates(
            os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        )

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None  # it may be no address


def _check_certificates(bundle: str | None) -> None:
    """Look at the certificates that requests will take: it tells theirs from no other fault."""
    try:
        if bundle and not Path(bundle).is_dir():
            ssl.create_default_context(cafile=bundle)
    except OSError:
        msg = (
            "The certificates that REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) names cannot be read: it "
            "must be the path of a PEM file, or of a folder of them."
        )
        raise RunEnded(msg) from None
