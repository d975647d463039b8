"""Quirks 49 to 71: verdicts by item, limits in bytes, and what an accepted item does."""

from __future__ import annotations

import base64
import json

import pytest

ULID = "01HB4HBDKTFWYZCK01DMRSWRFD"


def person(client, kind, value):
    found = [
        each
        for each in client.simulator.people(written=True).values()
        if each["attributes"].get(kind) == value
    ]
    return found[0] if found else None


def activities(client, **parameters):
    return client.rows("/v1/activities", "activities", limit=100, **parameters)


# --- verdicts -----------------------------------------------------------------------------------


def test_an_accepted_batch_answers_an_empty_object(client, identify):
    answer = client.batch(identify("1", plan="basic"))
    assert (answer.status_code, answer.json()) == (200, {})


def test_quirk_53_a_mixed_batch_answers_207_and_applies_the_rest(client, identify):
    answer = client.batch(
        identify("1", plan="basic"),
        identify("2", plan="x" * 1001),
        identify("3"),
        {"type": "person", "action": "identify", "attributes": {}},
    )
    assert answer.status_code == 207
    assert answer.json() == {
        "errors": [
            {
                "batch_index": 1,
                "reason": "invalid",
                "field": "attributes.plan",
                "message": "property value cannot be longer than 1000 bytes",
            },
            {
                "batch_index": 3,
                "reason": "required",
                "field": "identifiers",
                "message": "identifiers are required",
            },
        ]
    }
    assert person(client, "id", "1")
    assert person(client, "id", "3")
    assert person(client, "id", "2") is None
    received = client.simulator.received()
    assert (received["items"], received["accepted"], received["rejected"]) == (4, 2, 2)


def test_an_item_can_have_several_problems(client, event):
    answer = client.batch(event("1", name="x" * 101, timestamp="yesterday"))
    errors = answer.json()["errors"]
    assert [(each["batch_index"], each["field"]) for each in errors] == [
        (0, "name"),
        (0, "timestamp"),
    ]


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (b"{", "parse_error", ""),
        (b'{"batch":[NaN]}', "parse_error", ""),
        (b'{"batch":["\xff"]}', "parse_error", ""),
        (b'{"batch":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}", "parse_error", ""),
        (b"[]", "required", "batch"),
        (b"{}", "required", "batch"),
        (b'{"batch":null}', "required", "batch"),
    ],
)
def test_a_malformed_batch_is_refused_whole(client, body, reason, field):
    answer = client.track("/api/v2/batch", body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["reason"], error["field"]) == (reason, field)
    assert "batch_index" not in error


@pytest.mark.parametrize("item", [1, "text", None, [], {}, {"type": "shoe", "action": "event"}])
def test_an_item_of_no_known_kind_is_refused_alone(client, identify, item):
    answer = client.batch(identify("1"), item)
    assert answer.status_code == 207
    assert {each["batch_index"] for each in answer.json()["errors"]} == {1}


def test_an_entity_is_refused_with_400(client, identify):
    assert client.track("/api/v2/entity", identify("1", plan="basic")).json() == {}
    answer = client.track("/api/v2/entity", {"action": "merge", "primary": {"id": True}})
    assert answer.status_code == 400
    first = answer.json()["errors"][0]
    assert first == {
        "reason": "invalid",
        "field": "primary.id",
        "message": "must be a string or a number",
    }
    assert client.track("/api/v2/entity", b"{").status_code == 400
    assert person(client, "id", "1")["attributes"]["plan"] == "basic"


# --- limits -------------------------------------------------------------------------------------


def filled(size):
    """Return a batch of a number of bytes, of events under their own limit."""
    head = (
        b'{"type":"person","action":"event","identifiers":{"id":"1"},"name":"n","attributes":{"a":"'
    )
    items, left = [], size - len(b'{"batch":[]}')
    while left > 31_000:
        items.append(head + b"x" * (20_000 - len(head) - 3) + b'"}}')
        left -= 20_001
    items.append(head + b"x" * (left - len(head) - 3) + b'"}}')
    body = b'{"batch":[' + b",".join(items) + b"]}"
    assert len(body) == size
    return body


def test_quirk_69_a_batch_must_stay_under_500_000_bytes(client):
    assert client.track("/api/v2/batch", filled(499_999)).status_code == 200
    assert client.track("/api/v2/batch", filled(500_000)).status_code == 413
    assert client.track("/api/v2/batch", b" " * 17_000_000).status_code == 413


def padded(event, size):
    item = event("1", attributes={"a": ""})
    missing = size - len(json.dumps(item, separators=(",", ":")))
    item["attributes"]["a"] = "x" * missing
    return json.dumps(item, separators=(",", ":")).encode()


def test_an_item_may_have_32_000_bytes(client, event):
    good, bad = padded(event, 32_000), padded(event, 32_001)
    answer = client.track("/api/v2/batch", b'{"batch":[' + good + b"," + bad + b"]}")
    assert [each["batch_index"] for each in answer.json()["errors"]] == [1]
    assert client.track("/api/v2/entity", good).status_code == 200
    assert client.track("/api/v2/entity", bad).status_code == 413


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"a": "x" * 1000}, None),
        ({"a": "x" * 1001}, "attributes.a"),
        ({"a": "é" * 500}, None),
        ({"a": "é" * 501}, "attributes.a"),
        ({"a": {"b": "x" * 992}}, None),
        ({"a": {"b": "x" * 993}}, "attributes.a"),
        ({"n" * 150: 1}, None),
        ({"n" * 151: 1}, "attributes." + "n" * 151),
        ({"é" * 76: 1}, "attributes." + "é" * 76),
        ({f"a{nth}": 1 for nth in range(300)}, None),
        ({f"a{nth}": 1 for nth in range(301)}, "attributes"),
        ([], None),
        ([1], "attributes"),
    ],
)
def test_quirk_63_limits_of_a_persons_attributes_are_bytes(client, attributes, field):
    item = {
        "type": "person",
        "action": "identify",
        "identifiers": {"id": "1"},
        "attributes": attributes,
    }
    errors = client.batch(item).json().get("errors", [])
    assert [each["field"] for each in errors] == ([field] if field else [])


def test_an_events_attributes_have_no_limits_of_their_own(client, event):
    attributes = {"n" * 200: "x" * 5000, **{f"a{nth}": 1 for nth in range(400)}}
    assert client.batch(event("1", attributes=attributes)).status_code == 200


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("n" * 100, None),
        (f"  {'n' * 100}  ", None),
        ("n" * 101, "invalid"),
        ("é" * 51, "invalid"),
        ("", "required"),
        ("  ", "required"),
        (None, "required"),
    ],
)
def test_quirk_63_event_names_have_100_bytes(client, event, name, reason):
    errors = client.batch(event("1", name=name)).json().get("errors", [])
    assert [(each["field"], each["reason"]) for each in errors] == (
        [("name", reason)] if reason else []
    )


@pytest.mark.parametrize(
    ("identifiers", "field"),
    [
        ({"id": "1"}, None),
        ({"id": 1}, None),
        ({"email": "a@example.com"}, None),
        ({"phone": "+14155552671"}, None),
        ({"cio_id": "a3000001"}, None),
        ({"id": "x" * 150}, None),
        ({"id": "x" * 151}, "identifiers.id"),
        ({"id": ""}, "identifiers.id"),
        ({"id": True}, "identifiers.id"),
        ({"id": None}, "identifiers.id"),
        ({"id": "1", "email": "a@example.com"}, "identifiers"),
        ({"anonymous_id": "a"}, "identifiers"),
        ({"shoe": "42"}, "identifiers"),
        ({}, "identifiers"),
        ("1", "identifiers"),
    ],
)
def test_exactly_one_identifier(client, identifiers, field):
    item = {"type": "person", "action": "identify", "identifiers": identifiers}
    errors = client.batch(item).json().get("errors", [])
    assert [each["field"] for each in errors] == ([field] if field else [])


@pytest.mark.parametrize(
    ("timestamp", "accepted"), [(1, True), (1.5, True), ("1", False), (True, False)]
)
def test_quirk_56_times_are_numbers(client, event, timestamp, accepted):
    assert (client.batch(event("1", timestamp=timestamp)).status_code == 200) is accepted


def test_quirk_56_milliseconds_are_misread(client, event, now):
    assert client.batch(event("1", timestamp=now * 1000)).status_code == 200
    assert activities(client, type="event", customer_id="1")[0]["timestamp"] == now * 1000


# --- events -------------------------------------------------------------------------------------


def test_events_become_activities_where_their_time_belongs(client, event, now):
    times = [now - 40 * 86_400, now - 5, now - 3 * 86_400]
    client.batch(*[event("77", timestamp=time, attributes={"n": time}) for time in times])
    rows = activities(client)
    mine = [row for row in rows if row["customer_id"] == "77" and row["type"] == "event"]
    assert [row["timestamp"] for row in mine] == sorted(times, reverse=True)
    assert mine[0]["data"] == {"n": now - 5}
    assert mine[0]["name"] == "purchase"
    position = rows.index(mine[1])
    assert rows[position - 1]["timestamp"] >= times[2] >= rows[position + 1]["timestamp"] - 60
    assert [each["timestamp"] for each in client.simulator.events()] == times


def test_an_event_without_time_happens_now(client, event, now):
    client.batch(event("77"))
    assert activities(client, customer_id="77", type="event")[0]["timestamp"] == now


def test_pages_and_screens(client, event):
    client.batch(event("77", "/pricing") | {"action": "page"}, event("77") | {"action": "screen"})
    assert activities(client, customer_id="77", type="page")[0]["url"] == "/pricing"
    assert activities(client, customer_id="77", type="screen")[0]["name"] == "purchase"


def test_quirk_49_an_event_id_is_believed_once(client, event):
    client.batch(event("1", event_id=ULID, attributes={"n": 1}))
    client.batch(event("1", event_id=ULID.lower(), attributes={"n": 2}), event("2", event_id=ULID))
    (stored,) = client.simulator.events()
    assert stored["attributes"] == {"n": 1}
    received = client.simulator.received()
    assert (received["accepted"], received["deduplicated"]) == (3, 2)
    assert received["event_ids_that_are_no_ulid"] == 0


def test_quirk_49_an_id_that_is_no_ulid_is_reported_and_still_drops_repetitions(client, event):
    client.batch(event("1", event_id="customer-1"), event("1", event_id="customer-1"))
    assert len(client.simulator.events()) == 1
    assert client.simulator.received()["event_ids_that_are_no_ulid"] == 2


def test_quirk_50_events_without_id_are_never_the_same(client, event):
    client.batch(event("1"), event("1"))
    assert len(client.simulator.events()) == 2


def test_event_ids_outlive_a_reset(client, event):
    client.batch(event("1", event_id=ULID))
    client.simulator.reset()
    client.batch(event("1", event_id=ULID))
    assert client.simulator.events() == []
    assert client.simulator.received()["deduplicated"] == 1


def test_anonymous_events_join_the_person_who_turns_out_to_be_theirs(client, event, identify):
    client.batch(event("visitor", kind="anonymous_id", name="visit"))
    (stored,) = client.simulator.events()
    assert stored["cio_id"] is None
    assert activities(client, name="visit") == []
    client.batch(identify("9", anonymous_id="visitor"))
    (activity,) = activities(client, name="visit")
    assert activity["customer_id"] == "9"
    assert client.simulator.events()[0]["cio_id"] == person(client, "id", "9")["cio_id"]


# --- people -------------------------------------------------------------------------------------


def test_people_who_are_identified_are_read_back(client, identify):
    client.batch(identify("42", email="Jane@example.com", plan="premium", n=7, tags=["a"]))
    profile = client.profile("42")
    assert profile["identifiers"]["email"] == "Jane@example.com"
    assert profile["attributes"]["n"] == "7"
    assert profile["attributes"]["tags"] == '["a"]'
    members = client.rows("/v1/segments/1/membership", "identifiers")
    assert members[-1]["id"] == "42"
    assert len(members) == 41
    assert client.get("/v1/segments/1/customer_count")["count"] == 41
    stored = person(client, "id", "42")
    assert (stored["attributes"]["n"], stored["attributes"]["tags"]) == (7, ["a"])
    kinds = {row["type"] for row in activities(client, customer_id="42")}
    assert {"profile_create", "attribute_change"} <= kinds


def test_generated_people_can_be_changed(client, identify):
    client.batch(identify("100001", plan="gold"), identify("PERSON2@EXAMPLE.COM", "email", a=1))
    assert client.profile("100001")["attributes"]["plan"] == "gold"
    assert client.profile("100002")["attributes"]["a"] == "1"
    assert len(client.simulator.people()) == 40
    assert len(client.simulator.people(written=True)) == 2


def test_quirk_64_email_is_case_insensitive_and_names_are_not(client, identify):
    client.batch(identify("Jane@Example.com", "email", Plan="a"))
    client.batch(identify("jane@example.COM", "email", plan="b"))
    (stored,) = client.simulator.people(written=True).values()
    assert (stored["attributes"]["Plan"], stored["attributes"]["plan"]) == ("a", "b")


def test_quirk_54_an_email_of_someone_else_fails_later(client, identify):
    client.batch(identify("1", email="one@example.com"), identify("2", plan="basic"))
    answer = client.batch(identify("2", email="ONE@example.com", plan="gold"))
    assert answer.status_code == 200
    stored = person(client, "id", "2")
    assert (stored["email"], stored["attributes"]["plan"]) == (None, "gold")
    (failure,) = activities(client, type="failed_attribute_change")
    assert set(failure["data"]) == {"email"}


def test_quirk_54_an_unknown_internal_id_is_dropped(client, identify, event):
    answer = client.batch(identify("a3000001", "cio_id", a=1), event("a3000001", kind="cio_id"))
    assert (answer.status_code, answer.json()) == (200, {})
    assert client.simulator.people(written=True) == {}


def test_an_internal_id_finds_its_person(client, identify):
    client.batch(identify("30000000", "cio_id", plan="gold", cio_id="ignored"))
    assert client.profile("100001")["attributes"]["plan"] == "gold"


def test_quirk_55_a_new_id_with_a_known_email_renames(client, identify):
    client.batch(identify("1", email="one@example.com"))
    client.batch(identify("2", email="one@example.com"))
    (stored,) = client.simulator.people(written=True).values()
    assert (stored["id"], stored["email"]) == ("2", "one@example.com")
    assert client.profile("1") == {}
    assert client.profile("2")


def test_quirk_65_update_only_makes_nobody(client, identify):
    assert client.batch(identify("1", _update=True, plan="a")).json() == {}
    assert client.simulator.people(written=True) == {}
    client.batch(identify("1"))
    client.batch(identify("1", _update=True, plan="a"))
    attributes = person(client, "id", "1")["attributes"]
    assert attributes["plan"] == "a"
    assert "_update" not in attributes


def test_null_and_empty_text_remove_an_attribute(client, identify):
    client.batch(identify("1", a=1, b=2, c=3))
    client.batch(identify("1", a=None, b=""))
    assert set(person(client, "id", "1")["attributes"]) == {"cio_id", "id", "c"}


def test_timestamps_order_attributes(client, identify, now):
    client.batch({**identify("1", plan="new"), "timestamp": now - 10})
    client.batch({**identify("1", plan="old", city="Rome"), "timestamp": now - 20})
    attributes = person(client, "id", "1")["attributes"]
    assert (attributes["plan"], attributes["city"]) == ("new", "Rome")


def test_preferences_change_topic_by_topic(client, identify):
    root = "cio_subscription_preferences"
    client.batch(identify("1", **{root: {"topics": {"topic_1": True}}}))
    client.batch(identify("1", **{f"{root}.topics.topic_2": False}))
    stored = person(client, "id", "1")["attributes"]
    assert stored[root] == {"topics": {"topic_1": True, "topic_2": False}}


def test_unsubscribed_is_more_than_an_attribute(client, identify):
    client.batch(identify("1", unsubscribed=True))
    assert client.profile("1")["unsubscribed"] is True


def action(name, identifier="1", **more):
    return {"type": "person", "action": name, "identifiers": {"id": identifier}, **more}


def test_quirk_71_suppressing_deletes_and_blocks(client, identify):
    client.batch(identify("1", a=1))
    client.batch(action("suppress"))
    client.batch(identify("1", a=2))
    assert person(client, "id", "1") is None
    client.batch(action("unsuppress"))
    assert person(client, "id", "1") is None
    client.batch(identify("1", b=3))
    assert set(person(client, "id", "1")["attributes"]) == {"cio_id", "id", "b"}


def test_a_deleted_person_leaves_the_activities_with_an_internal_id(client, event):
    before = activities(client)
    client.batch(action("delete", "100001"))
    assert client.profile("100001") == {}
    assert len(client.simulator.people()) == 39
    assert len(client.rows("/v1/segments/1/membership", "identifiers")) == 39
    gone = [row for row in before if row["customer_id"] == "100001"]
    assert gone
    assert activities(client) == [row for row in before if row not in gone]
    after = {row["id"]: row for row in activities(client, deleted="true")}
    for row in gone:
        assert after[row["id"]]["customer_id"] is None
        assert after[row["id"]]["customer_identifiers"] == {"cio_id": "30000000"}


def test_quirk_66_devices(client):
    device = {"token": "t", "platform": "ios", "attributes": {"push_enabled": "true"}}
    client.batch(action("add_device", device=device))
    (stored,) = person(client, "id", "1")["devices"]
    assert (stored["id"], stored["attributes"]) == ("t", {"push_enabled": "true"})
    answer = client.batch(
        action("add_device", device={"id": "t", "platform": "ios"}),
        action("add_device", device={"token": "t", "platform": "windows"}),
    )
    fields = [each["field"] for each in answer.json()["errors"]]
    assert fields == ["device.token", "device.platform"]
    client.batch(action("delete_device", device={"token": "t"}))
    assert person(client, "id", "1")["devices"] == []


def merge(first, second):
    return {"action": "merge", "primary": {"id": first}, "secondary": {"id": second}}


def test_merging(client, identify):
    client.batch(identify("1", a=1), identify("2", a=2, b=2, email="two@example.com"))
    assert client.batch(merge("1", "2")).status_code == 200
    stored = person(client, "id", "1")
    assert (stored["attributes"]["a"], stored["attributes"]["b"]) == (1, 2)
    assert stored["email"] == "two@example.com"
    assert person(client, "id", "2") is None
    assert client.profile("two@example.com", "email")["id"] == "1"


def test_quirk_57_a_merge_into_nobody_does_nothing(client, identify):
    client.batch(identify("2", a=2))
    assert client.batch(merge("1", "2")).json() == {}
    assert person(client, "id", "2")


def test_quirk_62_items_may_be_applied_in_any_order(serve, identify):
    items = [identify("1", n=nth) for nth in range(30)]
    plain, shuffled, again = serve(), serve(unordered=True), serve(unordered=True)
    for client in (plain, shuffled, again):
        client.batch(*items)
    last = [person(client, "id", "1")["attributes"]["n"] for client in (plain, shuffled, again)]
    assert last[0] == 29
    assert last[1] == last[2] != 29


# --- objects and deliveries ---------------------------------------------------------------------


def test_objects_and_relationships(client):
    identifiers = {"object_type_id": "1", "object_id": "acme"}
    thing = {"type": "object", "identifiers": identifiers}
    one = {"identifiers": {"id": "1"}, "relationship_attributes": {"role": "admin"}}
    client.batch(
        thing | {"action": "identify", "attributes": {"seats": 5, "plan": "a"}},
        thing | {"action": "add_relationships", "cio_relationships": [one]},
        thing | {"action": "identify", "attributes": {"plan": None}},
    )
    (stored,) = client.simulator.objects()
    assert stored["attributes"] == {"seats": 5}
    assert list(stored["relationships"].values()) == [{"role": "admin"}]
    internal = {"type": "object", "identifiers": {"cio_object_id": stored["cio_object_id"]}}
    client.batch(internal | {"action": "delete_relationships", "cio_relationships": [one]})
    assert client.simulator.objects()[0]["relationships"] == {}
    client.batch(thing | {"action": "add_relationships", "cio_relationships": [one]})
    client.batch(internal | {"action": "delete"})
    assert client.simulator.objects() == []
    client.batch(thing | {"action": "identify"})
    assert client.simulator.objects()[0]["relationships"] == {}


def test_relationships_from_the_side_of_a_person(client):
    one = {"identifiers": {"object_type_id": "1", "object_id": "acme"}}
    client.batch(action("add_relationships", cio_relationships=[one]))
    assert len(client.simulator.objects()[0]["relationships"]) == 1
    client.batch(action("delete_relationships", cio_relationships=[one]))
    assert client.simulator.objects()[0]["relationships"] == {}
    fields = [
        each["field"]
        for each in client.batch(
            action("add_relationships"),
            {"type": "object", "action": "delete", "identifiers": {"object_type_id": 1}},
        ).json()["errors"]
    ]
    assert fields == ["cio_relationships", "identifiers.object_type_id", "identifiers.object_id"]


def test_a_deliverys_event_is_a_metric(client, now):
    row = next(
        row
        for row in client.get("/v1/messages", limit=50)["messages"]
        if "opened" not in row["metrics"]
    )
    item = {
        "type": "delivery",
        "action": "event",
        "name": "opened",
        "identifiers": {"id": row["id"]},
        "attributes": {"device_token": "t"},
    }
    assert client.batch(item).status_code == 200
    assert client.get(f"/v1/messages/{row['id']}")["message"]["metrics"]["opened"] == now
    wrong = client.batch(item | {"name": "clicked"}, item | {"attributes": {}}).json()["errors"]
    assert [each["field"] for each in wrong] == ["name", "attributes.device_token"]


# --- counting -----------------------------------------------------------------------------------


def test_counting_checks_sizes_and_credentials_and_keeps_nothing(serve, identify, event):
    client = serve(counting=True)
    assert client.batch(identify("1"), event("1"), {"no": "item"}).json() == {}
    assert client.track("/api/v2/batch", filled(500_000)).status_code == 413
    assert client.track("/api/v2/batch", {"batch": []}, auth=("a", "b")).status_code == 401
    assert client.track("/api/v2/batch", b"{").status_code == 400
    received = client.simulator.received()
    assert (received["bodies"], received["items"], received["accepted"]) == (1, 3, 3)
    assert client.simulator.people(written=True) == {}
    assert client.simulator.events() == []


def test_bodies_are_kept_on_request(serve, identify):
    client = serve(record_bodies=True)
    body = json.dumps({"batch": [identify("é", n=1.10)]}, ensure_ascii=False).encode()
    client.track("/api/v2/batch", body)
    assert client.simulator.bodies() == [body.decode()]


def test_the_password_must_be_there(client):
    header = {"Authorization": "Basic " + base64.b64encode(b"site-of-the-simulator:").decode()}
    answer = client.session.post(f"{client.url}/api/v2/batch", headers=header, timeout=30)
    assert answer.status_code == 401
