"""Manual segments, collections, and what items of the Track API do beyond a person's attributes."""

from __future__ import annotations

import json

import pytest

ACME = {"object_type_id": "1", "object_id": "acme"}


def members(client, segment):
    found = client.rows(f"/v1/segments/{segment}/membership", "identifiers")
    assert client.get(f"/v1/segments/{segment}/customer_count")["count"] == len(found)
    assert client.simulator.members(segment) == [each["cio_id"] for each in found]
    return [each["cio_id"] for each in found]


def send(client, method, path, body):
    content = {"data": body} if isinstance(body, bytes) else {"json": body}
    return client.session.request(
        method, f"{client.url}{path}", headers=client.bearer, timeout=30, **content
    )


def change(client, segment, what, ids, **parameters):
    path = f"/api/v1/segments/{segment}/{what}_customers"
    return client.track(path, {"ids": ids}, params=parameters)


@pytest.fixture
def segment(client):
    answer = client.post("/v1/segments", {"segment": {"name": "VIP", "description": "Best"}})
    assert answer.status_code == 200
    return answer.json()["segment"]["id"]


def activities(client, kind):
    return client.rows("/v1/activities", "activities", limit=100, type=kind)


# --- segments -----------------------------------------------------------------------------------


def test_a_manual_segment_comes_and_goes(client, now):
    body = client.post("/v1/segments", {"segment": {"name": "VIP", "description": "Best"}}).json()
    made = body["segment"]
    assert (made["type"], made["state"], made["created_at"]) == ("manual", "events", now)
    stored = client.get(f"/v1/segments/{made['id']}")["segment"]
    assert (stored["name"], stored["state"]) == ("VIP", "finished")
    assert members(client, made["id"]) == []
    assert send(client, "DELETE", f"/v1/segments/{made['id']}", {}).status_code == 204
    assert client.ask(f"/v1/segments/{made['id']}/membership").status_code == 404
    ids = [each["id"] for each in client.get("/v1/segments")["segments"]]
    assert ids == list(range(1, 11))
    assert send(client, "DELETE", "/v1/segments/1", {}).status_code == 400
    assert send(client, "DELETE", "/v1/segments/99", {}).status_code == 404


@pytest.mark.parametrize("body", [{}, {"segment": "x"}, {"segment": {"name": " "}}, b"{"])
def test_a_segment_needs_a_name(client, body):
    assert send(client, "POST", "/v1/segments", body).status_code == 400


@pytest.mark.parametrize(
    ("kind", "value"),
    [("id", "100002"), ("email", "Person2@Example.com"), ("cio_id", "30e00001")],
)
def test_quirk_60_ids_of_another_kind_are_ignored(client, segment, kind, value):
    everything = ["100002", "Person2@Example.com", "30e00001", "nobody"]
    answer = change(client, segment, "add", everything, id_type=kind)
    assert (answer.status_code, answer.json()) == (200, {})
    assert members(client, segment) == ["30e00001"]
    change(client, segment, "remove", [each for each in everything if each != value], id_type=kind)
    assert members(client, segment) == ["30e00001"]
    change(client, segment, "remove", [value], id_type=kind)
    assert members(client, segment) == []


def test_quirk_60_people_without_id_cannot_be_removed(client, segment):
    change(client, segment, "add", ["30e00003", "30000002"], id_type="cio_id")
    assert change(client, segment, "remove", ["30e00003", "30000002"], id_type="cio_id").ok
    assert members(client, segment) == ["30e00003"]


def test_generated_members_of_a_manual_segment_change(client):
    before = members(client, 4)
    change(client, 4, "remove", ["100001", "100003"])
    change(client, 4, "add", ["100002"])
    after = members(client, 4)
    assert set(before) - set(after) == {"30000000", "30000002"} & set(before)
    assert "30e00001" in after
    assert "30000000" not in after
    change(client, 4, "add", ["100002"])
    assert members(client, 4) == after


@pytest.mark.parametrize("ids", [[], None, "100001", [1], ["1"] * 1001])
@pytest.mark.parametrize("what", ["add", "remove"])
def test_ids_must_be_1_to_1000_texts(client, segment, what, ids):
    answer = change(client, segment, what, ids)
    assert answer.status_code == 400
    assert len(answer.json()["meta"]["errors"]) == 1


@pytest.mark.parametrize("kind", ["id", "email", "cio_id"])
@pytest.mark.parametrize("bad", [" ", "x" * 151])
@pytest.mark.parametrize("what", ["add", "remove"])
def test_one_text_that_can_name_nobody_refuses_the_whole_call(client, segment, what, kind, bad):
    named = {"id": "100001", "email": "person1@example.com", "cio_id": "30000000"}[kind]
    change(client, segment, "add", ["100001"] if what == "remove" else ["100002"])
    before = members(client, segment)
    answer = change(client, segment, what, [named, bad], id_type=kind)
    assert answer.status_code == 400
    assert answer.json()["meta"]["errors"][0].startswith(f"{kind} cannot be")
    assert members(client, segment) == before
    assert change(client, segment, what, [named, "x" * 150], id_type=kind).status_code == 200
    assert members(client, segment) != before


def test_quirk_60_only_manual_segments_change(client, segment):
    assert change(client, segment, "add", ["100001"] * 1000).status_code == 200
    assert change(client, 1, "add", ["100001"]).json() == {
        "meta": {"errors": ["segment must be a manual segment"]}
    }
    assert change(client, 99, "add", ["100001"]).status_code == 400
    assert change(client, segment, "add", ["1"], id_type="phone").status_code == 400
    assert client.track(f"/api/v1/segments/{segment}/add_customers", b"{").status_code == 400
    bearer = send(client, "POST", f"/api/v1/segments/{segment}/add_customers", {"ids": ["1"]})
    assert bearer.status_code == 401


def test_who_is_deleted_leaves_every_segment(client, segment, identify):
    change(client, segment, "add", ["100001", "100002"])
    client.batch(identify("100001") | {"action": "delete"})
    assert members(client, segment) == ["30e00001"]


# --- collections --------------------------------------------------------------------------------


def test_a_collection_keeps_every_digit(client, now):
    body = b'[{"price": 1.10, "big": 12345678901234567890}, {"name": "\xc3\xa9"}]'
    answer = send(client, "PUT", "/v1/collections/2/content", body)
    assert answer.status_code == 200
    described = answer.json()["collection"]
    assert described["schema"] == ["big", "name", "price"]
    assert (described["rows"], described["bytes"]) == (2, len(body))
    assert described["updated_at"] == now
    assert client.ask("/v1/collections/2/content").content == body
    assert client.get("/v1/collections/2") == {"collection": described}


def test_generated_collections_have_the_rows_that_they_tell(client):
    for each in client.get("/v1/collections")["collections"]:
        answer = client.ask(f"/v1/collections/{each['id']}/content")
        assert (len(answer.json()), len(answer.content)) == (each["rows"], each["bytes"])
        assert sorted(answer.json()[0]) == each["schema"]


def test_a_collection_comes_changes_and_goes(client):
    made = send(client, "POST", "/v1/collections", {"name": "new", "data": [{"a": 1}]})
    path = f"/v1/collections/{made.json()['collection']['id']}"
    assert client.get(f"{path}/content") == [{"a": 1}]
    assert send(client, "PUT", path, {"name": "newer"}).json()["collection"]["rows"] == 1
    assert client.get(f"{path}/content") == [{"a": 1}]
    assert send(client, "PUT", path, {"data": [{"b": 2}, {"b": 3}]}).ok
    assert client.get(path)["collection"]["name"] == "newer"
    assert client.get(f"{path}/content") == [{"b": 2}, {"b": 3}]
    assert send(client, "PUT", f"{path}/content", {"free": "form"}).ok
    assert client.get(f"{path}/content") == {"free": "form"}
    assert send(client, "DELETE", path, {}).status_code == 204
    assert client.ask(f"{path}/content").status_code == 404
    assert send(client, "PUT", f"{path}/content", []).status_code == 404


def rows_of(total):
    """Return the rows of a collection of exactly so many bytes, none near the limit of a row."""
    row = b'{"a":"' + b"x" * 4992 + b'"},'
    count = (total - 2) // len(row)
    last = total - 2 - (count - 1) * len(row) - len(b'{"a":""}')
    return b"[" + row * (count - 1) + b'{"a":"' + b"x" * last + b'"}]'


def test_quirk_72_a_collection_has_at_most_10_megabytes_and_rows_10_kilobytes(client):
    before = client.get("/v1/collections/1/content")
    for body in (
        rows_of(10_000_001),
        [{"a": "x" * 9_992}],
        [1],
        b"[{]",
        b"",
        b'"text"',
        [None],
    ):
        answer = send(client, "PUT", "/v1/collections/1/content", body)
        assert answer.status_code == 400
    assert client.get("/v1/collections/1/content") == before
    full = rows_of(10_000_000)
    assert len(full) == 10_000_000
    assert send(client, "PUT", "/v1/collections/1/content", full).ok
    largest = json.dumps([{"a": "x" * 9_991}]).encode()
    assert len(largest) - 2 == 10_000
    assert send(client, "PUT", "/v1/collections/1/content", largest).ok


def test_quirk_72_a_workspace_has_at_most_50_collections(serve):
    client = serve(collections=49)
    assert send(client, "POST", "/v1/collections", {"name": "a", "data": []}).status_code == 200
    assert send(client, "POST", "/v1/collections", {"name": "b", "data": []}).status_code == 400


@pytest.mark.parametrize("body", [{"data": []}, {"name": " ", "data": []}, {"name": "a"}, [], b"{"])
def test_a_collection_needs_a_name_and_rows(client, body):
    assert send(client, "POST", "/v1/collections", body).status_code == 400


# --- what is told later -------------------------------------------------------------------------


def test_quirk_54_an_owned_address_fails_later(client, identify):
    client.batch(identify("1", email="person1@example.com", plan="new"))
    client.batch(identify("2"))
    assert client.batch(identify("2", email="person1@example.com", plan="x")).json() == {}
    (failed,) = activities(client, "failed_attribute_change")
    assert failed["customer_id"] == "2"
    assert client.profile("2")["attributes"]["plan"] == "x"
    assert "email" not in client.profile("2")["attributes"]


def test_an_older_identify_is_skipped(client, identify, now):
    client.batch(identify("1", plan="new"))
    late = identify("1", plan="old", colour="red") | {"timestamp": now - 60}
    assert client.batch(late).json() == {}
    (skipped,) = activities(client, "skipped_update")
    assert set(skipped["data"]) == {"plan"}
    attributes = client.profile("1")["attributes"]
    assert (attributes["plan"], attributes["colour"]) == ("new", "red")


def test_an_event_with_a_broken_recipient_fails_later(client, event):
    assert client.batch(event("1", attributes={"recipient": 5})).json() == {}
    (failed,) = activities(client, "failed_event")
    assert failed["name"] == "purchase"
    client.batch(event("1", attributes={"recipient": "ada@example.com"}))
    assert len(activities(client, "failed_event")) == 1


def test_a_person_has_at_most_300_attributes(client, identify):
    client.batch(identify("1", **{f"a{n}": n for n in range(200)}))
    assert client.batch(identify("1", **{f"b{n}": n for n in range(150)})).json() == {}
    assert len(activities(client, "failed_batch_update")) == 1
    assert "b0" not in client.profile("1")["attributes"]


# --- people -------------------------------------------------------------------------------------


def test_quirk_71_who_is_suppressed_stays_away_until_unsuppressed(client, identify):
    client.batch(identify("1", email="ada@example.com"))
    client.batch(identify("1") | {"action": "suppress"})
    assert client.simulator.suppressed() == [{"id": "1"}]
    client.batch(identify("1", email="person1@example.com"))
    assert client.profile("1") == {}
    assert client.profile("100001")["identifiers"]["email"] == "person1@example.com"
    client.batch(identify("1") | {"action": "unsuppress"})
    assert client.simulator.suppressed() == []
    assert client.profile("1") == {}
    client.batch(identify("1"))
    assert client.profile("1")


def test_a_merge_hands_everything_over(client, identify, segment):
    one, two = identify("1", plan="a"), identify("2", plan="b", colour="red")
    client.batch(one, two)
    device = {"token": "t", "platform": "ios", "attributes": {"push_enabled": "true"}}
    relation = {"identifiers": ACME, "relationship_attributes": {"role": "admin"}}
    client.batch(
        two | {"action": "add_device", "device": device},
        two | {"action": "add_relationships", "cio_relationships": [relation]},
    )
    change(client, segment, "add", ["2"])
    merge = {"type": "person", "action": "merge", "primary": {"id": "1"}, "secondary": {"id": "2"}}
    client.batch(merge)
    kept = client.profile("1")
    assert (kept["attributes"]["plan"], kept["attributes"]["colour"]) == ("a", "red")
    assert [each["id"] for each in kept["devices"]] == ["t"]
    assert client.profile("2") == {}
    cio_id = kept["identifiers"]["cio_id"]
    assert members(client, segment) == [cio_id]
    assert client.simulator.objects()[0]["relationships"] == {cio_id: {"role": "admin"}}
    (told,) = client.simulator.merges()
    assert told["primary"] == cio_id != told["secondary"]


def test_quirk_57_a_merge_into_nobody_is_dropped(client, identify):
    client.batch(identify("2"))
    merge = {"type": "person", "action": "merge", "primary": {"id": "1"}, "secondary": {"id": "2"}}
    assert client.batch(merge).json() == {}
    assert client.profile("2")
    assert client.simulator.merges() == []


def test_one_topic_is_written_in_dot_notation(client, identify):
    client.batch(identify("100003", **{"cio_subscription_preferences.topics.topic_3": False}))
    stored = json.loads(client.profile("100003")["attributes"]["cio_subscription_preferences"])
    assert stored == {"topics": {"topic_1": False, "topic_3": False}}


@pytest.mark.parametrize(
    ("device", "field"),
    [
        ({"token": "t", "platform": "ios", "last_used": "today"}, "device.last_used"),
        ({"token": "t", "platform": "ios", "attributes": {"a": 1}}, "device.attributes.a"),
        ({"token": "t", "platform": "ios", "attributes": "x"}, "device.attributes"),
    ],
)
def test_quirk_66_devices_are_checked(client, identify, device, field):
    answer = client.batch(identify("1") | {"action": "add_device", "device": device})
    assert [each["field"] for each in answer.json()["errors"]] == [field]


# --- objects ------------------------------------------------------------------------------------


def test_written_objects_are_read_back(client, identify):
    item = {"type": "object", "identifiers": ACME, "action": "identify"}
    related = {"identifiers": {"id": "100001"}, "relationship_attributes": {"role": "admin"}}
    client.batch(item | {"attributes": {"seats": 50}, "cio_relationships": [related]})
    body = client.get("/v1/objects/1/acme/attributes")["object"]
    assert body["attributes"] == {"seats": "50"}
    internal = {"cio_object_id": body["identifiers"]["cio_object_id"]}
    client.batch({**item, "identifiers": internal, "attributes": {"seats": None, "plan": "a"}})
    assert client.get("/v1/objects/1/acme/attributes")["object"]["attributes"] == {"plan": "a"}
    mine = client.get("/v1/customers/100001/relationships")["cio_relationships"]
    found = next(each for each in mine if each["identifiers"]["object_id"] == "acme")
    assert found["attributes"] == {"role": "admin"}
    unknown = {"cio_object_id": "ob99"}
    client.batch({**item, "identifiers": unknown, "attributes": {"plan": "b"}})
    assert len(client.simulator.objects()) == 1


def test_generated_objects_are_changed_and_deleted(client):
    item = {"type": "object", "identifiers": {"object_type_id": "1", "object_id": "object-1"}}
    client.batch(item | {"action": "identify", "attributes": {"plan": "gold"}})
    body = client.get("/v1/objects/1/object-1/attributes")["object"]["attributes"]
    assert (body["plan"], body["name"]) == ("gold", "Object 1")
    client.batch(item | {"action": "delete"})
    assert client.ask("/v1/objects/1/object-1/attributes").status_code == 404
    assert len(client.simulator.objects(written=False)) == 11


@pytest.mark.parametrize(
    "form",
    [
        {"anonymous_id": "a-1"},
        {"cio_relationships": [{"identifiers": {"anonymous_id": "a-1"}}]},
    ],
)
def test_quirk_67_an_anonymous_relationship_waits_for_its_person(client, identify, form):
    item = {"type": "object", "identifiers": ACME, "action": "identify_anonymous", **form}
    assert client.batch(item | {"attributes": {"seats": 5}}).json() == {}
    (stored,) = client.simulator.objects()
    assert (stored["attributes"], stored["relationships"]) == ({"seats": 5}, {})
    client.batch(identify("1", anonymous_id="a-1"))
    (stored,) = client.simulator.objects()
    assert list(stored["relationships"]) == [client.profile("1")["identifiers"]["cio_id"]]


def test_an_anonymous_object_needs_somebody(client):
    item = {"type": "object", "identifiers": ACME, "action": "identify_anonymous"}
    for wrong, field in (({}, "cio_relationships"), ({"anonymous_id": ""}, "anonymous_id")):
        errors = client.batch(item | wrong).json()["errors"]
        assert [each["field"] for each in errors] == [field]
