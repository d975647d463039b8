"""What a workspace holds beside campaigns: people, objects, templates, triggers, configuration."""

from __future__ import annotations

import itertools
import json

import pytest

EVERYBODY = {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}
EVERYTHING = {"and": []}


def searched(client, path, body, **parameters):
    """Return the pages of a search, walked to the end."""
    pages, token = [], None
    while True:
        more = {"start": token} if token else {}
        answer = client.post(path, body, **parameters, **more)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        token = pages[-1]["next"]
        if not token:
            return pages


# --- people -------------------------------------------------------------------------------------


def test_everybody_is_found_page_by_page(serve):
    pages = searched(serve(people=130), "/v1/customers", {"filter": EVERYBODY})
    assert [len(page["identifiers"]) for page in pages] == [50, 50, 30]
    assert len({each["cio_id"] for page in pages for each in page["identifiers"]}) == 130


def test_a_search_page_has_at_most_a_thousand_people(serve):
    pages = searched(serve(people=1500), "/v1/customers", {"filter": EVERYBODY}, limit=5000)
    assert [len(page["identifiers"]) for page in pages] == [1000, 500]


def test_quirk_27_people_without_id_are_empty_text_in_ids(client):
    (page,) = searched(client, "/v1/customers", {"filter": EVERYBODY}, limit=1000)
    assert page["ids"].count("") == 4
    assert [each["id"] or "" for each in page["identifiers"]] == page["ids"]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ({"segment": {"id": 1}}, 40),
        ({"not": {"segment": {"id": 1}}}, 0),
        ({"segment": {"id": 999}}, 0),
        ({"attribute": {"field": "email", "operator": "eq", "value": "person1@example.com"}}, 1),
        ({"or": [{"segment": {"id": 2}}, EVERYBODY]}, 40),
        ({"and": [EVERYBODY, {"not": {"attribute": {"field": "id", "operator": "exists"}}}]}, 4),
    ],
)
def test_the_grammar_of_filters(client, condition, count):
    pages = searched(client, "/v1/customers", {"filter": condition})
    assert sum(len(page["identifiers"] or []) for page in pages) == count


@pytest.mark.parametrize(
    "condition",
    [None, {}, [], {"and": {}}, {"attribute": {"field": "a", "operator": "like"}}, {"nor": []},
     {"attribute": {"operator": "exists"}}, {"object_attribute": {"field": "a"}}],
)  # fmt: skip
def test_a_filter_outside_the_grammar_is_a_bad_request(client, condition):
    assert client.post("/v1/customers", {"filter": condition}).status_code == 400
    if condition != {"and": {}}:
        body = {"object_type_id": "1", "filter": condition}
        assert client.post("/v1/objects", body).status_code == 400


@pytest.mark.parametrize("kind", ["id", "email", "cio_id"])
def test_attributes_are_found_by_each_kind_of_identifier(client, kind):
    wanted = {"id": "100001", "email": "PERSON1@example.com", "cio_id": "30000000"}[kind]
    assert client.profile(wanted, kind)["id"] == "100001"
    body = client.get(f"/v1/customers/{wanted}/attributes", id_type=kind)
    assert body["customer"]["identifiers"]["cio_id"] == "30000000"


def test_quirk_19_attributes_can_be_wrapped_as_documented(serve):
    client = serve(documented_shapes=True)
    body = client.post("/v1/customers/attributes", {"ids": ["100001", "nobody"]}).json()
    assert [each["customer"]["id"] for each in body["customers"]] == ["100001"]


def test_quirk_22_preferences_are_stringified_and_computed(client):
    attributes = client.profile("100003")["attributes"]
    assert json.loads(attributes["cio_subscription_preferences"]) == {"topics": {"topic_1": False}}
    computed = json.loads(attributes["_cio_subscription_preferences_computed"])
    assert computed == {"topics": {"topic_1": False, "topic_2": False, "topic_3": True}}
    assert "_cio_subscription_preferences_computed" not in client.profile("100001")["attributes"]


def test_preferences_name_every_topic(client, identify):
    body = client.get("/v1/customers/100003/subscription_preferences")["customer"]
    assert [(each["id"], each["subscribed"]) for each in body["topics"]] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip
    client.batch(identify("100003", cio_subscription_preferences='{"topics":{"topic_2":true}}'))
    body = client.get("/v1/customers/100003/subscription_preferences")["customer"]
    assert [each["subscribed"] for each in body["topics"]] == [True, True, True]
    assert client.ask("/v1/customers/nobody/subscription_preferences").status_code == 404


def test_a_persons_segments_are_those_that_list_the_person(client):
    members = {
        segment["id"]: {
            each["cio_id"]
            for each in client.rows(f"/v1/segments/{segment['id']}/membership", "identifiers")
        }
        for segment in client.get("/v1/segments")["segments"]
    }
    for number in (0, 1, 8, 15):
        person = f"{(0x30E00000 if number % 2 else 0x30000000) + number:08x}"
        found = client.get(f"/v1/customers/cio_{person}/segments")["segments"]
        assert {each["id"] for each in found} == {key for key in members if person in members[key]}
        assert set(found[0]) == {"id", "name", "description"}


def test_segments_that_were_set_from_outside_count_too(client):
    client.simulator.edit(members={2: ["30000000"]})
    found = client.get("/v1/customers/100001/segments")["segments"]
    assert 2 in {each["id"] for each in found}


def test_optouts_are_narrowed_by_sender(serve):
    client = serve(people=40, optouts=4)
    rows = client.get("/v1/optouts")
    assert "next" not in rows
    assert len(rows["optouts"]) == 4
    sender = "+15559990000"
    some = client.get("/v1/optouts", **{"from": sender})["optouts"]
    assert len(some) == 2
    assert {each["from"] for row in some for each in row["optouts"]} == {sender}
    client.simulator.edit(remove={"people": [some[0]["cio_id"]]})
    assert len(client.get("/v1/optouts")["optouts"]) == 3


def test_more_than_a_thousand_optouts_have_pages(serve):
    pages = serve(people=1200, optouts=1200).pages("/v1/optouts", "optouts")
    assert [len(page) for page in pages] == [1000, 200]


def test_quirk_20_the_id_of_a_used_segment_stands_inside_or_outside(client):
    live = client.get("/v1/segments/1/used_by")
    client.simulator.edit(options={"documented_shapes": True})
    documented = client.get("/v1/segments/1/used_by")
    assert live["used_by"] == {"segment_id": 1, **documented["used_by"]}
    assert documented["segment_id"] == 1
    newsletters = {row["id"]: row for row in client.rows("/v1/newsletters", "newsletters")}
    used = documented["used_by"]
    assert used["campaigns"]
    assert all(newsletters[each]["sent_at"] for each in used["sent_newsletters"])
    assert all(newsletters[each]["sent_at"] is None for each in used["draft_newsletters"])


# --- objects ------------------------------------------------------------------------------------


def test_quirk_23_ids_of_types_are_text_or_numbers(client):
    types = client.get("/v1/object_types")["types"]
    assert [each["id"] for each in types] == ["1", "2"]
    ours = client.get("/v1/objects/2/object-4/relationships")["cio_relationships"]
    assert {each["object_type_id"] for each in ours} == {"2"}
    person = ours[0]["identifiers"]["cio_id"]
    theirs = client.get(f"/v1/customers/{person}/relationships", id_type="cio_id")
    assert {type(each["object_type_id"]) for each in theirs["cio_relationships"]} == {int}


def test_objects_come_twice_across_pages(serve):
    body = {"object_type_id": "1", "filter": EVERYTHING}
    pages = searched(serve(objects=25), "/v1/objects", body, limit=5)
    found = [each["object_id"] for page in pages for each in page["identifiers"]]
    assert len(found) == 15
    assert len(set(found)) == 13
    for before, after in itertools.pairwise(pages):
        assert before["ids"][-1] == after["ids"][0]


def test_a_page_of_one_object_repeats_nothing(client):
    body = {"object_type_id": "2", "filter": EVERYTHING}
    pages = searched(client, "/v1/objects", body, limit=1)
    assert [page["ids"] for page in pages] == [[f"object-{n}"] for n in (2, 4, 6, 8, 10, 12)]


def test_objects_are_found_by_attributes_and_identifiers(client):
    def found(**condition):
        body = {"object_type_id": "1", "filter": {"object_attribute": condition}}
        return client.post("/v1/objects", body).json()["ids"]

    assert found(field="plan", operator="eq", value="enterprise", type_id="1") == [
        "object-3", "object-7", "object-11",
    ]  # fmt: skip
    assert found(field="object_id", operator="eq", value="object-5") == ["object-5"]
    assert len(found(field="cio_object_id", operator="exists")) == 6
    assert found(field="nothing", operator="exists") == []
    assert client.post("/v1/objects", {"filter": EVERYTHING}).status_code == 400


def test_the_attributes_of_an_object_are_text(client):
    body = client.get("/v1/objects/1/object-1/attributes")["object"]
    assert body["identifiers"] == {"cio_object_id": "ob20000000", "object_id": "object-1"}
    assert {type(value) for value in body["attributes"].values()} == {str}
    assert set(body["timestamps"]) == set(body["attributes"])
    same = client.get("/v1/objects/1/ob20000000/attributes", id_type="cio_object_id")
    assert same == {"object": body}
    assert client.ask("/v1/objects/2/object-1/attributes").status_code == 404
    assert client.ask("/v1/objects/1/object-1/attributes", id_type="name").status_code == 400


def test_relationships_agree_from_both_sides(serve):
    client = serve(people=9, objects=7)
    ours, theirs = set(), set()
    for number in range(1, 8):
        path = f"/v1/objects/{1 + (number - 1) % 2}/object-{number}/relationships"
        for each in client.rows(path, "cio_relationships"):
            ours.add((f"object-{number}", each["identifiers"]["cio_id"]))
    for person in client.simulator.people():
        path = f"/v1/customers/{person}/relationships"
        for each in client.rows(path, "cio_relationships", id_type="cio_id", limit=2):
            theirs.add((each["identifiers"]["object_id"], person))
            assert each["attributes"]["role"] in {"admin", "member"}
    assert ours == theirs
    assert len(ours) > 5
    told = client.simulator.relationships()
    assert {(each["object_id"], each["cio_id"]) for each in told} == ours


def test_what_leaves_is_related_to_nobody(serve):
    client = serve(people=9)
    first = client.get("/v1/objects/2/object-4/relationships")["cio_relationships"]
    person, other = (each["identifiers"]["cio_id"] for each in first[:2])
    client.simulator.edit(remove={"people": [person], "objects": ["ob20000003"]})
    body = client.post("/v1/objects", {"object_type_id": "2", "filter": EVERYTHING}).json()
    assert "object-4" not in body["ids"]
    assert client.ask("/v1/objects/2/object-4/relationships").status_code == 404
    rows = client.rows(f"/v1/customers/cio_{other}/relationships", "cio_relationships")
    assert "object-4" not in {each["identifiers"]["object_id"] for each in rows}
    counts = client.get("/v1/workspaces")["workspaces"][0]
    assert (counts["objects"], counts["object_types"], counts["people"]) == (11, 2, 8)


# --- templates and triggers ---------------------------------------------------------------------


def test_newsletters_have_the_contents_that_they_name(client):
    for newsletter in client.rows("/v1/newsletters", "newsletters"):
        path = f"/v1/newsletters/{newsletter['id']}/contents"
        rows = client.get(path)["contents"]
        assert [row["id"] for row in rows] == newsletter["content_ids"]
        assert {row["newsletter_id"] for row in rows} == {newsletter["id"]}
        assert client.get(f"{path}/{rows[-1]['id']}") == {"content": rows[-1]}
    assert client.ask("/v1/newsletters/1/contents/999").status_code == 404


def test_a_test_has_groups_whose_contents_are_text_or_numbers(client):
    groups = client.get("/v1/newsletters/2/test_groups")["test_groups"]
    named = [each for group in groups for each in group["content_ids"]]
    assert {type(each) for each in named} == {int, str}
    contents = client.get("/v1/newsletters/2/contents")["contents"]
    assert [int(each) for each in named] == [row["id"] for row in contents]
    assert [row["test_group_id"] for row in contents] == [0, 0, 1, 1]
    assert client.get("/v1/newsletters/1/test_groups") == {"test_groups": []}


def test_quirk_21_transactional_contents_have_no_parent_and_nulls(client):
    rows = client.get("/v1/transactional/2/contents")["contents"]
    assert len(rows) == 3
    assert all("transactional_id" not in row and row["recipient"] is None for row in rows)
    assert client.ask("/v1/transactional/99/contents").status_code == 404


def test_triggers_and_their_errors(client):
    rows = client.get("/v1/broadcasts/3/triggers")["triggers"]
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert client.get("/v1/campaigns/3/triggers/2") == rows[1]
    assert client.ask("/v1/campaigns/3/triggers/6").status_code == 404
    assert client.get("/v1/broadcasts/2/triggers") == {"triggers": []}
    page = client.get("/v1/campaigns/3/triggers/2/errors")
    assert (len(page["errors"]), page["next"]) == (10, 10)
    errors = client.rows("/v1/campaigns/3/triggers/2/errors", "errors")
    assert len(set(errors)) == len(errors) == 14
    client.simulator.edit(options={"documented_shapes": True})
    assert client.get("/v1/campaigns/3/triggers/2/errors")["next"] == "10"


def test_sizes_of_triggers(serve):
    client = serve(triggers=2, trigger_errors=25)
    assert len(client.get("/v1/broadcasts/2/triggers")["triggers"]) == 2
    pages = client.pages("/v1/campaigns/2/triggers/1/errors", "errors")
    assert [len(page) for page in pages] == [10, 10, 5]


# --- configuration ------------------------------------------------------------------------------


def test_suppressions_have_offsets(serve):
    client = serve(suppressions=250)
    assert len(client.get("/v1/esp/suppression/blocks")["suppressions"]) == 100
    pages = [
        client.get("/v1/esp/suppression/blocks", limit=120, offset=offset)["suppressions"]
        for offset in (0, 120, 240)
    ]
    assert [len(page) for page in pages] == [120, 120, 10]
    rows = [row for page in pages for row in page]
    assert len({row["email"] for row in rows}) == len(rows) == 250
    assert set(rows[0]) == {"created", "email", "reason", "status"}


@pytest.mark.parametrize("offset", [5, 99, -1])
def test_quirk_12_no_suppressions_are_null_without_a_category(client, offset):
    body = client.get("/v1/esp/suppression/bounces", offset=offset, limit=100_000)
    assert body == {"suppressions": None}


def test_suppressions_of_all_four_types_and_of_a_domain(client):
    for kind in ("bounces", "blocks", "spam_reports", "invalid_emails"):
        whole = client.get(f"/v1/esp/suppression/{kind}")
        assert whole["category"] == kind
        parts = [
            client.get(f"/v1/esp/suppression/{kind}", domain=domain)["suppressions"]
            for domain in ("example.com", "mail.example.com")
        ]
        assert sorted(len(part) for part in parts) == [1, 4]
        path = f"/v1/esp/domains/example.com/suppression/{kind}"
        assert client.rows(path, "suppressions", limit=3) == parts[0]
        address = whole["suppressions"][0]["email"]
        assert client.get(f"/v1/esp/search_suppression/{address}")["category"] == kind
    assert client.ask("/v1/esp/suppression/gossip").status_code == 400
    nobody = client.get("/v1/esp/search_suppression/nobody@example.com")
    assert nobody == {"suppressions": None}


def test_webhooks_may_hold_a_password(client):
    hooks = client.get("/v1/reporting_webhooks")["reporting_webhooks"]
    assert ["@" in each["endpoint"] for each in hooks] == [False, True, False]
    assert client.get("/v1/reporting_webhooks/2") == hooks[1]


def test_quirk_48_exports_have_a_total_of_0_until_they_are_done(client):
    rows = client.get("/v1/exports")["exports"]
    assert [(row["status"], row["total"] > 0) for row in rows] == [
        ("pending", False), ("done", True), ("failed", False),
    ]  # fmt: skip
    assert client.get("/v1/exports/2") == {"export": rows[1]}


def test_quirk_12_lists_that_are_null_when_empty(serve):
    client = serve(exports=0, webhooks=0, channels=0, object_types=0, optouts=0)
    assert client.get("/v1/exports") == {"exports": None}
    assert client.get("/v1/reporting_webhooks") == {"reporting_webhooks": None}
    assert client.get("/v1/subscription_channels") == {"channels": []}
    assert client.get("/v1/object_types") == {"types": []}
    assert client.get("/v1/optouts") == {"optouts": []}


@pytest.mark.parametrize(
    "path",
    ["/v1/segments/3/used_by", "/v1/newsletters/3/contents", "/v1/newsletters/3/test_groups",
     "/v1/newsletters/3/metrics", "/v1/broadcasts/3/triggers", "/v1/transactional/3/contents",
     "/v1/collections/3/content"],
)  # fmt: skip
def test_quirk_44_children_of_what_has_vanished_are_gone(client, path):
    assert client.ask(path).status_code == 200
    client.simulator.edit(vanish={path.split("/")[2]: [3]})
    assert client.ask(path).status_code == 404
