"""The operations beside identify and event, and the guards of what a record means."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from target_customerio import api, app_api, limits
from target_customerio.batching import BODY_BYTES
from target_customerio.errors import RunEnded
from target_customerio.event_id import BroughtIds
from target_customerio.settings import SETTINGS
from target_customerio.times import in_milliseconds, iso8601

TIME = {"type": ["string", "null"], "format": "date-time"}
NOW = 1_713_484_800
ULID = "01HB4HBDKTFWYZCK01DMRSWRFD"


@pytest.mark.parametrize(
    ("stream", "record", "reason", "field"),
    [
        ("person_delete", {}, "required", "identifiers"),
        ("person_delete", {"id": 1, "email": "a@b.c"}, "ambiguous", "identifiers"),
        ("person_suppress", {"person_id": 1, "id": 2}, "ambiguous", "identifiers"),
        ("person_unsuppress", {"id": 1, "cio_id": "x"}, "ambiguous", "identifiers"),
        ("person_merge", {"primary_id": 1}, "required", "secondary"),
        ("person_merge", {"secondary_id": 1}, "required", "primary"),
        (
            "person_merge",
            {"primary_id": 1, "primary_email": "a@b.c", "secondary_id": 2},
            "ambiguous",
            "primary",
        ),
        ("person_merge", {"primary_id": 1, "secondary_id": "1"}, "invalid", "secondary"),
        ("person_merge", {"primary_id": True, "secondary_id": 1}, "invalid", "primary.id"),
        ("person_page", {"person_id": 1}, "required", "name"),
        ("person_screen", {"screen_name": "x"}, "required", "identifiers"),
        ("person_page", {"person_id": 1, "page_name": "é" * 51}, "invalid", "name"),
        ("person_add_device", {"id": 1, "platform": "ios"}, "required", "device.token"),
        ("person_add_device", {"id": 1, "token": "a"}, "invalid", "device.platform"),
        (
            "person_add_device",
            {"id": 1, "token": "a", "platform": "ios", "last_used": "soon"},
            "parse_error",
            "device.last_used",
        ),
        ("person_delete_device", {"id": 1, "device_token": 5}, "invalid", "device.token"),
        ("person_add_relationships", {"id": 1}, "required", "identifiers"),
        ("object_identify", {"name": "x"}, "required", "identifiers"),
        ("object_identify", {"object_id": "é" * 76}, "invalid", "identifiers.object_id"),
        ("object_identify", {"object_id": True}, "invalid", "identifiers.object_id"),
        (
            "object_identify",
            {"object_id": 1, "object_type_id": "company"},
            "invalid",
            "identifiers.object_type_id",
        ),
        (
            "object_identify",
            {"object_id": 1, "cio_relationships": [{"identifiers": {"id": 1, "email": "a@b.c"}}]},
            "ambiguous",
            "cio_relationships",
        ),
        (
            "person_identify",
            {"id": 1, "cio_relationships": [{"identifiers": {"object_type_id": "1"}}]},
            "ambiguous",
            "cio_relationships",
        ),
        ("object_identify", {"object_id": 1, "a": "x" * 1001}, "invalid", "attributes.a"),
        ("object_identify", {"object_id": 1, "n" * 151: 1}, "invalid", "attributes"),
        (
            "object_identify",
            {"object_id": 1, "cio_relationships": "x"},
            "invalid",
            "cio_relationships",
        ),
        (
            "object_identify",
            {"object_id": 1, "cio_relationships": [{}]},
            "invalid",
            "cio_relationships",
        ),
        ("object_delete", {"object_id": 1, "cio_object_id": "x"}, "ambiguous", "identifiers"),
        ("object_identify_anonymous", {"object_id": 1}, "required", "anonymous_id"),
        ("object_add_relationships", {"object_id": 1}, "required", "identifiers"),
        (
            "delivery_event",
            {"event_name": "opened", "device_token": "a"},
            "required",
            "identifiers.id",
        ),
        (
            "delivery_event",
            {"delivery_id": "d", "event_name": "opened"},
            "required",
            "attributes.device_token",
        ),
        (
            "delivery_event",
            {"delivery_id": "d", "metric": "x", "device_token": "a"},
            "invalid",
            "name",
        ),
        ("segment_add", {"id": 1}, "required", "segment_id"),
        ("segment_add", {"phone": "+1", "segment_id": 1}, "required", "identifiers"),
        ("collection_replace", {"a": "x" * 10_000}, "invalid", "row"),
    ],
)
def test_what_cannot_be_meant_is_refused(workshop, stream, record, reason, field):
    rejection = workshop().rejection(stream, record)
    assert (rejection.reason, rejection.field) == (reason, field)


def test_a_segment_has_one_name(workshop):
    """Or it would be mirrored twice, each time by half of its members."""
    shop = workshop()
    for segment in (7, "7", Decimal("7.0"), "007"):
        item = shop.item("segment_mirror", {"id": 1, "segment_id": segment})
        assert item["segment_id"] == "7"


def test_the_same_identifier_twice_is_no_contradiction(workshop):
    item = workshop().item("person_delete", {"person_id": 1, "id": "1", "name": "never sent"})
    assert item == {"type": "person", "action": "delete", "identifiers": {"id": "1"}}


def test_quirk_57_a_merge_is_about_two_people(workshop):
    (route,) = workshop().plan("person_merge")
    record = {"primary_id": 1, "secondary_email": " A@b.c"}
    item = route.plan.item(record, record, b"", None)
    assert (item.identifier, item.also) == ("id:1", "email:a@b.c")


def test_quirk_55_an_unused_identifier_stays_an_attribute(workshop):
    item = workshop().item("person_identify", {"id": "new", "email": "known@example.com"})
    assert item["identifiers"] == {"id": "new"}
    assert item["attributes"] == {"email": "known@example.com"}


def test_quirk_59_the_prefix_goes_from_every_side(workshop):
    item = workshop().item("person_merge", {"primary_cio_id": "cio_1", "secondary_cio_id": "2"})
    assert (item["primary"], item["secondary"]) == ({"cio_id": "1"}, {"cio_id": "2"})


def test_quirk_62_no_timestamp_on_identify_unless_asked(workshop):
    record = {"id": 1, "timestamp": NOW, "changed": NOW}
    assert workshop().item("person_identify", record)["attributes"]["timestamp"] == NOW
    streams = [{"stream": "person_identify", "timestamp": "changed"}]
    item = workshop(streams=streams).item("person_identify", record)
    assert item["timestamp"] == NOW
    assert item["attributes"] == {"timestamp": NOW}


def test_quirk_65_update_only_creates_nobody(workshop):
    streams = [{"stream": "person_identify", "write_mode": "update_only"}]
    item = workshop(streams=streams).item("person_identify", {"id": 1, "plan": "x"})
    assert item["attributes"] == {"_update": True, "plan": "x"}


def test_quirk_66_a_device_has_a_token_and_text(workshop):
    record = {"id": 1, "token": "t", "platform": "IOS", "on": True, "n": Decimal("1.0"), "x": None}
    device = workshop().item("person_add_device", record)["device"]
    expected = {"token": "t", "platform": "ios", "attributes": {"on": "true", "n": "1.0"}}
    assert device == expected


def test_quirk_67_an_anonymous_person_stands_in_the_relationships(workshop):
    item = workshop().item("object_identify_anonymous", {"object_id": 1, "anonymous_id": "a"})
    assert item["cio_relationships"] == [{"identifiers": {"anonymous_id": "a"}}]
    assert "anonymous_id" not in item


@pytest.mark.parametrize(
    ("column", "entry", "expected"),
    [(None, None, "1"), (None, "3", "3"), (2, "3", "2"), ("", None, "1")],
)
def test_the_type_of_an_object_is_text(workshop, column, entry, expected):
    streams = [{"stream": "object_identify", "object_type_id": entry}] if entry else []
    record = {"object_id": "a", "object_type_id": column}
    item = workshop(streams=streams).item("object_identify", record)
    assert item["identifiers"]["object_type_id"] == expected


@pytest.mark.parametrize("as_text", [False, True])
def test_preferences_go_topic_by_topic(workshop, as_text):
    preferences = '{"topics":{"topic_1":true,"topic_2":false,"topic_3":null}}'
    value = preferences if as_text else {"topics": {"topic_1": True, "topic_2": False, "t": None}}
    item = workshop().item("person_identify", {"id": 1, "cio_subscription_preferences": value})
    assert item["attributes"] == {
        "cio_subscription_preferences.topics.topic_1": True,
        "cio_subscription_preferences.topics.topic_2": False,
    }


@pytest.mark.parametrize("value", [None, "", {}, "{}", {"topics": {}}, {"topics": None}])
@pytest.mark.parametrize("send_nulls", [False, True])
def test_preferences_that_name_no_topic_take_none_away(workshop, value, send_nulls):
    record = {"id": 1, "cio_subscription_preferences": value}
    item = workshop(send_nulls=send_nulls).item("person_identify", record)
    assert "cio_subscription_preferences" not in item.get("attributes", {})


@pytest.mark.parametrize("topics", [[1], "topic_1", {"topic_1": "yes"}, {"topic_1": 1}, False])
def test_topics_that_are_no_choice_are_refused_or_they_would_replace_all(workshop, topics):
    record = {"id": 1, "cio_subscription_preferences": {"topics": topics}}
    refusal = workshop().rejection("person_identify", record)
    assert refusal.field == "attributes.cio_subscription_preferences.topics"


@pytest.mark.parametrize("exclude", [[], ["x"]])
def test_an_identifier_by_setting_keeps_its_name_from_a_column(workshop, exclude):
    identifiers = {"id": "account", "email": "mail"}
    entry = {"stream": "s", "operation": "person_identify", "identifiers": identifiers}
    streams = [entry | {"attributes": {"exclude": exclude}}]
    record = {"account": 1, "mail": "named@b.c", "email": "other@b.c", "plan": "p"}
    item = workshop(streams=streams).item("s", record, {name: {} for name in record})
    assert item["identifiers"] == {"id": "1"}
    assert item["attributes"] == {"email": "named@b.c", "plan": "p"}


def spreading(operation, **keys):
    attributes = {"spread": ["data"], **keys}
    return [{"stream": "s", "operation": operation, "attributes": attributes}]


@pytest.mark.parametrize("as_text", [False, True])
def test_the_members_of_an_object_may_count_as_columns(workshop, as_text):
    data = {"id": "inside", "plan": "x", "price": 1.10, "created_at": "1713484800", "no": 1}
    data |= {"cio_subscription_preferences": '{"topics":{"topic_1":true}}', "cio_id": "c1"}
    record = {"id": 1, "plan": "outside", "data": json.dumps(data) if as_text else data}
    shop = workshop(streams=spreading("person_identify", exclude=["no"], rename={"price": "cost"}))
    item = shop.item("s", record, {"id": {}, "plan": {}, "data": {}})
    assert item["identifiers"] == {"id": "1"}
    assert item["attributes"] == {
        "plan": "outside",
        "cost": 1.1,
        "created_at": NOW,
        "cio_subscription_preferences.topics.topic_1": True,
    }


def test_what_is_spread_may_say_who_what_and_when(workshop):
    data = {"customer_id": 7, "event": "paid", "occurred_at": NOW, "amount": 1}
    properties = {"data": {"type": "object"}}
    item = workshop(streams=spreading("person_event")).item("s", {"data": data}, properties)
    assert (item["identifiers"], item["name"], item["timestamp"]) == ({"id": "7"}, "paid", NOW)
    assert item["attributes"] == {"amount": 1}


@pytest.mark.parametrize("value", [7, "text", [1], True])
def test_only_an_object_can_be_spread(workshop, value):
    shop = workshop(streams=spreading("person_identify"))
    assert shop.rejection("s", {"id": 1, "data": value}).field == "data"
    for nothing in (None, "", {}):
        assert "attributes" not in shop.item("s", {"id": 1, "data": nothing})


def test_relationships_of_a_person_have_text_for_ids(workshop):
    given = [{"identifiers": {"object_id": 7}}, {"identifiers": {"cio_object_id": "x"}}]
    item = workshop().item("person_identify", {"id": 1, "cio_relationships": given})
    assert [each["identifiers"] for each in item["cio_relationships"]] == [
        {"object_id": "7", "object_type_id": "1"},
        {"cio_object_id": "x"},
    ]


@pytest.mark.parametrize("value", [NOW * 1000 + 5, NOW, str(NOW), "2024-04-19T00:00:00Z"])
def test_quirk_56_created_at_is_in_seconds(workshop, value):
    item = workshop(times_as_text=True).item("person_identify", {"id": 1, "created_at": value})
    assert item["attributes"] == {"created_at": NOW}


def test_attributes_may_hold_times_as_text(workshop):
    record = {"id": 1, "born": "2024-04-19 01:00:00.250+01:00"}
    item = workshop(times_as_text=True).item("person_identify", record, {"born": TIME})
    assert item["attributes"] == {"born": "2024-04-19T00:00:00.25Z"}


def test_a_time_as_text_has_no_more_digits_than_it_needs():
    assert iso8601(NOW) == "2024-04-19T00:00:00Z"
    assert in_milliseconds(f" {NOW}000 ")
    assert not in_milliseconds(str(NOW))


@pytest.mark.parametrize("name", ["form_submit", "forms"])
def test_quirk_61_a_form_is_never_submitted(workshop, name):
    with pytest.raises(RunEnded, match="does not exist"):
        workshop(streams=[{"stream": "s", "operation": name}]).plan("s")


def test_quirk_68_the_rate_is_far_below_what_is_documented():
    assert SETTINGS.to_dict()["properties"]["requests_per_second"]["default"] <= 150


def test_quirk_69_a_kb_is_the_smaller_of_both():
    found = (BODY_BYTES, limits.ITEM_BYTES, limits.ROW_BYTES, limits.COLLECTION_BYTES)
    assert found == (500_000, 32_000, 10_000, 10_000_000)


def test_quirk_70_nothing_goes_to_the_api_that_drops_in_silence():
    hosts = {*api.HOSTS.values(), *app_api.HOSTS.values()}
    assert hosts == {
        f"https://{name}{region}.customer.io" for name in ("track", "api") for region in ("", "-eu")
    }


# Guards


@pytest.mark.parametrize(
    ("age", "fits"), [(71 * 3600, False), (72 * 3600, True), (-60, False), (None, False)]
)
@pytest.mark.parametrize("stream", ["person_event", "person_page", "person_screen"])
def test_quirk_73_a_backfill_starts_no_campaign(workshop, stream, age, fits):
    shop = workshop(backfill=True, now=lambda: float(NOW))
    record = {"person_id": 1, "event_name": "e", "occurred_at": age and NOW - age}
    if fits:
        assert shop.item(stream, record)["timestamp"] == NOW - age
    else:
        assert shop.rejection(stream, record).reason == "too_recent"


@pytest.mark.parametrize("event_id", [ULID, "customer-1", 7])
def test_quirk_49_one_id_for_two_events_is_refused(workshop, event_id):
    shop = workshop()
    (route,) = shop.plan("person_event")
    event = {"person_id": 1, "event_name": "e", "event_id": event_id, "amount": 1}
    first = shop.item_of(route, event)
    again = dict(reversed(event.items())) | {"amount": Decimal("1.0"), "_sdc_x": 1}
    assert shop.item_of(route, again) == first | {"attributes": {"amount": 1.0}}
    with pytest.raises(Exception, match="another event of this run has the same id"):
        shop.item_of(route, event | {"amount": 2})


def test_quirk_49_a_ulid_is_the_same_in_either_case(workshop):
    shop = workshop()
    (route,) = shop.plan("person_event")
    event = {"person_id": 1, "event_name": "e", "event_id": ULID}
    shop.item_of(route, event)
    with pytest.raises(Exception, match="another event of this run has the same id"):
        shop.item_of(route, event | {"event_id": ULID.lower(), "amount": 2})


def test_ids_are_remembered_as_long_as_is_said():
    ids = BroughtIds(remembered=2)
    assert all(ids.note(event_id, 1) for event_id in "abc")
    assert not ids.note("b", 2)
    assert ids.note("a", 2)


def test_quirk_50_every_event_has_an_id(workshop):
    for stream in ("person_event", "person_page", "person_screen"):
        assert len(workshop().item(stream, {"person_id": 1, "event_name": "e"})["id"]) == 26


def test_an_id_is_remembered_for_a_hundred_thousand_others():
    ids = BroughtIds()
    assert all(ids.note(str(number), 1) for number in range(100_000))
    assert not ids.note("0", 2)
    assert ids.note("100000", 1)
    assert ids.note("0", 2)


MARK = {"_sdc_deleted_at": "2024-04-19T00:00:00Z"}


@pytest.mark.parametrize(
    ("stream", "record", "action"),
    [
        ("person_identify", {"id": 1, "email": "a@b.c"}, "delete"),
        ("object_identify", {"object_id": 1, "name": "x"}, "delete"),
        ("person_add_device", {"id": 1, "token": "t"}, "delete_device"),
        ("person_add_relationships", {"id": 1, "object_id": 1, "r": 1}, "delete_relationships"),
        ("object_add_relationships", {"id": 1, "object_id": 1, "r": 1}, "delete_relationships"),
        ("person_delete", {"id": 1}, "delete"),
    ],
)
def test_a_marked_record_is_the_delete_of_its_kind(workshop, stream, record, action):
    item = workshop(delete_marked=True).item(stream, record | MARK)
    assert item["action"] == action
    assert "attributes" not in item
    assert workshop(delete_marked=True).item("person_identify", {"id": 1})["action"] == "identify"
    assert workshop().item("person_identify", {"id": 1} | MARK)["action"] == "identify"


def test_the_mark_is_read_before_a_stream_map_takes_it_away(workshop):
    maps = {"stream_maps": {"person_identify": {"id": "id", "__else__": None}}}
    shop = workshop(delete_marked=True, config=maps)
    properties = {"id": {"type": "integer"}, "_sdc_deleted_at": TIME}
    assert shop.item("person_identify", {"id": 1} | MARK, properties)["action"] == "delete"


def test_an_event_cannot_be_deleted(workshop):
    rejection = workshop(delete_marked=True).rejection(
        "person_event", {"person_id": 1, "event_name": "e"} | MARK
    )
    assert rejection.field == "_sdc_deleted_at"


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        ("person_delete", {"id": 1}),
        ("person_suppress", {"id": 1}),
        ("person_merge", {"primary_id": 1, "secondary_id": 2}),
        ("object_delete", {"object_id": 1}),
        ("person_identify", {"id": 1} | MARK),
    ],
)
def test_what_takes_somebody_away_is_bounded(workshop, stream, record):
    shop = workshop(max_deletes=1, delete_marked=True)
    shop.item(stream, record)
    with pytest.raises(RunEnded, match="max_deletes"):
        shop.item(stream, record)


@pytest.mark.parametrize(
    "keys",
    [
        {"identifiers": {"id": "uid"}},
        {"event_name_column": "kind"},
        {"event_id": "key"},
        {"timestamp": "at"},
        {"attributes": {"rename": {"a": "b"}}},
        {"attributes": {"include": ["plan", "x*"]}},
        {"attributes": {"spread": ["data"]}},
    ],
)
def test_an_entry_names_no_column_that_the_schema_lacks(workshop, keys):
    shop = workshop(streams=[{"stream": "person_event", **keys}])
    with pytest.raises(RunEnded, match="lacks"):
        shop.plan("person_event", {"person_id": {"type": "string"}})
