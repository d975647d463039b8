"""The whole membership of segments: at the end, only the difference is sent."""

from __future__ import annotations

import typing as t
from functools import partial

import msgspec

from target_customerio.api import DeliveryStopped
from target_customerio.effects import ADD, REMOVE, Removal
from target_customerio.errors import RunEnded
from target_customerio.gatherings import Verdicts
from target_customerio.limits import SEGMENT_IDS
from target_customerio.members import LEFT_OUT
from target_customerio.segments import Member

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_customerio.effects import App, Effects
    from target_customerio.items import Item, Origin, Rejection
    from target_customerio.ledger import Ledger
    from target_customerio.segments import Choice

NAMED_AT_MOST = 10
"""How many people without an `id` are named, by Customer.io's own identifier."""


class Wanted:
    """Who shall belong to one segment.

    Attributes:
        origin: Where its first record came from.
        verdicts: The verdicts of its records.
    """

    def __init__(self, origin: Origin, verdicts: Verdicts) -> None:
        """Start without a member.

        Args:
            origin: Where its first record came from.
            verdicts: The verdicts of its records.
        """
        self.origin = origin
        self.verdicts = verdicts
        # As sent by what they are found by, for each kind; nothing is sent for those found.
        self._named: dict[str, dict[str, str]] = {"id": {}, "email": {}, "cio_id": {}}

    def add(self, identifiers: dict[str, str]) -> None:
        """Note a member."""
        ((kind, text),) = identifiers.items()
        found_by = text.lower() if kind == "email" else text
        # One text where they are the same: there may be millions.
        self._named[kind][found_by] = found_by if found_by == text else text

    def compare(self, segment: str, present: Iterable[dict[str, t.Any]]) -> Removal:
        """Note who is a member already, and return who is not wanted any more.

        Args:
            segment: The id of the segment.
            present: Its members, some perhaps twice.
        """
        seen: set[int] = set()
        members = 0
        gone: list[str] = []
        without_id: list[str] = []
        for member in present:
            mark = hash(str(member.get("cio_id") or member))
            if mark in seen:
                continue
            seen.add(mark)
            members += bool(member.get("id"))
            if not self._find(member):
                if member.get("id"):
                    gone.append(str(member["id"]))
                else:
                    without_id.append(str(member.get("cio_id")))
        return Removal(segment, gone, members, without_id)

    def missing(self) -> Iterator[tuple[str, list[str]]]:
        """Yield who is no member yet, by kind of identifier."""
        for kind, named in self._named.items():
            yield kind, [text for text in named.values() if text]

    def _find(self, member: dict[str, t.Any]) -> bool:
        """Tell whether a present member is named, and note it in every way in which it is."""
        found = False
        for kind, named in self._named.items():
            text = str(member.get(kind) or "")
            text = text.lower() if kind == "email" else text
            if text in named:
                named[text], found = "", True
        return found


class Mirror:
    """The memberships that the records of one stream make, each segment by itself."""

    needs_end = True
    waiting_since: float | None = None

    def __init__(
        self,
        effects: Effects,
        app: App,
        ledger: Ledger,
        choice: Choice,
        tell: Callable[[str], object],
    ) -> None:
        """Start without a segment.

        Args:
            effects: Makes the calls.
            app: Reads the present memberships.
            ledger: Where verdicts go.
            choice: Says which segment a record is about.
            tell: Tells the user something.
        """
        self._effects = effects
        self._app = app
        self._ledger = ledger
        self._choice = choice
        self._tell = tell
        self._segments: dict[str, Wanted] = {}

    def take(self, item: Item) -> None:
        """Note a member, or that a segment is there which one has left."""
        member = msgspec.json.decode(item.encoded, type=Member)
        segment = self._choice.of(member)
        wanted = self._segments.get(segment)
        if wanted is None:
            wanted = Wanted(item.origin, Verdicts(self._ledger))
            self._segments[segment] = wanted
        wanted.verdicts.add(item)
        if item.identifier != LEFT_OUT:
            wanted.add(member.identifiers)

    def give_way(self, item: Item) -> None:
        """Nothing can be sent before the end."""

    def flush(self) -> None:
        """Nothing can be sent before the end."""

    def finish(self, *, has_rejects: bool) -> None:
        """Send the differences; what stops one segment stops no other.

        Args:
            has_rejects: Whether somebody may be missing because their record was rejected.

        Raises:
            RunEnded: More people would be removed than is allowed, a call was refused, or there was
                no answer.
        """
        problems: list[str] = []
        try:
            for segment, wanted in self._segments.items():
                problems += self._set(segment, wanted, has_rejects=has_rejects)
        except DeliveryStopped as stopped:  # which the segments that are left would meet as well
            problems.append(str(stopped))
        if problems:
            raise RunEnded(" ".join(problems))

    def _set(self, segment: str, wanted: Wanted, *, has_rejects: bool) -> list[str]:
        """Send the difference of one segment; return what stopped it, if anything did."""
        removal = wanted.compare(segment, self._app.members(int(segment)))
        change = partial(self._change, wanted.origin, segment)
        problems = [problem for kind, ids in wanted.missing() for problem in change(ADD, kind, ids)]
        has_rejects = has_rejects or bool(problems)
        if has_rejects and removal.ids:
            self._tell(
                f"{len(removal.ids):,} people were not removed from segment {segment}, since "
                "records were rejected."
            )
        else:
            try:
                self._effects.allow(wanted.origin, removal)
                problems += change(REMOVE, "id", removal.ids)
            except RunEnded as end:
                problems.append(str(end))
        if removal.without_id:
            names = ", ".join(removal.without_id[:NAMED_AT_MOST])
            more = " …" if len(removal.without_id) > NAMED_AT_MOST else ""
            self._tell(
                f"{len(removal.without_id):,} members of segment {segment} have no id, so "
                f"Customer.io cannot remove them; by cio_id: {names}{more}"
            )
        if not problems:
            wanted.verdicts.accept()
        return problems

    def _change(
        self, origin: Origin, segment: str, change: str, kind: str, ids: list[str]
    ) -> Iterator[str]:
        """Change the membership of people, and say for how many that was refused, if for any."""
        refused: list[Rejection] = []
        for start in range(0, len(ids), SEGMENT_IDS):
            part = ids[start : start + SEGMENT_IDS]
            try:
                for _, some in self._effects.change(origin, segment, change, kind, part):
                    refused += [rejection for _, rejection in some]
            except RunEnded:  # whoever is left would be refused as well
                break
        if refused:
            yield (
                f"Customer.io refused to change segment {segment} for {len(refused):,} of "
                f"{len(ids):,} people (status {refused[0].status}): mend how their records name "
                "them. A mirror keeps no records; segment_add puts such among the rejected ones."
            )
