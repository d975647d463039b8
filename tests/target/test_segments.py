"""A mirror's comparison, with a membership whose rows shift between pages."""

from __future__ import annotations

import json

import pytest

from target_customerio.answers import Answer
from target_customerio.checkpoints import Checkpoint
from target_customerio.errors import RunEnded
from target_customerio.items import Item, Origin, SourceRecord
from target_customerio.segments import Mirror

A = {"cio_id": "c1", "id": "a", "email": "A@b.c"}
B = {"cio_id": "c2", "id": "b"}
NAMELESS = {"cio_id": "c3", "id": "", "email": "x@y.z"}


class Present:
    """A membership as the App API tells it."""

    def __init__(self, *members):
        self._members = members

    def members(self, _):
        return iter(self._members)


class Calls(list):
    """What was sent."""

    def change(self, segment, change, kind, ids):
        self.append((segment, change, kind, ids))
        return Answer(200)


class Accepted(list):
    """The verdicts."""

    def add(self, checkpoint):
        self.append(checkpoint)

    def accept(self):
        self.append("accepted")


@pytest.fixture
def compare():
    """Mirror people against a membership; return what was sent, told and accepted."""

    def mirror(present, *wanted, percent=100):
        calls, verdicts, told = Calls(), Accepted(), []
        made = Mirror(
            calls, Present(*present), verdicts, 7, max_removed_percent=percent, tell=told.append
        )
        for identifiers in wanted:
            encoded = json.dumps({"identifiers": identifiers}).encode()
            source = SourceRecord(b"", Origin("s", "segment_mirror", b"{}", Checkpoint()))
            made.take(Item(encoded, "somebody", False, source))  # noqa: FBT003 - no event
        made.finish(has_rejects=False)
        assert verdicts[-1] == "accepted"
        return calls, told

    return mirror


def test_a_person_named_in_two_ways_is_one(compare):
    assert compare([A], {"id": "a"}, {"email": "a@B.c"}, {"cio_id": "c1"}) == ([], [])


def test_a_member_told_on_two_pages_counts_once(compare):
    calls, _ = compare([A, B, A, B], {"email": "a@b.c"})
    assert calls == [("7", "remove_customers", "id", ["b"])]


def test_repeated_members_do_not_make_the_share_look_small(compare):
    with pytest.raises(RunEnded, match="1 of 2 members"):
        compare([A, A, A, B], {"id": "a"}, percent=49)


def test_members_without_id_are_named_and_do_not_count(compare):
    calls, told = compare([A, NAMELESS], {"id": "a"}, percent=0)
    assert calls == []
    assert "1 members have no id" in told[0]
    assert "c3" in told[0]
    assert "x@y.z" not in told[0]


def test_a_thousand_people_are_added_in_a_call(compare):
    calls, _ = compare([], *({"id": str(number)} for number in range(1001)))
    assert [len(ids) for *_, ids in calls] == [1000, 1]
