"""What is gathered from a stream and acts at the end of the input, if that is a real end.

Singer has no end of a stream, and a tap that failed closes the pipe like one that is done. Whatever
removes or replaces therefore acts only if something after the last record of its stream says that
the tap got past it, and its STATE waits until then.
"""

from __future__ import annotations

import time
import typing as t
from collections import Counter

import msgspec

from target_customerio.api import DeliveryStopped
from target_customerio.delivery import PATIENCE
from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_customerio.checkpoints import Checkpoint, Checkpoints
    from target_customerio.items import Item, Origin
    from target_customerio.ledger import Ledger
    from target_customerio.mapping import SchemaMessage, StreamPlan


WHOLE = frozenset({"segment_mirror", "collection_replace"})
"""Operations that need all of a stream, and the App API."""


class Gathering(t.Protocol):
    """What becomes of the records of one stream.

    Attributes:
        needs_end: Whether it acts only if the stream was read to its end.
        waiting_since: When the oldest record came that could be sent and was not, in seconds of
            `time.monotonic`; None if none waits.
    """

    needs_end: bool

    @property
    def waiting_since(self) -> float | None:
        """When the oldest record came that could be sent and was not."""

    def take(self, item: Item) -> None:
        """Take one record over.

        Raises:
            Refused: It cannot be used.
            RunEnded: The stream must not do what it asks for, as it has the goal of another.
            DeliveryStopped: What was sent on the way got no answer.
        """

    def give_way(self, item: Item) -> None:
        """Send what concerns the same people as an item that is about to be sent.

        Raises:
            RunEnded: All that was sent was refused, so that what follows would be as well.
            DeliveryStopped: It got no answer.
        """

    def flush(self) -> None:
        """Send what can be sent before the end.

        Raises:
            DeliveryStopped: It got no answer.
        """

    def finish(self, *, has_rejects: bool) -> None:
        """Do what is left to do.

        Args:
            has_rejects: Whether a record of the stream was refused.

        Raises:
            RunEnded: It must not be done.
            DeliveryStopped: It got no answer.
        """


class Claims:
    """Which stream acts on which segment or collection: two would undo each other's work."""

    def __init__(self) -> None:
        self._users: dict[str, dict[str, bool]] = {}

    def note(self, goal: str, stream: str, *, alone: bool) -> None:
        """Note that a stream acts on something.

        Args:
            goal: What it acts on, e.g. `segment 7`.
            stream: The stream.
            alone: Whether no other stream may.

        Raises:
            RunEnded: Another stream acts on it already.
        """
        users = self._users.setdefault(goal, {})
        users[stream] = alone
        for other, is_alone in users.items():
            if other != stream and (alone or is_alone):
                msg = f"Streams '{other}' and '{stream}' are both for {goal}: only one may be."
                raise RunEnded(msg)


class Verdicts:
    """Counts records until all of them get their verdict at once."""

    def __init__(self, ledger: Ledger) -> None:
        """Start without a record.

        Args:
            ledger: Where the verdicts go.
        """
        self._ledger = ledger
        self._numbers: Counter[Origin] = Counter()

    def add(self, item: Item) -> None:
        """Count the record of an item."""
        self._numbers[item.origin] += 1

    def accept(self) -> None:
        """Note that all of them were taken."""
        self._ledger.accepted_at_once(self._numbers)
        self._numbers.clear()


class _Open(msgspec.Struct):
    """A gathering under way.

    Attributes:
        gathering: It.
        plan: The stream.
        held: What holds back the STATE that comes before the end; None if nothing has to.
        is_followed: Whether something said that the tap got past its last record.
        is_empty: Whether no record was gathered.
    """

    gathering: Gathering
    plan: StreamPlan
    held: Checkpoint | None
    is_followed: bool = False
    is_empty: bool = True


class Gatherings:
    """The gatherings of a run.

    Attributes:
        sources: The streams that are gathered, as the tap names them.
    """

    def __init__(
        self,
        make: Callable[[StreamPlan], Gathering | None],
        checkpoints: Checkpoints,
        *,
        note: Callable[[Item], object],
        patience: float = PATIENCE,
    ) -> None:
        """Start without any.

        Args:
            make: Returns the gathering of a stream; None if its records are sent one by one.
            checkpoints: Hold STATE back.
            note: Is told of every record that is gathered.
            patience: Seconds that records wait for others to share a call while a STATE waits.
        """
        self._patience = patience
        self.sources: set[str] = set()
        self._make = make
        self._note = note
        self._checkpoints = checkpoints
        self._open: dict[str, _Open] = {}

    def open(self, plan: StreamPlan, message: SchemaMessage) -> None:
        """Prepare for the records of a stream, if they are gathered.

        Args:
            plan: The stream.
            message: Its SCHEMA message.

        Raises:
            RunEnded: The stream cannot be gathered.
        """
        # Before anything is looked up, or made because it is missing; and of every SCHEMA.
        if plan.operation in WHOLE and message.bookmark_properties:
            msg = (
                f"Stream '{message.stream}' has bookmark_properties, so it brings only what is new:"
                f" {plan.operation} needs all of it. Select full-table replication in the tap."
            )
            raise RunEnded(msg)
        known = self._open.get(plan.stream)
        if known is not None:
            known.plan = plan
            return
        gathering = self._make(plan)
        if gathering is None:
            return
        held = self._checkpoints.admit() if gathering.needs_end else None
        self.sources.add(plan.source)
        self._open[plan.stream] = _Open(gathering, plan, held)

    def take(self, plan: StreamPlan, item: Item) -> bool:
        """Take one record over; False if its stream is not gathered.

        Then it is about to be sent, and what was gathered about the same people is sent before it.

        Raises:
            Refused: It cannot be used.
            RunEnded: The stream must not do what it asks for, or all that was sent was refused.
            DeliveryStopped: What was sent got no answer.
        """
        found = self._open.get(plan.stream)
        if found is None:
            for each in self._open.values():
                each.gathering.give_way(item)
            return False
        found.gathering.take(item)
        self._note(item)
        found.is_empty = False
        return True

    def note_record(self, stream: str) -> None:
        """Note a record of a stream as the tap names it, whatever becomes of it."""
        self._follow(stream, is_followed=False)

    def note_version(self, stream: str) -> None:
        """Note an ACTIVATE_VERSION of a stream as the tap names it: the stream is whole."""
        self._follow(stream, is_followed=True)

    def note_state(self, state: dict[str, t.Any]) -> None:
        """Note a STATE: the tap got past the records before, unless it says that a stream is cut.

        Args:
            state: Its value.
        """
        for each in self._open.values():
            each.is_followed = not is_unfinished(state, each.plan.source)

    def flush(self) -> None:
        """Send what can be sent before the end."""
        for each in self._open.values():
            each.gathering.flush()

    def flush_overdue(self) -> None:
        """Send what can be sent and has waited as long as an item waits for its body to fill up."""
        overdue = time.monotonic() - self._patience
        for each in self._open.values():
            since = each.gathering.waiting_since
            if since is not None and since <= overdue and self._checkpoints.waiting():
                each.gathering.flush()

    def finish(self) -> Iterable[str]:
        """Let everything act whose stream was read to its end.

        Yields:
            Why something did not act, a sentence each.
        """
        for name, each in self._open.items():
            counts, plan = each.plan.counts, each.plan
            nothing = f"Stream '{name}' ({plan.operation}): nothing was removed or replaced, since"
            if each.gathering.needs_end and each.is_empty:
                yield f"{nothing} it brought no records that could be used."
            elif each.gathering.needs_end and not each.is_followed:
                yield (
                    f"{nothing} no STATE or ACTIVATE_VERSION that calls the stream whole followed "
                    "its last record."
                )
            else:
                try:
                    each.gathering.finish(has_rejects=bool(counts.rejected))
                except (RunEnded, DeliveryStopped) as failure:
                    yield f"Stream '{name}' ({plan.operation}): {failure}"
                    continue
                if each.held is not None:
                    self._checkpoints.settle(each.held)

    def unfinished(self) -> Iterable[str]:
        """Yield what does not act because the run ended before its input."""
        for name, each in self._open.items():
            if each.gathering.needs_end:
                yield (
                    f"Stream '{name}' ({each.plan.operation}): nothing was removed or replaced, "
                    "since the run ended before its input."
                )

    def _follow(self, stream: str, *, is_followed: bool) -> None:
        for each in self._open.values():
            if each.plan.source == stream:
                each.is_followed = is_followed


def is_unfinished(state: dict[str, t.Any], stream: str) -> bool:
    """Tell whether a STATE says that a stream was cut: then it holds `progress_markers` of it.

    That is the word of the Singer SDK for what becomes a bookmark once the stream is whole.

    Args:
        state: The value of the STATE.
        stream: The stream as the tap names it.
    """
    bookmark = _object(_object(state.get("bookmarks")).get(stream))
    partitions = bookmark.get("partitions")
    parts = [bookmark, *(partitions if isinstance(partitions, list) else ())]
    return any(_object(part).get("progress_markers") for part in parts)


def _object(value: object) -> dict[str, t.Any]:
    return value if isinstance(value, dict) else {}
