from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_customerio.batching import BODY_BYTES, OPEN_BODIES, Packer, encode_body
from target_customerio.checkpoints import Checkpoint
from target_customerio.items import Item, Origin

ORIGIN = Origin("stream", "operation", b"{}", Checkpoint())


def item(identifier: str, size: int = 100, *, is_event: bool = True, number: int = 0) -> Item:
    padding = size - len(json.dumps({"n": number, "p": ""}, separators=(",", ":")))
    encoded = json.dumps({"n": number, "p": "x" * padding}, separators=(",", ":")).encode()
    return Item(b"{}", ORIGIN, encoded, identifier, is_event)


def pack(items: list[Item]) -> list[list[Item]]:
    packer = Packer()
    bodies = [body.items for body in (packer.add(item) for item in items) if body]
    while items := packer.take().items:
        bodies.append(items)
    return bodies


def test_a_body_is_the_documented_envelope():
    one, two = item("a", number=1), item("b", number=2)
    body = encode_body([one, two])
    assert body == b'{"batch":[' + one.encoded + b"," + two.encoded + b"]}"
    assert [entry["n"] for entry in json.loads(body)["batch"]] == [1, 2]


@pytest.mark.parametrize("size", [100, 899, 900, 901, 31_999, 32_000])
def test_quirk_51_a_body_stays_under_the_limit_and_is_at_least_nine_tenths_full(size):
    bodies = pack([item(str(number), size) for number in range(4 * BODY_BYTES // size)])
    sizes = [len(encode_body(body)) for body in bodies]
    assert max(sizes) < BODY_BYTES
    assert min(sizes[:-1]) >= 0.9 * BODY_BYTES


def test_a_body_may_be_one_byte_under_the_limit_and_no_more():
    overhead = len(encode_body([]))
    fits = [item("a", 32_000) for _ in range(15)]
    rest = BODY_BYTES - 1 - overhead - sum(len(one.encoded) + 1 for one in fits)
    assert len(pack([*fits, item("b", rest)])) == 1
    assert len(pack([*fits, item("b", rest + 1)])) == 2


def test_events_of_one_person_share_a_body():
    assert len(pack([item("a") for _ in range(10)])) == 1


@pytest.mark.parametrize(
    ("first", "second"), [(True, False), (False, True), (False, False)], ids=str
)
def test_quirk_62_anything_but_events_of_one_person_waits_for_the_answer(first, second):
    bodies = pack([item("a", is_event=first, number=1), item("a", is_event=second, number=2)])
    assert [len(body) for body in bodies] == [1, 1]


def test_bodies_fill_up_although_some_items_wait():
    people = [item(str(number), 1_000, is_event=False) for number in range(3_000) for _ in range(2)]
    sizes = [len(encode_body(body)) for body in pack(people)]
    assert all(size >= 0.9 * BODY_BYTES for size in sizes[:-OPEN_BODIES])


def test_one_person_over_and_over_costs_bounded_memory():
    packer = Packer()
    waiting = 0
    for number in range(100):
        full = packer.add(item("a", is_event=False, number=number))
        waiting += 1 - (len(full.items) if full else 0)
        assert waiting <= OPEN_BODIES


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(13, 32_000), st.booleans()),
        max_size=200,
    )
)
def test_nothing_is_lost_and_each_person_keeps_the_order(script):
    items = [
        item(who, size, is_event=is_event, number=number % 10)
        for number, (who, size, is_event) in enumerate(script)
    ]
    bodies = pack(items)
    assert sorted(map(id, items)) == sorted(id(one) for body in bodies for one in body)
    for body in bodies:
        assert len(encode_body(body)) < BODY_BYTES
        for one in body:
            others = [other for other in body if other.identifier == one.identifier]
            assert len(others) == 1 or all(other.is_event for other in others)
    for who in "abcdefgh":
        sent = [id(one) for body in bodies for one in body if one.identifier == who]
        assert sent == [id(one) for one in items if one.identifier == who]
