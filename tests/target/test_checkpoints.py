from __future__ import annotations

import pytest

from target_customerio.checkpoints import Checkpoints


@pytest.fixture
def emitted() -> list[bytes]:
    return []


@pytest.fixture
def checkpoints(emitted: list[bytes]) -> Checkpoints:
    return Checkpoints(emitted.append)


def test_a_state_before_any_record_leaves_at_once(checkpoints, emitted):
    checkpoints.close(b"{}")
    assert emitted == [b"{}"]


def test_a_state_waits_for_every_record_before_it(checkpoints, emitted):
    first, second = checkpoints.admit(), checkpoints.admit()
    checkpoints.close(b"1")
    assert emitted == []
    assert checkpoints.waiting()
    checkpoints.settle(second)
    assert emitted == []
    checkpoints.settle(first)
    assert emitted == [b"1"]
    assert not checkpoints.waiting()


def test_a_later_state_waits_for_an_earlier_record(checkpoints, emitted):
    early = checkpoints.admit()
    checkpoints.close(b"1")
    late = checkpoints.admit()
    checkpoints.close(b"2")
    checkpoints.settle(late)
    assert emitted == []
    checkpoints.settle(early)
    assert emitted == [b"2"]  # the newest one that has become true is enough


def test_records_after_the_last_state_hold_nothing_back(checkpoints, emitted):
    early = checkpoints.admit()
    checkpoints.close(b"1")
    checkpoints.admit()
    checkpoints.settle(early)
    assert emitted == [b"1"]


def test_verdicts_of_many_records_may_come_together(checkpoints, emitted):
    admitted = {
        id(checkpoint): checkpoint for checkpoint in (checkpoints.admit(), checkpoints.admit())
    }
    assert len(admitted) == 1
    checkpoint = checkpoints.admit()
    checkpoints.close(b"1")
    checkpoints.settle(checkpoint, 2)
    assert emitted == []
    checkpoints.settle(checkpoint, 1)
    assert emitted == [b"1"]


def test_after_stop_no_state_leaves(checkpoints, emitted):
    record = checkpoints.admit()
    checkpoints.close(b"1")
    checkpoints.stop()
    checkpoints.settle(record)
    checkpoints.close(b"2")
    assert emitted == []
