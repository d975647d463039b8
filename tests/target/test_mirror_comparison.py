"""A mirror's comparison, with a membership whose rows shift between pages."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from target_customerio.checkpoints import Checkpoint
from target_customerio.effects import Deeds
from target_customerio.errors import RunEnded
from target_customerio.items import Item, Origin
from target_customerio.mirrors import Mirror

A = {"cio_id": "c1", "id": "a", "email": "A@b.c"}
B = {"cio_id": "c2", "id": "b"}
NAMELESS = {"cio_id": "c3", "id": "", "email": "x@y.z"}


class Present:
    """A membership as the App API tells it."""

    def __init__(self, *members):
        self._members = members

    def members(self, _):
        return iter(self._members)


class Effects(list):
    """What was sent."""

    def change(self, origin, segment, change, kind, ids):
        self.append((segment, change, kind, ids))
        return [(ids, [])]

    def allow(self, origin, removal):
        Deeds(None, None, settle=None, max_removed_percent=self.percent).allow(origin, removal)


class Accepted(list):
    """The verdicts."""

    def accepted_at_once(self, numbers):
        self.append(numbers.total())


class Segments:
    """Whom a record is about: segment 7, unless it says another."""

    def of(self, member):
        return member.segment_id or "7"


@pytest.fixture
def compare():
    """Mirror people against a membership; return what was sent and told."""

    def mirror(present, *wanted, percent=100):
        effects, ledger, told = Effects(), Accepted(), []
        effects.percent = percent
        made = Mirror(effects, Present(*present), ledger, Segments(), told.append)
        for identifiers in wanted:
            encoded = json.dumps({"identifiers": identifiers}).encode()
            origin = Origin("s", "segment_mirror", b"{}", Checkpoint())
            made.take(Item(b"", origin, encoded, "somebody", False))  # noqa: FBT003 - no event
        made.finish(has_rejects=False)
        assert ledger == [len(wanted)]
        return effects, told

    return mirror


@pytest.mark.parametrize("kind", ["id", "email"])
def test_a_member_takes_its_text_once_and_little_more(kind):
    mirror = Mirror(Effects(), Present(), Accepted(), Segments(), print)
    origin = Origin("s", "segment_mirror", b"{}", Checkpoint())
    tracemalloc.start()
    for number in range(20_000):
        encoded = json.dumps({"identifiers": {kind: f"person{number:08}@example.com"}}).encode()
        mirror.take(Item(b"", origin, encoded, "somebody", False))  # noqa: FBT003 - no event
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken / 20_000 < 130


def test_a_person_named_in_two_ways_is_one(compare):
    named = {"id": "a"}, {"email": "a@B.c"}, {"cio_id": "c1"}
    assert compare([A], *named) == ([], [])
    calls, _ = compare([A, B], *named, percent=50)  # one of two, however often the other is named
    assert calls == [("7", "remove_customers", "id", ["b"])]


def test_a_member_told_on_two_pages_counts_once(compare):
    calls, _ = compare([A, B, A, B], {"email": "a@b.c"})
    assert calls == [("7", "remove_customers", "id", ["b"])]


def test_repeated_members_do_not_make_the_share_look_small(compare):
    with pytest.raises(RunEnded, match="1 of 2 members"):
        compare([A, A, A, B], {"id": "a"}, percent=49)


def test_members_without_id_are_named_and_do_not_count(compare):
    calls, told = compare([A, NAMELESS], {"id": "a"}, percent=0)
    assert calls == []
    assert "1 members of segment 7 have no id" in told[0]
    assert "c3" in told[0]
    assert "x@y.z" not in told[0]


def test_members_without_id_do_not_make_the_share_look_small(compare):
    nameless = ({"cio_id": f"n{number}"} for number in range(8))
    with pytest.raises(RunEnded, match="1 of 2 members"):
        compare([A, B, *nameless], {"id": "a"}, percent=49)


def test_a_thousand_people_are_added_in_a_call(compare):
    calls, _ = compare([], *({"id": str(number)} for number in range(1001)))
    assert [len(ids) for *_, ids in calls] == [1000, 1]
