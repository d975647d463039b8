"""Who belongs to a manual segment: people added to it, and people removed."""

from __future__ import annotations

import time
import typing as t

import msgspec

from target_customerio.effects import ADD, REMOVE
from target_customerio.errors import RunEnded
from target_customerio.items import Rejection
from target_customerio.limits import SEGMENT_IDS
from target_customerio.steps import Refused

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.effects import App, Effects
    from target_customerio.gatherings import Claims
    from target_customerio.items import Item
    from target_customerio.ledger import Ledger
    from target_customerio.streams import StreamEntry

WAITING_AT_MOST = 10_000
"""Records that wait for their calls, of all streams and segments: that bounds the memory."""

OPPOSITE = {ADD: REMOVE, REMOVE: ADD}
NO_ID = Rejection(
    "no_id", "identifiers", "Customer.io removes only people that have an id, and this one has none"
)
NO_SEGMENT = Rejection("invalid", "segment_id", "there is no such segment")
NOT_SETTABLE = Rejection(
    "invalid",
    "segment_id",
    "the segment is dynamic or not finished: only members of a finished manual one can be set",
)


class Member(msgspec.Struct):
    """What a record says about a segment.

    Attributes:
        identifiers: Who; nobody if the record leaves somebody out.
        change: What shall become of them.
        segment_id: The segment, where the record says it.
    """

    identifiers: dict[str, str] = {}
    change: str = ADD
    segment_id: str = ""


class Directory:
    """Finds the segments that entries and records mean, and refuses those that cannot be set."""

    def __init__(self, app: App | None) -> None:
        """Ask nothing yet.

        Args:
            app: The App API; None without a key.
        """
        self._app = app
        self._rows: list[dict[str, t.Any]] | None = None

    def find(self, entry: StreamEntry, stream: str) -> str:
        """Return the id of the segment of an entry; an empty text if each record says it.

        Args:
            entry: The entry.
            stream: The stream.

        Raises:
            RunEnded: There is no such segment, or its members cannot be set.
            DeliveryStopped: The App API could not be asked.
        """
        if entry.segment_name is not None:
            return self._find_by_name(entry.segment_name, entry, stream)
        if entry.segment_id is None:
            return ""
        segment = str(entry.segment_id)
        if (doubt := self.doubt(segment)) is not None:
            msg = f"Stream '{stream}': {doubt.message} (segment {segment}). Mend `streams`."
            raise RunEnded(msg)
        return segment

    def doubt(self, segment: str) -> Rejection | None:
        """Return why the members of a segment cannot be set, as far as can be known.

        Args:
            segment: The id of the segment.

        Raises:
            DeliveryStopped: The App API could not be asked.
        """
        if self._app is None:
            return None
        found = [row for row in self._segments(self._app) if str(row.get("id")) == segment]
        return _doubt(found[0]) if found else NO_SEGMENT

    def _find_by_name(self, name: str, entry: StreamEntry, stream: str) -> str:
        if self._app is None:
            msg = f"Stream '{stream}' names a segment: set `app_api_key`, or use `segment_id`."
            raise RunEnded(msg)
        rows = self._segments(self._app)
        found = [row for row in rows if row.get("name") == name]
        if not found and entry.create_missing:
            found = [{"id": self._app.create_segment(name), "name": name, "type": "manual"}]
            rows += found
        if len(found) != 1:
            many = "several segments" if found else "no segment"
            msg = f"Customer.io has {many} as stream '{stream}' names it: mend `streams`."
            raise RunEnded(msg)
        if (doubt := _doubt(found[0])) is not None:
            msg = f"Stream '{stream}': {doubt.message}. Mend `streams`."
            raise RunEnded(msg)
        return str(found[0]["id"])

    def _segments(self, app: App) -> list[dict[str, t.Any]]:
        if self._rows is None:
            self._rows = list(app.segments())
        return self._rows


def _doubt(row: dict[str, t.Any]) -> Rejection | None:
    is_finished = row.get("state", "finished") == "finished"
    return None if row.get("type") == "manual" and is_finished else NOT_SETTABLE


class Choice:
    """The segment that a record of one stream is about: that of the stream, or the record's own."""

    def __init__(
        self, directory: Directory, claims: Claims, entry: StreamEntry, stream: str, *, alone: bool
    ) -> None:
        """Find the segment of the stream, if it has one.

        Args:
            directory: Knows the segments.
            claims: Knows which stream acts on which segment.
            entry: The entry of the stream.
            stream: The stream.
            alone: Whether no other stream may act on the segments that its records name.

        Raises:
            RunEnded: There is no such segment, its members cannot be set, or another stream has it.
            DeliveryStopped: The App API could not be asked.
        """
        self._directory = directory
        self._claims = claims
        self._stream = stream
        self._alone = alone
        self._doubts: dict[str, Rejection | None] = {}
        self._of_stream = directory.find(entry, stream)
        if self._of_stream:
            claims.note(f"segment {self._of_stream}", stream, alone=True)

    def of(self, member: Member) -> str:
        """Return the id of a segment.

        Args:
            member: What the record says.

        Raises:
            Refused: There is no such segment, or its members cannot be set.
            RunEnded: Another stream has it.
            DeliveryStopped: The App API could not be asked.
        """
        if self._of_stream:
            return self._of_stream
        segment = member.segment_id
        if segment not in self._doubts:
            self._claims.note(f"segment {segment}", self._stream, alone=self._alone)
            self._doubts[segment] = self._directory.doubt(segment)
        doubt = self._doubts[segment]
        if doubt is not None:
            raise Refused(doubt)
        return segment


class WithoutId:
    """Members without an `id`, whom Customer.io does not remove and does not name."""

    def __init__(self, app: App | None, tell: Callable[[str], object]) -> None:
        """Ask nothing yet.

        Args:
            app: The App API; None without a key.
            tell: Tells the user something.
        """
        self._app = app
        self._tell = tell
        self._known: dict[str, set[str]] = {}
        self._is_told = False

    def of(self, segment: str) -> set[str]:
        """Return by what those of a segment may be identified, as items are; nobody without a key.

        Args:
            segment: The id of the segment.

        Raises:
            DeliveryStopped: The App API could not be asked.
        """
        if self._app is None:
            if not self._is_told:
                self._is_told = True
                self._tell(
                    "People are removed from a segment by e-mail or cio_id: Customer.io removes "
                    "only those who have an id and does not say who has none; with `app_api_key` "
                    "they are rejected."
                )
            return set()
        if segment not in self._known:
            self._known[segment] = {
                identifier
                for member in self._app.members(int(segment))
                if not member.get("id")
                for identifier in _identifiers(member)
            }
        return self._known[segment]

    def forget(self, segment: str) -> None:
        """Read a segment anew when it is asked for again, since people were added."""
        self._known.pop(segment, None)


def _identifiers(member: dict[str, t.Any]) -> list[str]:
    kinds = {kind: str(member.get(kind) or "") for kind in ("email", "cio_id")}
    return [f"{kind}:{text.lower()}" for kind, text in kinds.items() if text]


class Person(t.NamedTuple):
    """Somebody in a call to come.

    Attributes:
        text: The identifier as it is sent.
        items: The records about them.
    """

    text: str
    items: list[Item]


class Groups:
    """The calls to come of all streams, so that what is said of one person keeps its order.

    Attributes:
        waiting_since: When the oldest record in them came, in seconds of `time.monotonic`; None if
            none waits.
    """

    def __init__(self, effects: Effects, ledger: Ledger, tell: Callable[[str], object]) -> None:
        """Start without a record.

        Args:
            effects: Makes the calls.
            ledger: Where verdicts go.
            tell: Tells the user something.
        """
        self.waiting_since: float | None = None
        self._effects = effects
        self._ledger = ledger
        self._without_id = WithoutId(effects.app, tell)
        self._groups: dict[tuple[str, str, str], dict[str, Person]] = {}
        self._groups_of: dict[str, set[tuple[str, str, str]]] = {}  # by whom they hold
        self._waiting = 0

    def put(self, segment: str, member: Member, item: Item) -> None:
        """Put a person into the group of one call; send the group that says the opposite first.

        Args:
            segment: The id of the segment.
            member: What the record says.
            item: The record.
        """
        ((kind, text),) = member.identifiers.items()
        key = (segment, member.change, kind)
        opposite = (segment, OPPOSITE[member.change], kind)
        if item.identifier in self._groups.get(opposite, ()):
            self._send(opposite)
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()
        group = self._groups.setdefault(key, {})
        group.setdefault(item.identifier, Person(text, [])).items.append(item)
        self._groups_of.setdefault(item.identifier, set()).add(key)
        self._waiting += 1
        if len(group) == SEGMENT_IDS:
            self._send(key)
        elif self._waiting == WAITING_AT_MOST:
            self.flush()

    def give_way(self, item: Item) -> None:
        """Send the groups that hold somebody whom an item is about, which comes after them."""
        for identifier in (item.identifier, item.also):
            for key in tuple(self._groups_of.get(identifier or "", ())):
                self._send(key)

    def flush(self) -> None:
        """Send all groups."""
        for key in list(self._groups):
            self._send(key)

    def _send(self, key: tuple[str, str, str]) -> None:
        group = self._groups.pop(key)
        self._waiting -= sum(len(person.items) for person in group.values())
        for identifier in group:
            self._groups_of[identifier].discard(key)
            if not self._groups_of[identifier]:
                del self._groups_of[identifier]
        if not self._groups:
            self.waiting_since = None
        segment, change, kind = key
        if change == REMOVE and kind != "id":
            self._reject_without_id(segment, group)
        elif change == ADD:
            self._without_id.forget(segment)
        if not group:
            return
        items_of = {person.text: person.items for person in group.values()}
        origin = next(iter(group.values())).items[0].origin
        for accepted, refused in self._effects.change(origin, *key, list(items_of)):
            self._ledger.accepted([item for text in accepted for item in items_of[text]])
            for text, rejection in refused:
                for item in items_of[text]:
                    self._ledger.rejected(item, rejection)

    def _reject_without_id(self, segment: str, group: dict[str, Person]) -> None:
        """Take those out of a group whom Customer.io would keep in the segment without a word."""
        self._effects.settle()  # or who got an id just now would seem to have none
        for identifier in self._without_id.of(segment).intersection(group):
            for item in group.pop(identifier).items:
                self._ledger.rejected(item, NO_ID)


class Changes:
    """People added to segments or removed, in the order of their records."""

    needs_end = False

    def __init__(self, groups: Groups, choice: Choice) -> None:
        """Start without a record.

        Args:
            groups: The calls to come.
            choice: Says which segment a record is about.
        """
        self._groups = groups
        self._choice = choice

    @property
    def waiting_since(self) -> float | None:
        """When the oldest record came that was not sent, in seconds of `time.monotonic`."""
        return self._groups.waiting_since

    def take(self, item: Item) -> None:
        """Put the person into the group of one call."""
        member = msgspec.json.decode(item.encoded, type=Member)
        self._groups.put(self._choice.of(member), member, item)

    def give_way(self, item: Item) -> None:
        """Send what was said before about whom an item is about."""
        self._groups.give_way(item)

    def flush(self) -> None:
        """Send all groups."""
        self._groups.flush()

    def finish(self, *, has_rejects: bool) -> None:  # noqa: ARG002 - of no matter to single changes
        """Send what is left."""
        self.flush()
