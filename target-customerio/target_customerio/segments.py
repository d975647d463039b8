"""Who belongs to a manual segment: people added, people removed, or the whole membership."""

from __future__ import annotations

import time
import typing as t

import msgspec

from target_customerio.answers import judge
from target_customerio.api import DeliveryStopped
from target_customerio.errors import RunEnded
from target_customerio.limits import SEGMENT_IDS
from target_customerio.members import LEFT_OUT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_customerio.answers import Answer
    from target_customerio.app_api import AppClient
    from target_customerio.gatherings import Verdicts
    from target_customerio.items import Item
    from target_customerio.ledger import Ledger
    from target_customerio.streams import StreamEntry

ADD, REMOVE = "add_customers", "remove_customers"
NAMED_AT_MOST = 10
"""How many people without an `id` are named, by Customer.io's own identifier."""


class Member(msgspec.Struct):
    """What a record says about a segment.

    Attributes:
        identifiers: Who.
        change: What shall become of them; empty if they shall be members.
        segment_id: The segment, where the record says it.
    """

    identifiers: dict[str, str]
    change: str = ADD
    segment_id: str = ""


class Directory:
    """Finds the segment that an entry means, and refuses those whose members cannot be set."""

    def __init__(self, app: AppClient | None) -> None:
        """Ask nothing yet.

        Args:
            app: The App API; None without a key.
        """
        self._app = app
        self._segments: list[dict[str, t.Any]] | None = None

    def find(self, entry: StreamEntry, stream: str) -> int | None:
        """Return the id of the segment of an entry; None if each record says it.

        Args:
            entry: The entry.
            stream: The stream.

        Raises:
            RunEnded: There is no such segment, or its members cannot be set.
            DeliveryStopped: The App API could not be asked.
        """
        if self._app is None:
            if entry.segment_name is not None:
                msg = f"Stream '{stream}' names a segment: set `app_api_key`, or use `segment_id`."
                raise RunEnded(msg)
            return entry.segment_id
        if entry.segment_id is None and entry.segment_name is None:
            return None
        if self._segments is None:
            self._segments = self._app.segments()
        wanted = ("name", entry.segment_name) if entry.segment_name else ("id", entry.segment_id)
        found = [row for row in self._segments if row.get(wanted[0]) == wanted[1]]
        if not found and entry.segment_name and entry.create_missing:
            return self._app.create_segment(entry.segment_name)
        if len(found) != 1:
            many = "several segments" if found else "no segment"
            msg = f"Customer.io has {many} as stream '{stream}' names it: mend `streams`."
            raise RunEnded(msg)
        if found[0].get("type") != "manual" or found[0].get("state", "finished") != "finished":
            msg = (
                f"The segment of stream '{stream}' is dynamic or not finished: only members of a "
                "finished manual segment can be set."
            )
            raise RunEnded(msg)
        return int(found[0]["id"])


class Caller:
    """Adds people to segments and removes them, after all that was sent before is answered."""

    def __init__(
        self, post: Callable[[str, bytes], Answer], settle_before: Callable[[], None]
    ) -> None:
        """Keep what is needed.

        Args:
            post: Posts a body to a path of the Track API.
            settle_before: Waits for the answers to everything sent so far.
        """
        self._post = post
        self._settle_before = settle_before

    def change(self, segment: str, change: str, kind: str, ids: Sequence[str]) -> Answer:
        """Add or remove people, at most `SEGMENT_IDS`."""
        self._settle_before()
        path = f"/api/v1/segments/{segment}/{change}?id_type={kind}"
        return self._post(path, msgspec.json.encode({"ids": ids}))


class Changes:
    """People added to segments and removed, in the order of their records."""

    needs_end = False

    def __init__(self, caller: Caller, ledger: Ledger, segment_id: int | None) -> None:
        """Start without a record.

        Args:
            caller: Makes the calls.
            ledger: Where verdicts go.
            segment_id: The segment; None if each record says it.
        """
        self.goal = "" if segment_id is None else f"segment {segment_id}"
        self._caller = caller
        self._ledger = ledger
        self._segment = "" if segment_id is None else str(segment_id)
        self._groups: dict[tuple[str, str, str], dict[str, list[Item]]] = {}
        self.waiting_since: float | None = None

    def take(self, item: Item) -> None:
        """Put the person into the group of one call."""
        member = msgspec.json.decode(item.encoded, type=Member)
        ((kind, text),) = member.identifiers.items()
        key = (self._segment or member.segment_id, member.change, kind)
        for other in [other for other, ids in self._groups.items() if other != key and text in ids]:
            self._send(other)
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()
        group = self._groups.setdefault(key, {})
        group.setdefault(text, []).append(item)
        if len(group) == SEGMENT_IDS:
            self._send(key)

    def flush(self) -> None:
        """Send all groups."""
        for key in list(self._groups):
            self._send(key)
        self.waiting_since = None

    def finish(self, *, has_rejects: bool) -> None:  # noqa: ARG002 - of no matter to single changes
        """Send what is left."""
        self.flush()

    def _send(self, key: tuple[str, str, str]) -> None:
        group = self._groups.pop(key)
        refused = judge(self._caller.change(*key, list(group)), 1)
        items = [item for of_one in group.values() for item in of_one]
        if not refused:
            self._ledger.accepted(items)
            return
        for item in items:
            self._ledger.rejected(item.record, refused[0])


class Mirror:
    """The whole membership of a segment: at the end, only the difference is sent."""

    needs_end = True
    waiting_since: float | None = None

    def __init__(  # noqa: PLR0913 - parts, each with a task of its own
        self,
        caller: Caller,
        app: AppClient,
        verdicts: Verdicts,
        segment_id: int,
        *,
        max_removed_percent: int,
        tell: Callable[[str], object],
    ) -> None:
        """Start without a member.

        Args:
            caller: Makes the calls.
            app: Reads the present membership.
            verdicts: The verdicts of its records.
            segment_id: The segment.
            max_removed_percent: The share of members above which none is removed.
            tell: Tells the user something.
        """
        self.goal = f"segment {segment_id}"
        self._caller = caller
        self._app = app
        self._verdicts = verdicts
        self._segment_id = segment_id
        self._max_removed_percent = max_removed_percent
        self._tell = tell
        # Whether each is a member already, by kind; a person may be named in two ways.
        self._named: dict[str, dict[str, bool]] = {"id": {}, "email": {}, "cio_id": {}}

    def take(self, item: Item) -> None:
        """Note a member."""
        self._verdicts.add(item)
        if item.identifier == LEFT_OUT:
            return
        member = msgspec.json.decode(item.encoded, type=Member)
        ((kind, text),) = member.identifiers.items()
        self._named[kind][text.lower() if kind == "email" else text] = False

    def flush(self) -> None:
        """Nothing can be sent before the end."""

    def finish(self, *, has_rejects: bool) -> None:
        """Send the difference.

        Args:
            has_rejects: Whether somebody may be missing because their record was rejected.

        Raises:
            RunEnded: More people would be removed than is allowed, or a call was refused.
        """
        with_id, gone, nameless = self._compare()
        for kind, members in self._named.items():
            self._change(ADD, kind, [text for text, is_member in members.items() if not is_member])
        if has_rejects and gone:
            self._tell(f"{len(gone):,} people were not removed, since records were rejected.")
        elif len(gone) * 100 > self._max_removed_percent * with_id:
            msg = (
                f"{len(gone):,} of {with_id:,} members would have been removed, so none was: if "
                "that many are meant, raise `max_removed_percent`."
            )
            raise RunEnded(msg)
        else:
            self._change(REMOVE, "id", gone)
        if nameless:
            names = ", ".join(nameless[:NAMED_AT_MOST])
            self._tell(
                f"{len(nameless):,} members have no id, so Customer.io cannot remove them; "
                f"by cio_id: {names}{' …' if len(nameless) > NAMED_AT_MOST else ''}"
            )
        self._verdicts.accept()

    def _compare(self) -> tuple[int, list[str], list[str]]:
        """Return how many members have an id, the ids to remove, and who has none."""
        seen: set[int] = set()
        with_id = 0
        gone: list[str] = []
        nameless: list[str] = []
        for member in self._app.members(self._segment_id):
            mark = hash(str(member.get("cio_id") or member))
            if mark in seen:
                continue
            seen.add(mark)
            with_id += bool(member.get("id"))
            if not self._find(member):
                if member.get("id"):
                    gone.append(str(member["id"]))
                else:
                    nameless.append(str(member.get("cio_id")))
        return with_id, gone, nameless

    def _find(self, member: dict[str, t.Any]) -> bool:
        """Tell whether a present member is named, and note it in every way in which it is."""
        found = False
        for kind, members in self._named.items():
            text = str(member.get(kind) or "")
            text = text.lower() if kind == "email" else text
            if text in members:
                members[text] = found = True
        return found

    def _change(self, change: str, kind: str, ids: list[str]) -> None:
        for part in _parts(ids):
            answer = self._caller.change(str(self._segment_id), change, kind, part)
            if refused := judge(answer, 1):
                msg = f"Customer.io refused to change the segment: {refused[0].message}"
                raise DeliveryStopped(msg)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), SEGMENT_IDS):
        yield ids[start : start + SEGMENT_IDS]
