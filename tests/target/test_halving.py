"""What an answer does not tell apart is halved until it does, and not without end."""

from __future__ import annotations

import pytest

from target_customerio.answers import Answer, Fault
from target_customerio.errors import RunEnded
from target_customerio.halving import Halving


class Refusing:
    """A Customer.io that refuses whatever holds one of some units, whole and without naming it."""

    def __init__(self, *units, status=400, fault=None):
        self.calls = []
        self._units = set(units)
        self._answer = Answer(status, (fault,) if fault else ())

    def __call__(self, units):
        self.calls.append(list(units))
        return self._answer if self._units.intersection(units) else Answer(200)


def judged(halving, units, post):
    """Return who was accepted and who was refused, in the order of the verdicts."""
    accepted, refused = [], []
    for taken, others in halving.send(units, post):
        accepted += taken
        refused += [unit for unit, _ in others]
    return accepted, refused


@pytest.mark.parametrize("culprit", [0, 333, 999])
def test_one_culprit_among_a_thousand_takes_twenty_more_calls_at_most(culprit):
    post = Refusing(culprit)
    accepted, refused = judged(Halving(), range(1_000), post)
    assert refused == [culprit]
    assert accepted == [number for number in range(1_000) if number != culprit]
    assert len(post.calls) - 1 <= 20


def test_those_who_are_named_are_not_looked_for():
    post = Refusing(1, status=207, fault=Fault(1, "invalid", "name", "bad"))
    assert judged(Halving(), range(3), post) == ([0, 2], [1])
    assert len(post.calls) == 1


def test_what_is_not_there_is_refused_whole_at_once_and_ends_nothing():
    gone = Fault(None, "invalid", None, "gone")
    post, halving = Refusing(1, status=404, fault=gone), Halving()
    for _ in range(3):
        assert judged(halving, [1, 2, 3], post) == ([], [1, 2, 3])
    assert len(post.calls) == 3


def test_the_second_request_that_is_refused_one_by_one_ends_the_run():
    post, halving, verdicts = Refusing(*range(8)), Halving(), []
    for _ in range(5):  # one alone says nothing about others
        assert judged(halving, [1], post) == ([], [1])
    assert judged(halving, range(4), post) == ([], [0, 1, 2, 3])
    assert judged(halving, range(9), post) == ([8], [*range(8)])
    with pytest.raises(RunEnded, match="each item of 2 bodies"):
        verdicts.extend(halving.send(range(4), post))
    assert [unit for _, refused in verdicts for unit, _ in refused] == [0, 1, 2, 3]
