"""The simulator as Python sees it: the same face for a server in this process and for another's."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

import requests

from customerio_simulator.options import Options
from customerio_simulator.server import Server
from customerio_simulator.workspace import Workspace

if t.TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

TIMEOUT = 60
"""Seconds after which a control call gives up."""


class ControlError(RuntimeError):
    """The simulator refused an order; the text says why."""


class Simulator:
    """A running simulator, steered over its control endpoint.

    Args:
        url: Where it runs; also what `app_api_url` and `track_api_url` of a connector take.
        options: The options with its credentials; without them the default ones.
    """

    def __init__(self, url: str, options: Options | None = None) -> None:
        options = options or Options()
        self.url = url
        self.app_api_key = options.app_api_key
        self.site_id = options.site_id
        self.track_api_key = options.track_api_key
        self._session = requests.Session()
        self._session.trust_env = False
        self._stop: t.Callable[[], None] = lambda: None

    def _ask(self, method: str, path: str, **keywords: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
        answer = self._session.request(
            method, f"{self.url}/simulator/{path}", timeout=TIMEOUT, **keywords
        )
        body = answer.json()
        if not answer.ok:
            raise ControlError(body["error"])
        return body

    def fault(self, **keywords: t.Any) -> None:
        """Let something go wrong with the next requests.

        Args:
            **keywords: The attributes of `customerio_simulator.faults.Fault`.

        Raises:
            ControlError: The order makes no sense.
        """
        self._ask("POST", "faults", json=keywords)

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._ask("DELETE", "faults")

    def calls(self) -> list[dict[str, t.Any]]:
        """Return all calls in order of arrival.

        Returns:
            For each call `time` (monotonic seconds), `method`, `path`, `query` (an object of
            strings), `status` (None while it is under way, 0 if its connection was reset) and
            `bytes` (of the request's body).
        """
        return list(self._ask("GET", "calls"))

    def people(self, *, written: bool = False) -> dict[str, dict[str, t.Any]]:
        """Return people as stored, by cio_id.

        Args:
            written: Whether to leave out generated people that nobody has changed.
        """
        return dict(self._ask("GET", "people", params={"written": str(written).lower()}))

    def events(self) -> list[dict[str, t.Any]]:
        """Return the events, pages and screens received, each once, in order of arrival.

        Returns:
            The items as sent, with `cio_id` (None for an anonymous one) and `received_at`.
        """
        return list(self._ask("GET", "events"))

    def objects(self, *, written: bool = True) -> list[dict[str, t.Any]]:
        """Return objects as stored, with the people related to them.

        Args:
            written: Whether to leave out generated objects that nobody has changed.
        """
        return list(self._ask("GET", "objects", params={"written": str(written).lower()}))

    def relationships(self) -> list[dict[str, t.Any]]:
        """Return all relationships: cio_id, object_type_id, object_id and attributes."""
        return list(self._ask("GET", "relationships"))

    def members(self, segment: int) -> list[str]:
        """Return the internal ids of a segment's members."""
        return list(self._ask("GET", "members", params={"segment": segment}))

    def suppressed(self) -> list[dict[str, str]]:
        """Return blocked identifiers, such as {"email": "ada@example.com"}."""
        return list(self._ask("GET", "suppressed"))

    def merges(self) -> list[dict[str, str]]:
        """Return merges in order, as the internal ids `primary` and `secondary`."""
        return list(self._ask("GET", "merges"))

    def metric(self, path: str, name: str, start: int, end: int) -> int:
        """Return what a metric has counted between two moments, to hold a reader's numbers to it.

        Args:
            path: Such as "campaigns/3", "campaigns/3/actions/3001", "newsletters/2/contents/20",
                "transactional/1/links/2" (clicks, not unique ones) or "campaigns/3/journeys".
            name: The metric, such as "sent".
            start: Unix seconds.
            end: Unix seconds, not counted any more.

        Raises:
            ControlError: There is no such parent or metric.
        """
        asked = {"path": path, "name": name, "start": start, "end": end}
        return int(self._ask("GET", "metric", params=asked)["count"])

    def received(self) -> dict[str, int]:
        """Return counters: requests, bodies, items, accepted, rejected, deduplicated, bytes."""
        return dict(self._ask("GET", "received"))

    def bodies(self) -> list[str]:
        """Return the bodies that the Track API received, if `record_bodies` is set."""
        return list(self._ask("GET", "bodies"))

    def now(self) -> int:
        """Return the workspace's present, in unix seconds."""
        return int(self._ask("GET", "clock")["now"])

    def clock(self, *, now: int | None = None, advance: int = 0) -> int:
        """Set the workspace's clock, or move it; see `Clock.move`.

        Returns:
            The new present, in unix seconds.
        """
        return int(self._ask("POST", "clock", json={"now": now, "advance": advance})["now"])

    def edit(self, **keywords: t.Any) -> dict[str, list[t.Any]]:
        """Change the workspace; see `Workspace.edit`.

        Returns:
            The keys of the added rows, by table.
        """
        return dict(self._ask("POST", "edit", json=keywords))

    def reset(self) -> None:
        """Forget calls, faults and what was received; the workspace stays as it is."""
        self._ask("POST", "reset")

    def stop(self) -> None:
        """Let go of the simulator, and stop it if this process started it."""
        self._session.close()
        self._stop()
        self._stop = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    workspace: Workspace | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    **options: t.Any,
) -> Simulator:
    """Run a simulator in a thread of this process.

    Args:
        workspace: The workspace to serve; without it one is made from the options.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        **options: The attributes of `Options`.

    Raises:
        PortTakenError: The address cannot be listened on.
        OptionError: An option has a value that no workspace can have.
    """
    served = workspace or Workspace(Options(**options))
    server = Server(served, host, port)
    thread = threading.Thread(target=server.listen, name="customerio-simulator", daemon=True)
    thread.start()
    server.ready.wait()
    simulator = Simulator(server.url, dataclasses.replace(served.options))

    def stop() -> None:
        server.stop()
        thread.join()

    simulator._stop = stop  # noqa: SLF001 - the thread belongs to this module
    return simulator
