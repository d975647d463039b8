"""Which streams are gathered, and what becomes of them."""

from __future__ import annotations

import typing as t

from target_customerio.api import DeliveryStopped
from target_customerio.collections import Replacement, find_collection
from target_customerio.errors import RunEnded
from target_customerio.gatherings import WHOLE, Claims, Gathering, Verdicts
from target_customerio.mirrors import Mirror
from target_customerio.segments import Changes, Choice, Directory, Groups

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.effects import App, Effects
    from target_customerio.ledger import Ledger
    from target_customerio.mapping import StreamPlan
    from target_customerio.streams import StreamEntry


def needs_app(entry: StreamEntry) -> bool:
    """Tell whether the streams of an entry cannot do without the App API."""
    return (entry.operation or entry.stream) in WHOLE or entry.segment_name is not None


class GatheringKinds:
    """Makes the gathering of a stream, by its operation."""

    def __init__(self, effects: Effects, ledger: Ledger, tell: Callable[[str], object]) -> None:
        """Keep what gatherings need.

        Args:
            effects: What gatherings do to Customer.io.
            ledger: Where verdicts go.
            tell: Tells the user something.
        """
        self._effects = effects
        self._ledger = ledger
        self._tell = tell
        self._claims = Claims()
        self._directory = Directory(effects.app)
        self._groups = Groups(effects, ledger, tell)
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
        if make is None:
            return None
        try:
            return make(plan)
        except DeliveryStopped as stopped:
            raise RunEnded(str(stopped)) from None

    def _changes(self, plan: StreamPlan) -> Gathering:
        return Changes(self._groups, self._choice(plan, alone=False))

    def _mirror(self, plan: StreamPlan) -> Gathering:
        app = self._app_of(plan)
        choice = self._choice(plan, alone=True)
        return Mirror(self._effects, app, self._ledger, choice, self._tell)

    def _replacement(self, plan: StreamPlan) -> Gathering:
        goal, send = find_collection(self._app_of(plan), plan.entry, plan.stream)
        self._claims.note(goal, plan.stream, alone=True)
        return Replacement(self._effects, send, Verdicts(self._ledger))

    def _choice(self, plan: StreamPlan, *, alone: bool) -> Choice:
        entry = plan.entry
        is_named = entry.segment_id is not None or entry.segment_name is not None
        if plan.columns and not is_named and "segment_id" not in plan.columns:
            msg = (
                f"Stream '{plan.stream}' does not say its segment: it needs a column `segment_id`, "
                "or `segment_id` or `segment_name` in `streams`."
            )
            raise RunEnded(msg)
        return Choice(self._directory, self._claims, entry, plan.stream, alone=alone)

    def _app_of(self, plan: StreamPlan) -> App:
        if self._effects.app is None:
            msg = f"Stream '{plan.stream}' means {plan.operation}, which needs `app_api_key`."
            raise RunEnded(msg)
        return self._effects.app
