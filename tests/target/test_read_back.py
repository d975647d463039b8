"""What each operation's file leaves in a workspace, read back from the simulator."""

from __future__ import annotations

import pytest

BEFORE = [
    ("person_identify", [{"id": "42"}, {"id": "43"}, {"id": "7"}, {"email": "ann@example.com"}]),
    ("person_identify", [{"email": "old@example.com"}, {"email": "a@b.c"}]),
    ("object_identify", [{"object_id": "acme", "name": "Before"}]),
    ("person_add_relationships", [{"person_id": "42", "object_id": "acme"}]),
    ("person_add_device", [{"person_id": "42", "device_token": "abc", "platform": "ios"}]),
]


def ids(simulator):
    return {person["id"] or person["email"] for person in simulator.people().values()}


def person(simulator, identifier):
    (found,) = [each for each in simulator.people().values() if each["id"] == identifier]
    return found


def tokens(simulator):
    return [device["id"] for device in person(simulator, "42")["devices"]]


def related(simulator):
    people = simulator.people()
    return {
        (people[each["cio_id"]]["id"] or people[each["cio_id"]]["email"], each["object_id"])
        for each in simulator.relationships()
    }


def names(simulator):
    return [(event["action"], event["name"]) for event in simulator.events()]


def objects(simulator):
    return {each["object_id"]: each["attributes"].get("name") for each in simulator.objects()}


ALL = {"42", "43", "7", "ann@example.com", "old@example.com", "a@b.c"}


@pytest.fixture
def before(run, singer, simulator):
    for stream, rows in BEFORE:
        assert (
            run([singer.SCHEMA(stream), *(singer.RECORD(stream, **r) for r in rows)]).states == []
        )
    assert ids(simulator) == ALL


@pytest.fixture
def pipe_file(root, run):
    def pipe(name):
        content = (root / "tests" / "data" / f"{name}.singer").read_bytes()
        return run(content, delete_on_sdc_deleted=True)

    return pipe


@pytest.mark.parametrize(
    ("name", "look", "expected"),
    [
        ("person_page", names, [("page", "/pricing")]),
        ("person_screen", names, [("screen", "Home")]),
        ("person_delete", ids, ALL - {"42", "ann@example.com"}),
        ("person_suppress", ids, ALL - {"42"}),
        ("person_unsuppress", ids, ALL),
        ("person_merge", ids, ALL - {"old@example.com"}),
        ("person_add_device", tokens, ["abc"]),
        ("person_delete_device", tokens, []),
        ("person_add_relationships", related, {("42", "acme"), ("a@b.c", "x")}),
        ("person_delete_relationships", related, set()),
        ("object_identify", objects, {"acme": "Acme Corp"}),
        ("object_identify_anonymous", objects, {"acme": "Acme"}),
        ("object_delete", objects, {}),
        ("object_add_relationships", related, {("42", "acme")}),
        ("object_delete_relationships", related, set()),
        ("soft_deletes", ids, (ALL | {"1"}) - {"a@b.c"}),
    ],
)
@pytest.mark.usefixtures("before")
def test_a_file_leaves_this(name, look, expected, pipe_file, simulator):
    done = pipe_file(name)
    assert done.exit_code == 0, done.log
    assert look(simulator) == expected


@pytest.mark.usefixtures("before")
def test_devices_have_their_attributes_as_text(pipe_file, simulator):
    pipe_file("person_add_device")
    (device,) = person(simulator, "42")["devices"]
    assert device["attributes"] == {"push_enabled": "true", "version": "2.10", "os": "17.4"}
    assert device["last_used"] == 1713484800


@pytest.mark.usefixtures("before")
def test_quirk_71_who_was_suppressed_is_gone_for_good(pipe_file, run, singer, simulator):
    pipe_file("person_suppress")
    again = [singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id="42")]
    assert run(again).exit_code == 0
    assert "42" not in ids(simulator)
    pipe_file("person_unsuppress")
    assert "42" not in ids(simulator)
    run(again)
    assert "42" in ids(simulator)
