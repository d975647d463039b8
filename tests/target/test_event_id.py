from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from target_customerio.event_id import Repetitions, canonical, derive, is_ulid

COLUMNS = {
    "customer_id": {"type": ["integer", "string"]},
    "event_name": {"type": "string"},
    "timestamp": {"type": ["string", "integer", "null"], "format": "date-time"},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "price": {"type": ["number", "null"]},
    "nested": {"type": ["object", "null"]},
}
RECORD = {
    "customer_id": 42,
    "event_name": "purchase",
    "timestamp": "2024-04-19T00:00:00Z",
    "at": "2024-04-19T00:00:00.25Z",
    "price": Decimal(1),
    "nested": {"a": [1, {"b": Decimal("2.50")}], "c": None},
}


@pytest.fixture
def id_of(workshop):
    def id_of(record, keys=(), stream="person_event", **entry):
        streams = [{"stream": stream, "operation": "person_event", **entry}] if entry else []
        return workshop(streams=streams).item(stream, record, COLUMNS, list(keys))["id"]

    return id_of


def test_the_id_of_a_known_record_never_changes(id_of):
    assert id_of(RECORD) == "01HVSTE800A7JKHRS9ZW30GWS8"
    assert id_of(RECORD, keys=["customer_id"]) == "01HVSTE800ZE9W7R9YST41FFGX"
    assert id_of(RECORD | {"event_id": "order-7"}) == "01HVSTE8001T1QK98FXFRVAP72"


@pytest.mark.parametrize(
    "again",
    [
        dict(reversed(RECORD.items())),
        RECORD | {"price": Decimal("1.0")},
        RECORD | {"price": 1},
        RECORD | {"price": Decimal("1E0")},
        RECORD | {"timestamp": 1713484800},
        RECORD | {"timestamp": 1713484800000},
        RECORD | {"timestamp": "2024-04-19T02:00:00+02:00"},
        RECORD | {"timestamp": "2024-04-19 00:00:00"},
        RECORD | {"at": "2024-04-19T02:00:00.250000+02:00"},
        RECORD | {"nested": {"c": None, "a": [Decimal("1.0"), {"b": Decimal("2.5")}]}},
        RECORD | {"_sdc_extracted_at": "2026-01-01T00:00:00Z", "_sdc_sequence": 9},
        RECORD | {"new_column": None},
    ],
)
@pytest.mark.parametrize("keys", [(), ("customer_id",)])
def test_the_same_row_read_again_has_the_same_id(id_of, again, keys):
    assert id_of(again, keys) == id_of(RECORD, keys)


@pytest.mark.parametrize(
    "other",
    [
        RECORD | {"customer_id": 43},
        RECORD | {"event_name": "return"},
        RECORD | {"timestamp": "2024-04-19T00:00:01Z"},
        RECORD | {"timestamp": None},
    ],
)
@pytest.mark.parametrize("keys", [(), ("customer_id",)])
def test_another_event_has_another_id(id_of, other, keys):
    assert id_of(other, keys) != id_of(RECORD, keys)


@pytest.mark.parametrize(
    "other",
    [
        RECORD | {"price": 2},
        RECORD | {"at": "2024-04-19T00:00:00.250001Z"},
        RECORD | {"nested": {"a": [1, {"b": Decimal("2.51")}], "c": None}},
        RECORD | {"more": 1},
    ],
)
def test_without_a_key_every_column_counts_and_with_one_only_the_key(id_of, other):
    assert id_of(other) != id_of(RECORD)
    assert id_of(other, ["customer_id"]) == id_of(RECORD, ["customer_id"])


def test_without_a_time_or_with_an_empty_key_the_whole_record_counts(id_of):
    timeless = RECORD | {"timestamp": None}
    assert id_of(timeless, ["customer_id"]) != id_of(timeless | {"price": 2}, ["customer_id"])
    assert id_of(RECORD | {"price": None}, ["price"]) != id_of(
        RECORD | {"price": None, "more": 1}, ["price"]
    )


def test_the_stream_is_part_of_the_id(workshop, id_of):
    assert id_of(RECORD, stream="orders", event_name="purchase") != id_of(
        RECORD, stream="returns", event_name="purchase"
    )


def test_the_email_of_an_event_counts_in_any_case(workshop):
    lower, upper = (
        workshop().item(
            "person_event",
            {"key": 1, "email": email, "event_name": "a", "timestamp": 1},
            {"key": {"type": "integer"}},
            ["key"],
        )["id"]
        for email in ("jane@example.com", " Jane@Example.COM")
    )
    assert lower == upper


@pytest.mark.parametrize("given", ["01HB4HBDKTFWYZCK01DMRSWRFD", "01hb4hbdktfwyzck01dmrswrfd"])
def test_a_valid_ulid_is_used_as_it_is(id_of, given):
    assert id_of(RECORD | {"event_id": given}) == given


@pytest.mark.parametrize(
    "given",
    [
        "order-7",
        7,
        "81HB4HBDKTFWYZCK01DMRSWRFD",
        "01HB4HBDKTFWYZCK01DMRSWRFU",
        "01HB4HBDKTFWYZCK01DMR\u017fWRFD",  # a long s, whose capital is an S
        "7" * 25,
        ["a"],
    ],
)
def test_quirk_49_any_other_id_is_hashed_with_stream_and_event_name(id_of, given):
    ids = {
        id_of(RECORD | {"event_id": given}),
        id_of(RECORD | {"event_id": given, "event_name": "return"}),
        id_of(RECORD | {"event_id": given}, stream="orders", timestamp="timestamp"),
    }
    assert len(ids) == 3
    assert str(given) not in ids
    assert all(map(is_ulid, ids))


def test_a_given_id_decides_alone_apart_from_the_time(id_of):
    assert id_of(RECORD | {"event_id": "order-7"}) == id_of(
        RECORD | {"event_id": "order-7", "price": 9, "customer_id": 43}
    )


def test_an_empty_id_is_none(id_of):
    assert id_of(RECORD | {"event_id": ""}) == id_of(RECORD | {"event_id": None}) == id_of(RECORD)


def test_quirk_50_every_event_carries_a_ulid_with_its_time(id_of):
    assert ULID.from_str(id_of(RECORD)).milliseconds == 1713484800000
    assert ULID.from_str(id_of(RECORD | {"timestamp": None})).milliseconds == 0
    assert ULID.from_str(id_of(RECORD | {"timestamp": "1950-01-01"})).milliseconds == 0


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=5)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


def shuffled(value, dice):
    if isinstance(value, dict):
        names = list(value)
        dice.shuffle(names)
        return {name: shuffled(value[name], dice) for name in names}
    if isinstance(value, list):
        return [shuffled(item, dice) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(f"{value}.00")
    if isinstance(value, Decimal) and value == int(value) and abs(value.adjusted()) < 50:
        return int(value)
    return value


@given(JSON, st.integers(0, 2**40), st.randoms(use_true_random=False))
def test_the_order_of_keys_and_the_way_of_numbers_never_count(value, moment, dice):
    one = derive([canonical(value)], moment)
    assert one == derive([canonical(shuffled(value, dice))], moment)
    assert is_ulid(one)
    assert ULID.from_str(one).milliseconds == moment // 10**6


@given(JSON, JSON)
def test_different_records_have_different_ids(one, other):
    encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode
    same = encode(canonical(one)) == encode(canonical(other))
    assert (derive([canonical(one)], None) == derive([canonical(other)], None)) == same


def test_huge_numbers_are_never_written_out():
    assert canonical(Decimal("1E+999999")) == Decimal("1E+999999")
    assert canonical(Decimal("1E-999999")) == Decimal("1E-999999")


def test_repetitions_are_counted_among_the_last_ids():
    repetitions = Repetitions(remembered=3)
    assert [repetitions.note(one) for one in "abca"] == [False, False, False, True]
    assert [repetitions.note(one) for one in "da"] == [False, False]
    assert repetitions.count == 1


def test_ids_of_a_million_different_events_do_not_meet():
    dice = random.Random(1)
    ids = {derive(["record", {"number": dice.random()}], 0) for _ in range(20_000)}
    assert len(ids) == 20_000


@pytest.mark.parametrize("number", ["1e9999999", "-1e999999999999999999", "1e-9999999"])
def test_no_exponent_is_beyond_an_id(id_of, number):
    more = Decimal(number.replace("1e", "1.0e"))
    assert id_of(RECORD | {"price": Decimal(number)}) == id_of(RECORD | {"price": more})
