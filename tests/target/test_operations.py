from __future__ import annotations

import json
from decimal import Decimal

import pytest

from target_customerio.errors import RunEnded

TIME = {"type": ["string", "null"], "format": "date-time"}
TEXT = {"type": ["string", "null"]}


def identify(workshop, record, properties=None, **settings):
    item = workshop(**settings).item("person_identify", record, properties)
    assert item["type"] == "person"
    assert item["action"] == "identify"
    return item["identifiers"], item.get("attributes", {})


def event(workshop, record, properties=None, **settings):
    item = workshop(**settings).item("person_event", {"event_name": "e", **record}, properties)
    assert item["type"] == "person"
    assert item["action"] == "event"
    return item["identifiers"], item.get("attributes", {})


@pytest.mark.parametrize(
    ("record", "identifiers", "attributes"),
    [
        ({"id": 42}, {"id": "42"}, {}),
        ({"id": Decimal("42.0")}, {"id": "42"}, {}),
        ({"id": " 42 "}, {"id": " 42 "}, {}),
        ({"id": "30e00001"}, {"id": "30e00001"}, {}),
        ({"person_id": "p", "person_email": "a@b.c"}, {"id": "p"}, {"email": "a@b.c"}),
        ({"person_id": "p", "id": 7}, {"id": "p"}, {"id": "7"}),
        ({"person_email": " A@b.c\n", "id": 7}, {"email": "A@b.c"}, {"id": "7"}),
        ({"person_email": "a@b.c", "email": "x@y.z"}, {"email": "a@b.c"}, {"email": "x@y.z"}),
        (
            {"id": 1, "person_email": "a@b.c", "email": "x@y.z"},
            {"email": "a@b.c"},
            {"id": "1", "email": "x@y.z"},
        ),
        ({"id": "", "email": " a@b.c "}, {"email": "a@b.c"}, {}),
        ({"id": "  ", "email": None, "phone": "+14155552671"}, {"phone": "+14155552671"}, {}),
        ({"id": None, "cio_id": "cio_a3000001"}, {"cio_id": "a3000001"}, {}),
        ({"cio_id": "30000001"}, {"cio_id": "30000001"}, {}),
        ({"id": 1, "cio_id": "a3000001", "phone": "+1"}, {"id": "1"}, {"phone": "+1"}),
        ({"id": 1, "anonymous_id": "anon"}, {"id": "1"}, {"anonymous_id": "anon"}),
        ({"id": 1, "anonymous_id": "", "email": ""}, {"id": "1"}, {}),
        (
            {"id": 1, "timestamp": 5, "event_name": "x"},
            {"id": "1"},
            {"timestamp": 5, "event_name": "x"},
        ),
        ({"id": 1, "customer_id": 2, "user_id": 3}, {"id": "1"}, {"customer_id": 2, "user_id": 3}),
    ],
)
def test_whom_a_person_record_is_about(workshop, record, identifiers, attributes):
    assert identify(workshop, record) == (identifiers, attributes)


@pytest.mark.parametrize(
    ("record", "identifiers", "attributes"),
    [
        ({"person_id": "p", "person_email": "a@b.c"}, {"id": "p"}, {}),
        ({"customer_id": 42, "id": "order-1"}, {"id": "42"}, {"id": "order-1"}),
        ({"user_id": 42, "id": 1, "email": "a@b.c"}, {"id": "42"}, {"id": 1}),
        ({"person_email": "a@b.c", "customer_id": 42}, {"email": "a@b.c"}, {}),
        ({"customer_id": "", "email": " a@b.c"}, {"email": "a@b.c"}, {}),
        ({"phone": "+1", "cio_id": "x", "anonymous_id": "y"}, {"phone": "+1"}, {}),
        ({"cio_id": "cio_x", "anonymous_id": "y"}, {"cio_id": "x"}, {}),
        ({"anonymous_id": "y", "id": 5}, {"anonymous_id": "y"}, {"id": 5}),
    ],
)
def test_whose_an_event_is(workshop, record, identifiers, attributes):
    assert event(workshop, record) == (identifiers, attributes)


@pytest.mark.parametrize("stream", ["person_identify", "person_event"])
@pytest.mark.parametrize(
    "record", [{}, {"person_id": ""}, {"email": "  ", "cio_id": "cio_"}, {"name": "Jane"}]
)
def test_a_record_that_is_about_nobody_is_refused(workshop, stream, record):
    rejection = workshop().rejection(stream, {"event_name": "e", **record})
    assert (rejection.reason, rejection.field) == ("required", "identifiers")


@pytest.mark.parametrize("value", [True, False, Decimal("4.2"), [1], {"a": 1}, Decimal("1E+9999")])
def test_what_cannot_be_an_identifier_is_refused(workshop, value):
    rejection = workshop().rejection("person_identify", {"person_id": value, "email": "a@b.c"})
    assert (rejection.reason, rejection.field) == ("invalid", "identifiers.id")
    assert str(value) not in rejection.message


def test_quirk_59_the_prefix_of_a_cio_id_is_absent_in_version_two(workshop):
    assert event(workshop, {"cio_id": "cio_03000001"})[0] == {"cio_id": "03000001"}


def test_all_other_columns_are_attributes_with_their_values(workshop):
    record = {
        "id": 1,
        "plan": "premium",
        "price": Decimal("29.990"),
        "seats": 18446744073709551617,
        "active": False,
        "tags": ["a", None],
        "address": {"city": "Zürich", "zip": None},
        "empty": "",
        "_sdc_extracted_at": "2026-01-01",
    }
    (route,) = workshop().plan("person_identify")
    encoded = route.plan.item(record, record, b"", None).encoded
    expected = (
        '{"plan":"premium","price":29.990,"seats":18446744073709551617,"active":false,'
        '"tags":["a",null],"address":{"city":"Zürich","zip":null},"empty":""}'
    )
    assert expected in encoded.decode()


@pytest.mark.parametrize(("send_nulls", "expected"), [(False, {}), (True, {"plan": None})])
def test_an_attribute_without_value_is_skipped_or_cleared(workshop, send_nulls, expected):
    record = {"id": 1, "plan": None, "_sdc_x": None, "email": None}
    assert identify(workshop, record, send_nulls=send_nulls)[1] == expected


def test_quirk_56_times_become_unix_seconds(workshop):
    properties = {"created_at": TIME, "day": {"type": "string", "format": "date"}}
    record = {"id": 1, "created_at": "2024-04-19T00:00:00.9+00:00", "day": "2024-04-19"}
    expected = {"created_at": 1713484800, "day": "2024-04-19"}
    assert identify(workshop, record, properties)[1] == expected


def test_quirk_56_event_times_are_unix_seconds_whatever_they_were(workshop):
    for value in (1713484800, 1713484800123, "1713484800", "2024-04-19T00:00:00Z", "2024-04-19"):
        item = workshop().item(
            "person_event", {"person_id": 1, "event_name": "e", "timestamp": value}
        )
        assert item["timestamp"] == 1713484800
        assert "attributes" not in item


def test_an_event_without_time_sends_none(workshop):
    item = workshop().item("person_event", {"person_id": 1, "event_name": "e", "timestamp": None})
    assert "timestamp" not in item


@pytest.mark.parametrize("value", ["soon", "", True, [1]])
def test_an_unreadable_event_time_is_refused(workshop, value):
    record = {"person_id": 1, "event_name": "e", "timestamp": value}
    rejection = workshop(check_records=False).rejection("person_event", record)
    assert (rejection.reason, rejection.field) == ("parse_error", "timestamp")


@pytest.mark.parametrize("stream", ["person_identify", "person_event"])
@pytest.mark.parametrize("value", ["soon", {"at": ""}, [{"at": "soon"}]])
def test_an_unreadable_date_time_attribute_is_refused(workshop, stream, value):
    inner = {"properties": {"at": {"format": "date-time"}}}
    column = {"format": "date-time", **inner, "items": inner}
    record = {"person_id": 1, "event_name": "e", "born": value}
    rejection = workshop().rejection(stream, record, {"born": column})
    assert (rejection.reason, rejection.field) == ("parse_error", "attributes.born")
    assert "soon" not in rejection.message


@pytest.mark.parametrize(
    ("record", "name", "attributes"),
    [
        ({"event_name": "buy"}, "buy", None),
        ({"event": "buy"}, "buy", None),
        ({"event_name": "", "event": "buy"}, "buy", {"event_name": ""}),
        ({"event_name": "buy", "event": "other"}, "buy", {"event": "other"}),
    ],
)
def test_the_name_of_an_event(workshop, record, name, attributes):
    item = workshop().item("person_event", {"person_id": 1, **record})
    assert (item["name"], item.get("attributes")) == (name, attributes)


@pytest.mark.parametrize("record", [{}, {"event_name": None}, {"event_name": " ", "event": ""}])
def test_an_event_without_name_is_refused(workshop, record):
    rejection = workshop().rejection("person_event", {"person_id": 1, **record})
    assert (rejection.reason, rejection.field) == ("required", "name")


def test_quirk_63_limits_count_bytes_and_not_characters(workshop):
    shop = workshop()
    fits, too_long = "é" * 50, "é" * 50 + "e"
    assert shop.item("person_event", {"person_id": 1, "event_name": fits})["name"] == fits
    assert shop.rejection("person_event", {"person_id": 1, "event_name": too_long}).field == "name"
    fits, too_long = "é" * 500, "é" * 500 + "e"
    assert shop.item("person_identify", {"id": 1, "a": fits})["attributes"] == {"a": fits}
    assert shop.rejection("person_identify", {"id": 1, "a": too_long}).field == "attributes.a"


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"id": "x" * 151}, "identifiers.id"),
        ({"id": 1, "n" * 151: 1}, "attributes"),
        ({"id": 1, "a": {"b": "x" * 1000}}, "attributes.a"),
        ({"id": 1, "a": ["x" * 600, "x" * 600]}, "attributes.a"),
        ({"id": 1, **{f"a{number}": number for number in range(301)}}, "attributes"),
        ({"id": 1, **{f"a{number}": "x" * 999 for number in range(40)}}, "item"),
    ],
)
def test_a_person_over_a_limit_is_refused(workshop, record, field):
    rejection = workshop().rejection("person_identify", record)
    assert (rejection.reason, rejection.field) == ("invalid", field)


@pytest.mark.parametrize(
    "record",
    [
        {"id": "x" * 150},
        {"id": 1, "n" * 150: 1},
        {"id": 1, "a": {"b": "x" * 992}},
        {"id": 1, **{f"a{number}": number for number in range(300)}},
    ],
)
def test_a_person_at_a_limit_is_sent(workshop, record):
    assert identify(workshop, record)[0]


def test_the_attributes_of_an_event_have_only_the_limit_of_the_item(workshop):
    big = {"person_id": 1, "event_name": "e", "n" * 200: "x" * 1200, "more": "x" * 20_000}
    assert len(workshop().item("person_event", big)["attributes"]["n" * 200]) == 1200
    assert workshop().rejection("person_event", big | {"last": "x" * 12_000}).field == "item"


def test_an_item_may_take_32000_bytes_and_not_one_more(workshop):
    (route,) = workshop().plan("person_event")
    record = {"person_id": 1, "event_name": "e", "a": ""}
    rest = 32_000 - len(route.plan.item(record, record, b"", None).encoded)
    full = record | {"a": "x" * rest}
    assert len(route.plan.item(full, full, b"", None).encoded) == 32_000
    assert workshop().rejection("person_event", record | {"a": "x" * (rest + 1)}).field == "item"


@pytest.mark.parametrize("key", ["id", "tenant"])
def test_a_record_that_lacks_its_key_is_refused(workshop, key):
    record = {"id": 1, "tenant": 2}
    del record[key]
    rejection = workshop().rejection(
        "person_identify", record | {"email": "a@b.c"}, {}, ["id", "tenant"]
    )
    assert (rejection.reason, rejection.field) == ("missing_key", key)


def test_a_value_that_a_stream_map_nests_too_deep_is_refused(workshop):
    # From a line it cannot come; where a Python gives up, its length is not judged any more.
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    rejection = workshop(check_records=False).rejection("person_identify", {"id": 1, "deep": deep})
    assert (rejection.reason, "deep" in rejection.message or rejection.field) in {
        ("invalid", True),
        ("invalid", "attributes.deep"),
    }


def test_quirk_64_names_keep_their_case_and_emails_share_a_lane(workshop):
    (route,) = workshop().plan("person_event")
    record = {"email": "Jane@B.c", "event_name": "Buy", "Plan": 1, "plan": 2}
    item = route.plan.item(record, record, b"", None)
    sent = json.loads(item.encoded)
    assert (sent["name"], sent["attributes"]) == ("Buy", {"Plan": 1, "plan": 2})
    assert sent["identifiers"] == {"email": "Jane@B.c"}
    assert item.identifier == "email:jane@b.c"


# What an entry of `streams` changes


def entry(**keys):
    return {"streams": [{"stream": "s", "operation": "person_event", **keys}]}


def test_an_entry_names_the_columns(workshop):
    shop = workshop(
        **entry(
            identifiers={"email": "mail", "id": "uid"},
            event_name_column="what",
            event_names={"purchase": "Bought"},
            event_id="key",
            timestamp="happened",
            attributes={"exclude": ["internal_*"], "rename": {"amt": "amount"}},
        )
    )
    record = {
        "mail": "",
        "uid": 7,
        "email": "not@the.one",
        "person_id": "not this",
        "what": "purchase",
        "event_name": "an attribute",
        "key": "01HB4HBDKTFWYZCK01DMRSWRFD",
        "event_id": "another",
        "happened": 1713484800,
        "timestamp": "another",
        "amt": 5,
        "internal_note": "x",
    }
    assert shop.item("s", record) == {
        "type": "person",
        "action": "event",
        "identifiers": {"id": "7"},
        "name": "Bought",
        "timestamp": 1713484800,
        "id": "01HB4HBDKTFWYZCK01DMRSWRFD",
        "attributes": {
            "email": "not@the.one",
            "person_id": "not this",
            "event_name": "an attribute",
            "event_id": "another",
            "timestamp": "another",
            "amount": 5,
        },
    }


def test_event_names_that_are_not_listed_stay(workshop):
    shop = workshop(**entry(event_names={"a": "b"}))
    assert shop.item("s", {"person_id": 1, "event_name": "c"})["name"] == "c"


def test_a_constant_name_leaves_the_columns_alone(workshop):
    item = workshop(**entry(event_name="Signed up")).item("s", {"person_id": 1, "event": "x"})
    assert (item["name"], item["attributes"]) == ("Signed up", {"event": "x"})


def test_only_included_columns_are_sent(workshop):
    shop = workshop(**entry(attributes={"include": ["a*"], "exclude": ["ab"]}))
    record = {"person_id": 1, "event_name": "e", "aa": 1, "ab": 2, "b": 3, "_sdc_a": 4}
    assert shop.item("s", record)["attributes"] == {"aa": 1}


def test_an_unused_identifier_obeys_the_choice_of_attributes(workshop):
    streams = [
        {
            "stream": "s",
            "operation": "person_identify",
            "attributes": {"exclude": ["phone"], "rename": {"person_email": "mail"}},
        }
    ]
    record = {"id": 1, "person_email": "a@b.c", "phone": "+1"}
    item = workshop(streams=streams).item("s", record | {"person_id": "p"})
    assert item["identifiers"] == {"id": "p"}
    assert item["attributes"] == {"mail": "a@b.c", "id": "1"}


def test_identifiers_of_an_entry_become_attributes_under_their_kind(workshop):
    streams = [
        {
            "stream": "s",
            "operation": "person_identify",
            "identifiers": {"id": "uid", "email": "mail"},
        }
    ]
    item = workshop(streams=streams).item("s", {"uid": 1, "mail": "a@b.c", "cio_id": "x"})
    assert (item["identifiers"], item["attributes"]) == ({"id": "1"}, {"email": "a@b.c"})


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"operation": "person_identfy"}, "did you mean person_identify?"),
        ({"event_name": "x"}, "mean nothing to person_identify: remove event_name"),
        (
            {"identifiers": {"id": "a", "anonymous_id": "b"}},
            "identifies by anonymous_id, by which person_identify knows nobody",
        ),
        (
            {"operation": "segment_mirror", "identifiers": {"phone": "p"}},
            "identifies by phone, by which segment_mirror knows nobody: name a column for id",
        ),
    ],
)
def test_an_entry_that_its_operation_cannot_follow_ends_the_run(workshop, keys, text):
    streams = [{"stream": "s", "operation": "person_identify"} | keys]
    with pytest.raises(RunEnded, match=text.replace("?", r"\?")):
        workshop(streams=streams).plan("s")


def test_an_entry_without_operation_follows_the_name_of_its_stream(workshop):
    streams = [{"stream": "person_*", "attributes": {"exclude": ["a"]}}]
    item = workshop(streams=streams).item("person_identify", {"id": 1, "a": 1, "b": 2})
    assert item["attributes"] == {"b": 2}


# What Customer.io documents itself


@pytest.mark.parametrize(
    ("stream", "record", "documented"),
    [
        (
            "person_identify",
            {"id": 42, "first_name": "Jane", "last_name": "Doe", "plan": "premium"},
            {
                "type": "person",
                "identifiers": {"id": "42"},
                "action": "identify",
                "attributes": {"first_name": "Jane", "last_name": "Doe", "plan": "premium"},
            },
        ),
        (
            "person_event",
            {"person_id": 42, "event_name": "purchase", "product": "Widget", "price": 29.99},
            {
                "type": "person",
                "identifiers": {"id": "42"},
                "action": "event",
                "name": "purchase",
                "attributes": {"product": "Widget", "price": 29.99},
            },
        ),
    ],
)
def test_items_are_those_of_the_documentation(workshop, stream, record, documented):
    item = workshop().item(stream, record)
    item.pop("id", None)
    assert item == documented
