from __future__ import annotations

import pytest

from target_customerio.api import Traffic
from target_customerio.checkpoints import Checkpoints
from target_customerio.errors import RunEnded
from target_customerio.items import Item, Origin, Rejection, SourceRecord
from target_customerio.ledger import Ledger
from target_customerio.rejects import Rejects
from target_customerio.summary import Summary

WHY = Rejection("invalid", "attributes.plan", "a value is too long", 207)


class Desk:
    """A ledger with everything around it, and the states that left."""

    def __init__(self, folder, percent: int = 10) -> None:
        self.states: list[bytes] = []
        self.summary = Summary()
        self.rejects = Rejects(str(folder), "run")
        self.checkpoints = Checkpoints(self._emit)
        self.ledger = Ledger(
            self.summary, self.rejects, self.checkpoints, max_rejected_percent=percent
        )

    def _emit(self, value: bytes) -> None:
        self.rejects.flush()
        self.states.append(value)

    def record(self, stream: str = "s") -> SourceRecord:
        self.summary.of(stream, "person_event").records += 1
        origin = Origin(stream, "person_event", b"{}", self.ledger.admit())
        return SourceRecord(b'{"n":1}', origin)

    def items(self, number: int, stream: str = "s") -> list[Item]:
        records = [self.record(stream) for _ in range(number)]
        return [Item(one.line, one.origin, b"{}", "id:1", is_event=True) for one in records]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_state_leaves_when_every_record_before_it_has_a_verdict(desk):
    first, second = desk.items(2), desk.items(3)
    desk.checkpoints.close(b"1")
    third = desk.items(1)
    desk.checkpoints.close(b"2")
    desk.ledger.accepted([*second, *third])
    assert desk.states == []
    desk.ledger.rejected(first[0], WHY)
    assert desk.states == []
    desk.ledger.accepted(first[1:])
    assert desk.states == [b"2"]


def test_equal_checkpoints_are_not_taken_for_one_another(desk):
    one = desk.items(1)
    desk.checkpoints.close(b"{}")
    other = desk.items(1)
    desk.checkpoints.close(b"{}")
    desk.ledger.accepted(one + other)
    assert desk.states[-1] == b"{}"
    assert not desk.checkpoints.waiting()


def test_a_reject_lasts_before_its_state_leaves(desk, tmp_path):
    record = desk.record()
    desk.checkpoints.close(b"1")
    desk.checkpoints._emit = lambda _: desk.states.append(
        (desk.rejects.flush(), (tmp_path / "run.singer.jsonl").read_bytes())[1]
    )
    desk.ledger.rejected(record, WHY)
    assert b'"rejection"' in desk.states[0]


def test_no_state_leaves_when_the_reject_cannot_be_written(tmp_path):
    (tmp_path / "folder").write_text("in the way")
    desk = Desk(tmp_path / "folder")
    record = desk.record()
    desk.checkpoints.close(b"1")
    with pytest.raises(RunEnded, match="cannot be written"):
        desk.ledger.rejected(record, WHY)
    assert desk.states == []


def test_rejects_are_judged_from_a_thousand_verdicts_on(tmp_path):
    desk = Desk(tmp_path, percent=10)
    for _ in range(999):
        desk.ledger.rejected(desk.record(), WHY)
    last = desk.record()
    desk.checkpoints.close(b"1")
    with pytest.raises(RunEnded, match="More than 10 %") as ended:
        desk.ledger.rejected(last, WHY)
    assert "max_rejected_percent" in str(ended.value)
    desk.checkpoints.settle(last.origin.checkpoint)  # a verdict that comes too late
    assert desk.states == []


def test_rejects_at_the_limit_are_borne(tmp_path):
    desk = Desk(tmp_path, percent=10)
    desk.ledger.accepted(desk.items(900))
    for _ in range(100):
        desk.ledger.rejected(desk.record(), WHY)
    desk.checkpoints.close(b"1")
    assert desk.states == [b"1"]
    with pytest.raises(RunEnded):
        desk.ledger.rejected(desk.record(), WHY)


def test_what_is_on_its_way_is_not_counted_against_the_run(tmp_path):
    desk = Desk(tmp_path, percent=10)
    underway = desk.items(20_000)
    for _ in range(1_500):
        desk.ledger.rejected(desk.record(), WHY)
    desk.ledger.accepted(underway)
    desk.checkpoints.close(b"1")
    assert desk.states == [b"1"]


def test_a_late_verdict_is_judged_too(tmp_path):
    desk = Desk(tmp_path, percent=10)
    for _ in range(500):
        desk.ledger.rejected(desk.record(), WHY)
    with pytest.raises(RunEnded):
        desk.ledger.accepted(desk.items(500))


def test_a_limit_of_a_hundred_percent_bears_everything(tmp_path):
    desk = Desk(tmp_path, percent=100)
    for _ in range(1_200):
        desk.ledger.rejected(desk.record(), WHY)
    assert desk.rejects.count == 1_200


def test_the_summary_says_what_happened_by_stream_field_and_reason(desk):
    desk.ledger.accepted(desk.items(2_000) + desk.items(3, "t"))
    desk.ledger.rejected(desk.record(), WHY)
    desk.ledger.rejected(desk.record(), Rejection("required", None, "no identifier"))
    counts = desk.summary.of("s", "person_event")
    counts.derived_ids, counts.identical = 2_000, 5
    desk.summary.skipped["other"] += 7
    traffic = Traffic(calls=4, bytes_sent=1_500_000, bodies=3)
    assert list(desk.summary.lines(traffic, 2.0)) == [
        "s (person_event): 2,002 records, 2,000 accepted, 2 rejected",
        "s (person_event): 1 rejected: attributes.plan invalid",
        "s (person_event): 1 rejected: - required",
        (
            "s (person_event): 2,000 events without an id got one, "
            "5 of them the id of an identical one"
        ),
        "t (person_event): 3 records, 3 accepted, 0 rejected",
        "other: 7 records skipped, as the settings leave the stream out",
        "3 bodies, 1,500,000 bytes, 4 calls, 2.0 seconds, 1,002 records a second",
    ]
