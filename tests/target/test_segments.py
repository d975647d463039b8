"""People added to segments and removed, one record after the other."""

from __future__ import annotations

import json

import pytest

from target_customerio import segments as segments_room

from .gathered import changes, entry, listed, members_of, people


def test_people_made_in_the_same_run_are_added(segment, members):
    assert members(segment) == set("abcd")


def test_people_are_removed(segment, run, singer, members):
    done = run(members_of(singer, "b", "zz"), **entry("segment_remove", segment_id=segment))
    assert (done.exit_code, members(segment)) == (0, set("acd"))
    assert json.loads(done.states[-1]) == {"members": 2}


def test_the_record_may_say_the_segment(segment, run, singer, members):
    messages = [
        singer.SCHEMA("segment_remove", {"person_id": "string", "segment_id": "integer"}),
        singer.RECORD("segment_remove", person_id="a", segment_id=segment),
        singer.RECORD("segment_remove", person_id="b", segment_id=None),
        singer.STATE(done=1),
    ]
    done = run(messages)
    assert (done.exit_code, members(segment)) == (1, set("bcd"))
    assert done.rejects[-1]["rejection"]["field"] == "segment_id"


def test_a_thousand_ids_share_a_call(segment, run, singer, simulator):
    ids = [str(number) for number in range(1001)]
    run(members_of(singer, *ids), **entry("segment_add", segment_id=segment))
    assert len(changes(simulator)) == 2


def test_kinds_of_identifiers_do_not_share_a_call(segment, run, singer, simulator):
    messages = [
        singer.SCHEMA("s", {"id": "string", "email": "string"}),
        singer.RECORD("s", id="a"),
        singer.RECORD("s", email="x@y.z"),
        singer.RECORD("s", id="b"),
    ]
    run(messages, **entry("segment_add", segment_id=segment))
    kinds = [call["query"]["id_type"] for call in simulator.calls() if "segments" in call["path"]]
    assert kinds == ["id", "email"]


def test_no_more_records_wait_for_a_call_than_memory_has_room_for(
    segment, run, singer, simulator, monkeypatch
):
    monkeypatch.setattr(segments_room, "WAITING_AT_MOST", 10)
    run(members_of(singer, *["a"] * 25), **entry("segment_add", segment_id=segment))
    assert len(changes(simulator)) == 3


# Which segment


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [(None, "required"), (0, "required"), ("seven", "invalid")]
    + [(text, "invalid") for text in ("0", "-7", "9" * 19, "9" * 5_000)],
)
def test_what_is_no_number_of_a_segment_is_a_reject(
    segment, run, singer, members, *, bad, reason, dry_run
):
    messages = [
        singer.SCHEMA("segment_remove", {"id": "string", "segment_id": {}}),
        singer.RECORD("segment_remove", id="a", segment_id=bad),
        singer.RECORD("segment_remove", id="b", segment_id=segment),
    ]
    done = run(messages, dry_run=dry_run)
    assert members(segment) == set("abcd" if dry_run else "acd")
    assert f"1 rejected: segment_id {reason}" in done.log


def test_quirk_60_a_dynamic_segment_is_refused(run, singer, customerio_simulator, app):
    done = run(members_of(singer, "a"), **entry("segment_add", segment_id=1), **app)
    assert done.exit_code == 1
    assert "dynamic or not finished" in done.error


def test_quirk_60_a_record_that_names_a_dynamic_segment_is_rejected(
    run, customerio_simulator, singer
):
    with_people = customerio_simulator(people=20, rate_limit=0)
    kinds = {row["type"]: row["id"] for row in listed(with_people, "segments")}
    done = run(
        [
            singer.SCHEMA("segment_add", {"segment_id": "integer", "id": "string"}),
            singer.RECORD("segment_add", segment_id=kinds["dynamic"], id="a"),
            singer.RECORD("segment_add", segment_id=kinds["manual"], id="a"),
        ],
        **reaching(with_people),
    )
    assert done.exit_code == 1
    assert "dynamic or not finished" in done.rejects[-1]["rejection"]["message"]
    assert [path.split("/")[4] for path in changes(with_people)] == [str(kinds["manual"])]


def reaching(simulator):
    return {
        "app_api_key": simulator.app_api_key,
        "app_api_url": simulator.url,
        "track_api_url": simulator.url,
        "site_id": simulator.site_id,
        "track_api_key": simulator.track_api_key,
    }


def test_a_segment_that_is_not_there_rejects_its_own_records(segment, run, singer, simulator):
    simulator.fault(times=None, path="/api/v1/segments/999/add_customers", status=404)
    messages = [
        singer.SCHEMA("segment_add", {"id": "string", "segment_id": "integer"}),
        singer.RECORD("segment_add", id="a", segment_id=999),
        singer.RECORD("segment_add", id="b", segment_id=segment),
        singer.RECORD("segment_add", id="c", segment_id=999),
        singer.STATE(done=1),
    ]
    done = run(messages)
    assert (done.exit_code, done.states) == (1, ['{"done": 1}'])
    refused = [message for message in done.rejects if message["type"] == "RECORD"]
    assert [(one["record"]["id"], one["rejection"]["status"]) for one in refused] == [
        ("a", 404),
        ("c", 404),
    ]
    assert len(changes(simulator)) == 2


def test_two_streams_for_one_segment_are_refused(segment, run, singer, app, simulator):
    streams = [{"stream": name, "operation": "segment_add", "segment_id": segment} for name in "st"]
    messages = [singer.SCHEMA("s", {"id": "string"}), singer.SCHEMA("t", {"id": "string"})]
    done = run([*messages, singer.RECORD("t", id="x")], streams=streams, **app)
    assert done.exit_code == 1
    assert f"both for segment {segment}" in done.error
    assert changes(simulator) == []


def test_two_streams_that_name_a_segment_to_be_made_make_one(run, app, singer, simulator):
    streams = [
        {"stream": name, "operation": "segment_add", "segment_name": "New", "create_missing": True}
        for name in "st"
    ]
    done = run([singer.SCHEMA("s"), singer.SCHEMA("t")], streams=streams, **app)
    assert done.exit_code == 1
    assert "are both for segment" in done.error
    assert [row["name"] for row in listed(simulator, "segments")].count("New") == 1


# Calls that are refused

NOBODY = f"{'x' * 150}@y.z"
"""An address that refuses the whole call which names it."""


def rejected(done):
    return [message for message in done.rejects if message["type"] == "RECORD"]


@pytest.fixture
def addressed(run, singer, simulator, segment):
    """Two people with addresses, of no segment, and how many of them a segment has."""
    emails = ["one@x.y", "two@x.y"]
    columns = {"email": "string"}
    run(
        [
            singer.SCHEMA("person_identify", columns),
            *(singer.RECORD("person_identify", email=each) for each in emails),
        ]
    )
    before = len(simulator.members(segment))
    return emails, lambda: len(simulator.members(segment)) - before


def test_one_person_whom_customerio_refuses_among_a_thousand_keeps_nobody_out(
    segment, addressed, run, singer, simulator
):
    (one, two), count = addressed
    others = [f"{number}@x.y" for number in range(997)]
    messages = members_of(singer, one, *others[:600], NOBODY, *others[600:], two, column="email")
    done = run(messages, **entry("segment_add", segment_id=segment))
    assert (done.exit_code, count()) == (1, 2)
    assert len(done.states) == 1
    (refused,) = rejected(done)
    assert refused["record"] == {"email": NOBODY}
    assert refused["rejection"]["status"] == 400
    assert "email cannot be longer than 150 bytes" in refused["rejection"]["message"]
    assert len(changes(simulator)) - 1 <= 20
    assert "1,000 records, 999 accepted, 1 rejected" in done.log


def test_all_records_about_a_refused_person_are_rejected_and_nobody_is_sent_twice(
    segment, addressed, run, singer, simulator
):
    (one, two), count = addressed
    messages = members_of(singer, NOBODY, one, NOBODY.upper(), two, NOBODY, one, column="email")
    done = run(messages, **entry("segment_add", segment_id=segment))
    assert count() == 2
    assert [one["record"]["email"] for one in rejected(done)] == [NOBODY, NOBODY.upper(), NOBODY]
    assert "6 records, 3 accepted, 3 rejected" in done.log
    assert len(changes(simulator)) == 3  # about three people, one and two


def nobodies(number):
    return [f"{each}{NOBODY}" for each in range(number)]


def test_the_second_call_to_a_segment_that_is_refused_one_by_one_ends_the_run(
    segment, run, singer, simulator, monkeypatch
):
    monkeypatch.setattr(segments_room, "SEGMENT_IDS", 2)
    messages = members_of(singer, *nobodies(6), column="email")
    done = run(messages, **entry("segment_add", segment_id=segment))
    assert (done.exit_code, done.states) == (1, [])
    assert "refused each item of 2 bodies" in done.error
    assert [one["record"]["email"] for one in rejected(done)] == nobodies(6)[:4]


def test_bodies_are_counted_across_the_calls_to_segments_between_them(
    segment, run, singer, simulator, monkeypatch
):
    monkeypatch.setattr(segments_room, "SEGMENT_IDS", 1)
    simulator.fault(times=None, path="/api/v2/batch", status=400)
    messages = [
        *members_of(singer, "a", "b"),
        *people(singer, "1", "2"),
        singer.RECORD("s", id="c"),
        *people(singer, "3", "4")[1:],
    ]
    done = run(messages, max_concurrency=1, **entry("segment_add", segment_id=segment))
    assert done.exit_code == 1
    assert "refused each item of 2 bodies" in done.error


def test_what_is_wrong_with_two_segments_stops_no_third(segment, run, singer, members, simulator):
    dynamic = [row["id"] for row in listed(simulator, "segments") if row["type"] == "dynamic"][:2]
    columns = {"segment_id": "integer", "id": "string"}
    messages = [
        *people(singer, "e"),
        singer.SCHEMA("segment_add", columns),
        *(singer.RECORD("segment_add", segment_id=d, id=who) for d in dynamic for who in "ab"),
        singer.RECORD("segment_add", segment_id=segment, id="e"),
        singer.STATE(done=1),
    ]
    done = run(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcde"))
    assert len(rejected(done)) == 4
    assert done.states[-1] == '{"done": 1}'


# Order, and who has no id


def test_order_of_a_person_holds_across_streams_and_whatever_the_case(
    segment, run, singer, members, simulator
):
    """The last word about each counts: a was removed, b was added again."""
    columns = {"segment_id": "integer", "email": "string"}
    emails = {"a": "Ann@x.y", "b": "bob@x.y"}
    said = [("segment_add", "a", str.upper), ("segment_remove", "a", str.lower)]
    said += [("segment_remove", "b", str.lower), ("segment_add", "b", str.upper)]
    run(
        [
            singer.SCHEMA("person_identify", {"id": "string", "email": "string"}),
            *(singer.RECORD("person_identify", id=who, email=mail) for who, mail in emails.items()),
            singer.SCHEMA("segment_add", columns),
            singer.SCHEMA("segment_remove", columns),
            *(
                singer.RECORD(stream, segment_id=segment, email=case(emails[who]))
                for stream, who, case in said
            ),
        ]
    )
    assert members(segment) == set("bcd")


def test_who_is_merged_away_was_added_before(segment, run, singer, members):
    """The other way round there would be nobody to add, and the answer 200 all the same."""
    done = run(
        [
            *people(singer, "old", "new"),
            singer.SCHEMA("segment_add", {"segment_id": "integer", "id": "string"}),
            singer.RECORD("segment_add", segment_id=segment, id="old"),
            singer.SCHEMA("person_merge", {"primary_id": "string", "secondary_id": "string"}),
            singer.RECORD("person_merge", primary_id="new", secondary_id="old"),
        ]
    )
    assert done.exit_code == 0, done.log
    assert members(segment) == {*"abcd", "new"}


def test_what_is_about_somebody_waits_for_the_call_about_them_and_what_is_not_does_not(
    segment, run, singer, simulator
):
    columns = {"segment_id": "integer", "id": "string"}
    messages = [
        singer.SCHEMA("person_identify", {"id": "string"}),
        singer.SCHEMA("segment_add", columns),
        singer.SCHEMA("segment_remove", columns),
        singer.RECORD("segment_add", segment_id=segment, id="e"),
        singer.RECORD("segment_add", segment_id=segment, id="f"),
        singer.RECORD("person_identify", id="x"),
        singer.RECORD("person_identify", id="e"),
        singer.RECORD("segment_remove", segment_id=segment, id="c"),
        singer.RECORD("person_identify", id="f"),
    ]
    run(messages, max_concurrency=1)
    calls = [call["path"].rsplit("/", 1)[1] for call in simulator.calls()]
    assert calls == ["batch", "add_customers", "batch", "remove_customers"]


@pytest.fixture
def nameless(segment, run, singer, simulator):
    """Members of the segment without an id: Ann and Bob."""
    emails = ["Ann@x.y", "bob@x.y"]
    done = run(
        [
            singer.SCHEMA("person_identify", {"email": "string"}),
            *(singer.RECORD("person_identify", email=each) for each in emails),
            *members_of(singer, *emails, column="email"),
        ],
        **entry("segment_add", segment_id=segment),
    )
    assert done.exit_code == 0
    return {row["email"]: cio_id for cio_id, row in simulator.people().items() if not row["id"]}


def removing(singer, **columns):
    kind = dict.fromkeys(columns, "string")
    return [singer.SCHEMA("s", kind), singer.RECORD("s", **columns), singer.STATE(done=1)]


@pytest.mark.parametrize("kind", ["email", "cio_id"])
def test_who_cannot_be_removed_for_want_of_an_id_is_a_reject(
    nameless, segment, run, singer, app, *, simulator, kind
):
    messages = removing(singer, **{kind: "ANN@x.y" if kind == "email" else nameless["Ann@x.y"]})
    done = run(messages, **entry("segment_remove", segment_id=segment), **app)
    assert done.exit_code == 1
    assert len(simulator.members(segment)) == 6
    assert done.rejects[-1]["record"] == messages[1]["record"]
    assert done.rejects[-1]["rejection"]["reason"] == "no_id"
    assert "1 rejected: identifiers no_id" in done.log
    assert "x.y" not in done.log
    assert json.loads(done.states[-1]) == {"done": 1}


def test_who_got_an_id_in_the_same_run_is_removed(
    nameless, segment, run, singer, app, *, simulator
):
    columns = {"email": "string", "id": "string"}
    messages = [
        singer.SCHEMA("person_identify", columns),
        singer.RECORD("person_identify", person_email="bob@x.y", id="bob"),
        *removing(singer, email="bob@x.y"),
    ]
    done = run(messages, **entry("segment_remove", segment_id=segment), **app)
    assert done.exit_code == 0, done.log
    assert nameless["bob@x.y"] not in simulator.members(segment)


def test_who_was_added_in_the_same_run_is_looked_for_anew(nameless, segment, run, singer, app):
    columns = {"segment_id": "integer", "email": "string"}
    messages = [
        singer.SCHEMA("person_identify", {"email": "string"}),
        singer.RECORD("person_identify", email="new@x.y"),
        singer.SCHEMA("segment_remove", columns),
        singer.SCHEMA("segment_add", columns),
        singer.RECORD("segment_remove", segment_id=segment, email="bob@x.y"),
        singer.RECORD("segment_add", segment_id=segment, email="bob@x.y"),
        singer.RECORD("segment_add", segment_id=segment, email="new@x.y"),
        singer.RECORD("segment_remove", segment_id=segment, email="new@x.y"),
    ]
    done = run(messages, **app)
    assert done.exit_code == 1
    assert [one["record"]["email"] for one in done.rejects if one["type"] == "RECORD"] == [
        "bob@x.y",
        "new@x.y",
    ]


def test_without_the_app_key_it_is_said_that_nobody_can_tell(segment, run, singer):
    messages = [*removing(singer, email="a@x.y"), singer.RECORD("s", email="b@x.y")]
    done = run(messages, **entry("segment_remove", segment_id=segment))
    assert done.exit_code == 0
    assert done.log.count("with `app_api_key` they are rejected") == 1


def test_people_removed_by_id_need_no_look_at_the_members(segment, run, singer, app, simulator):
    run(removing(singer, id="a"), **entry("segment_remove", segment_id=segment), **app)
    assert not [call for call in simulator.calls() if "membership" in call["path"]]
