"""Which streams are gathered, and what becomes of them."""

from __future__ import annotations

import typing as t

from target_customerio.api import DeliveryStopped
from target_customerio.collections import Replacement, find_collection
from target_customerio.errors import RunEnded
from target_customerio.gatherings import Gathering, Verdicts
from target_customerio.segments import Caller, Changes, Directory, Mirror

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.api import TrackClient
    from target_customerio.app_api import AppClient
    from target_customerio.ledger import Ledger
    from target_customerio.mapping import StreamPlan


class GatheringKinds:
    """Makes the gathering of a stream, by its operation."""

    def __init__(  # noqa: PLR0913 - parts, each with a task of its own
        self,
        client: TrackClient,
        app: AppClient | None,
        ledger: Ledger,
        *,
        settle_before: Callable[[], None],
        max_removed_percent: int,
        tell: Callable[[str], object],
    ) -> None:
        """Keep what gatherings need.

        Args:
            client: The Track API.
            app: The App API; None without a key.
            ledger: Where verdicts go.
            settle_before: Waits for the answers to everything sent so far.
            max_removed_percent: The share of members above which a mirror removes none.
            tell: Tells the user something.
        """
        self._caller = Caller(client.post, settle_before)
        self._app = app
        self._directory = Directory(app)
        self._ledger = ledger
        self._max_removed_percent = max_removed_percent
        self._tell = tell
        self._kinds = {
            "segment_add": self._changes,
            "segment_remove": self._changes,
            "segment_mirror": self._mirror,
            "collection_replace": self._replacement,
        }

    def __call__(self, plan: StreamPlan) -> Gathering | None:
        """Return the gathering of a stream; None if its records are sent one by one.

        Args:
            plan: The stream.

        Raises:
            RunEnded: The stream cannot be gathered, or the App API could not be asked.
        """
        make = self._kinds.get(plan.operation)
        try:
            return None if make is None else make(plan)
        except DeliveryStopped as stopped:
            raise RunEnded(str(stopped)) from None

    def _changes(self, plan: StreamPlan) -> Gathering:
        segment = self._directory.find(plan.entry, plan.stream)
        return Changes(self._caller, self._ledger, segment)

    def _mirror(self, plan: StreamPlan) -> Gathering:
        app = self._app_of(plan)
        segment = self._directory.find(plan.entry, plan.stream)
        if segment is None:
            msg = f"Stream '{plan.stream}' needs `segment_id` or `segment_name` in `streams`."
            raise RunEnded(msg)
        return Mirror(
            self._caller,
            app,
            Verdicts(self._ledger),
            segment,
            max_removed_percent=self._max_removed_percent,
            tell=self._tell,
        )

    def _replacement(self, plan: StreamPlan) -> Gathering:
        goal, replace = find_collection(self._app_of(plan), plan.entry, plan.stream)
        return Replacement(goal, replace, Verdicts(self._ledger))

    def _app_of(self, plan: StreamPlan) -> AppClient:
        if self._app is None:
            msg = f"Stream '{plan.stream}' means {plan.operation}, which needs `app_api_key`."
            raise RunEnded(msg)
        return self._app
