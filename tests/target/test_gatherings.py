"""Segments and collections: what acts at the end of input, and when it must not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import requests

from target_customerio import segments as segments_room

from .conftest import COMMAND, as_lines


@pytest.fixture
def app(simulator):
    """The settings that reach the App API of the simulator."""
    return {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}


def entry(operation, **keys):
    return {"streams": [{"stream": "s", "operation": operation, **keys}]}


def people(singer, *ids, **more):
    return [
        singer.SCHEMA("person_identify", {"id": "string"}),
        *(singer.RECORD("person_identify", id=each, **more) for each in ids),
        singer.STATE(people=1),
    ]


def members_of(singer, *ids, column="id"):
    return [
        singer.SCHEMA("s", {column: "string"}),
        *(singer.RECORD("s", **{column: each}) for each in ids),
        singer.STATE(members=len(ids)),
    ]


@pytest.fixture
def members(simulator):
    """Return who belongs to a segment, by id."""

    def read(segment):
        people = simulator.people()
        return {people[cio_id]["id"] for cio_id in simulator.members(segment)}

    return read


@pytest.fixture
def segment(simulator, app, run, singer, members):
    """A manual segment with the members a, b, c, d."""
    done = run(
        [*people(singer, *"abcd"), *members_of(singer, *"abcd")],
        **entry("segment_add", segment_name="VIP", create_missing=True),
        **app,
    )
    assert done.exit_code == 0, done.log
    found = [call["path"] for call in simulator.calls() if "add_customers" in call["path"]]
    number = int(found[0].split("/")[4])
    assert members(number) == set("abcd")
    simulator.reset()
    return number


@pytest.fixture
def mirroring(segment, app):
    """The settings of a mirror of the segment that may remove everybody."""
    return entry("segment_mirror", segment_id=segment) | app | {"max_removed_percent": 100}


@pytest.fixture
def mirror(run, mirroring):
    """Pipe messages into a mirror of the segment; all may be removed unless said otherwise."""

    def pipe(messages, **settings):
        return run(messages, **mirroring | settings)

    return pipe


def changes(simulator):
    return [call["path"] for call in simulator.calls() if call["path"].endswith("_customers")]


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


def test_quirk_60_a_dynamic_segment_is_refused(run, singer, customerio_simulator, app):
    done = run(members_of(singer, "a"), **entry("segment_add", segment_id=1), **app)
    assert done.exit_code == 1
    assert "dynamic or not finished" in done.error


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """A .netrc with somebody else's credentials for the host."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.usefixtures("netrc")
def test_a_netrc_replaces_no_credentials(segment, mirror, singer, members):
    done = mirror([*people(singer, "e"), *members_of(singer, *"abcde")])
    assert (done.exit_code, members(segment)) == (0, set("abcde"))


def test_a_mirror_sends_only_the_difference(segment, mirror, singer, members, simulator):
    messages = [*people(singer, "e"), *members_of(singer, *"abce")]
    done = mirror(messages, max_removed_percent=25)
    assert (done.exit_code, members(segment)) == (0, set("abce"))
    assert [path.rsplit("/", 1)[1] for path in changes(simulator)] == [
        "add_customers",
        "remove_customers",
    ]
    assert json.loads(done.states[-1]) == {"members": 4}


def test_a_mirror_removes_no_larger_share_than_allowed(segment, mirror, singer, members):
    done = mirror(members_of(singer, *"abc"), max_removed_percent=10)
    assert (done.exit_code, members(segment), done.states) == (1, set("abcd"), [])
    assert "1 of 4 members would have been removed" in done.error
    assert "max_removed_percent" in done.error


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (slice(0, -1), "no STATE or ACTIVATE_VERSION that calls the stream whole"),
        (slice(0, 1), "brought no records"),
    ],
)
def test_a_tap_that_failed_or_brought_nothing_removes_nobody(mirror, singer, simulator, keep, text):
    done = mirror(members_of(singer, "a")[keep])
    assert (done.exit_code, changes(simulator), done.states) == (1, [], [])
    assert text in done.error


def test_an_empty_table_with_a_state_removes_nobody(segment, mirror, singer, members):
    messages = [singer.SCHEMA("s", {"id": "string"}), singer.STATE(done=1)]
    done = mirror(messages)
    assert (done.exit_code, members(segment), done.states) == (1, set("abcd"), [])


CUT = {"progress_markers": {"Note": "Not read to its end."}}


@pytest.mark.parametrize("bookmark", [CUT, {"partitions": [{"context": {}}, CUT]}])
def test_a_state_that_calls_the_stream_cut_is_no_end(segment, mirror, singer, members, bookmark):
    done = mirror([*members_of(singer, "a"), singer.STATE(bookmarks={"s": bookmark})])
    assert (done.exit_code, members(segment), done.states) == (1, set("abcd"), [])
    assert "no STATE or ACTIVATE_VERSION that calls the stream whole" in done.error


def test_a_state_that_calls_another_stream_cut_is_an_end(segment, mirror, singer, members):
    whole = singer.STATE(bookmarks={"s": {"progress_markers": {}}, "other": CUT, "odd": None})
    done = mirror([*members_of(singer, "a"), whole])
    assert (done.exit_code, members(segment)) == (0, {"a"})


def test_a_version_counts_as_an_end(segment, mirror, singer, members):
    messages = [
        *members_of(singer, "a")[:-1],
        {"type": "ACTIVATE_VERSION", "stream": "s", "version": 1},
    ]
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (0, {"a"})


def test_a_version_of_another_stream_is_no_end(segment, mirror, singer, members):
    messages = [
        *members_of(singer, "a")[:-1],
        {"type": "ACTIVATE_VERSION", "stream": "other", "version": 1},
    ]
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcd"))


def test_a_broken_line_removes_nobody(segment, mirror, singer, members):
    messages = [*members_of(singer, "a"), b'{"type":"RECORD","stream":"s","rec']
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcd"))
    assert "nothing was removed or replaced" in done.log


def test_with_a_reject_a_mirror_only_adds(segment, mirror, singer, members):
    messages = [*people(singer, "e"), *members_of(singer, "a", None, "e")]
    done = mirror(messages)
    assert (done.exit_code, members(segment)) == (1, set("abcde"))


def test_a_stream_that_brings_only_what_is_new_cannot_mirror(segment, run, singer, app):
    messages = members_of(singer, "a")
    messages[0]["bookmark_properties"] = ["updated_at"]
    done = run(messages, **entry("segment_mirror", segment_id=segment), **app)
    assert done.exit_code == 1
    assert "bookmark_properties" in done.error


def test_two_streams_for_one_segment_are_refused(segment, run, singer, app, simulator):
    streams = [{"stream": name, "operation": "segment_add", "segment_id": segment} for name in "st"]
    messages = [singer.SCHEMA("s", {"id": "string"}), singer.SCHEMA("t", {"id": "string"})]
    done = run([*messages, singer.RECORD("t", id="x")], streams=streams, **app)
    assert done.exit_code == 1
    assert f"both for segment {segment}" in done.error
    assert changes(simulator) == []


def test_members_marked_as_deleted_leave(segment, mirror, singer, members):
    messages = members_of(singer, *"abc")
    messages[3]["record"]["_sdc_deleted_at"] = "2026-01-01T00:00:00Z"
    done = mirror(messages, delete_on_sdc_deleted=True)
    assert (done.exit_code, members(segment)) == (0, set("ab"))


# A segment that each record names


@pytest.fixture
def segments(simulator, app, run, singer, members):
    """Two manual segments with members of their own."""
    names = [{"stream": name, "operation": "segment_add", "segment_name": name} for name in "st"]
    done = run(
        [
            *people(singer, *"abcdwxyz"),
            *members_of(singer, *"abcd"),
            singer.SCHEMA("t", {"id": "string"}),
            *(singer.RECORD("t", id=each) for each in "wxyz"),
        ],
        streams=[entry | {"create_missing": True} for entry in names],
        **app,
    )
    assert done.exit_code == 0, done.log
    found = [call["path"] for call in simulator.calls() if "add_customers" in call["path"]]
    numbers = [int(path.split("/")[4]) for path in found]
    assert [members(number) for number in numbers] == [set("abcd"), set("wxyz")]
    simulator.reset()
    return numbers


def named_members(singer, *rows, keys=()):
    columns = {"segment_id": "integer", "id": "string", "_sdc_deleted_at": "string"}
    return [
        singer.SCHEMA("segment_mirror", columns, keys),
        *(singer.RECORD("segment_mirror", segment_id=one, id=who) for one, who in rows),
        singer.STATE(rows=len(rows)),
    ]


def test_a_mirror_sets_every_segment_that_its_records_name(segments, run, app, singer, members):
    one, other = segments
    rows = [(one, "a"), (other, "w"), (one, "b"), (one, "c"), (other, "x"), (other, "a")]
    done = run(named_members(singer, *rows), **app, max_removed_percent=50)
    assert (done.exit_code, members(one), members(other)) == (0, set("abc"), set("wxa"))
    assert json.loads(done.states[-1]) == {"rows": 6}
    assert "6 records, 6 accepted, 0 rejected" in done.log


def test_what_is_too_much_for_one_segment_stops_no_other(segments, run, app, singer, members):
    one, other = segments
    rows = [(one, "a"), *((other, each) for each in "wxy")]
    done = run(named_members(singer, *rows), **app, max_removed_percent=25)
    assert (done.exit_code, members(one), members(other)) == (1, set("abcd"), set("wxy"))
    assert f"Of segment {one} 3 of 4 members would have been removed" in done.error
    assert f"segment {other} " not in done.error
    assert done.states == []
    assert "4 records, 3 accepted" in done.log


def test_a_segment_that_no_record_names_stays_as_it_is(segments, run, app, singer, members):
    one, other = segments
    run(named_members(singer, (one, "a")), **app, max_removed_percent=100)
    assert (members(one), members(other)) == ({"a"}, set("wxyz"))


def test_the_last_one_who_left_empties_the_segment(segments, run, app, singer, members):
    one, other = segments
    messages = named_members(singer, (one, "a"), (other, "w"))
    messages[2]["record"]["_sdc_deleted_at"] = "2026-01-01T00:00:00Z"
    done = run(messages, delete_on_sdc_deleted=True, max_removed_percent=100, **app)
    assert (done.exit_code, members(one), members(other)) == (0, {"a"}, set())


@pytest.mark.parametrize("bad", [None, "", 0, -7, 7.5, True, "seven", 999, "9" * 5_000])
def test_a_record_that_names_no_segment_that_is_there_lets_nobody_be_removed(
    segments, run, app, singer, members, *, bad
):
    messages = named_members(singer, (segments[0], "a"), (bad, "b"))
    messages[0]["schema"]["properties"]["segment_id"] = {}
    done = run(messages, max_removed_percent=100, **app)
    assert (done.exit_code, members(segments[0])) == (1, set("abcd"))
    assert [one["rejection"]["field"] for one in done.rejects[1:]] == ["segment_id"]
    assert "3 people were not removed" in done.log


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


def listed(simulator, table):
    headers = {"Authorization": f"Bearer {simulator.app_api_key}"}
    answer = requests.get(f"{simulator.url}/v1/{table}", headers=headers, timeout=30)
    return answer.json()[table]


def reaching(simulator):
    return {
        "app_api_key": simulator.app_api_key,
        "app_api_url": simulator.url,
        "track_api_url": simulator.url,
        "site_id": simulator.site_id,
        "track_api_key": simulator.track_api_key,
    }


def test_a_stream_that_does_not_say_its_segment_is_refused_at_once(run, app, singer, simulator):
    done = run([singer.SCHEMA("segment_mirror", {"id": "string"})], **app)
    assert done.exit_code == 1
    assert "needs a column `segment_id`" in done.error


def test_a_mirror_shares_a_segment_that_its_records_name_with_nobody(
    segments, run, app, singer, members
):
    one, _ = segments
    columns = {"segment_id": "integer", "id": "string"}
    other = [
        singer.SCHEMA("segment_add", columns),
        singer.RECORD("segment_add", segment_id=one, id="w"),
    ]
    for messages in (
        [*other, *named_members(singer, (one, "a"))],
        [*named_members(singer, (one, "a")), *other],
    ):
        done = run(messages, **app, max_removed_percent=100)
        assert done.exit_code == 1
        assert f"both for segment {one}" in done.error
        assert set("abcd") <= members(one)


def test_a_copy_of_a_stream_that_is_filtered_to_nothing_removes_nobody(
    segments, run, app, singer, members
):
    one, other = segments
    done = run(
        members_of(singer, "a"),
        stream_maps={
            "s": {"__else__": None, "id": "id"},
            "t": {"__source__": "s", "__filter__": "id == 'none'"},
        },
        streams=[
            {"stream": name, "operation": "segment_mirror", "segment_id": number}
            for name, number in (("s", one), ("t", other))
        ],
        max_removed_percent=100,
        **app,
    )
    assert (done.exit_code, members(one), members(other)) == (1, {"a"}, set("wxyz"))
    assert (
        "'t' (segment_mirror): nothing was removed or replaced, since it brought no" in done.error
    )


def test_two_streams_that_name_a_segment_to_be_made_make_one(run, app, singer, simulator):
    streams = [
        {"stream": name, "operation": "segment_add", "segment_name": "New", "create_missing": True}
        for name in "st"
    ]
    done = run([singer.SCHEMA("s"), singer.SCHEMA("t")], streams=streams, **app)
    assert done.exit_code == 1
    assert "are both for segment" in done.error
    assert [row["name"] for row in listed(simulator, "segments")].count("New") == 1


def test_nothing_is_made_for_a_stream_that_is_refused(run, app, singer, simulator):
    message = singer.SCHEMA("s", {"id": "string"}) | {"bookmark_properties": ["at"]}
    done = run(
        [message], **entry("segment_mirror", segment_name="Never", create_missing=True), **app
    )
    assert done.exit_code == 1
    assert "Never" not in [row["name"] for row in listed(simulator, "segments")]


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


TAP = """
import os, sys
sys.stdout.write(sys.argv[1])
sys.stdout.flush()
{end}
"""


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit(1)"])
def test_a_tap_that_dies_after_some_records_removes_nobody(
    mirroring, singer, configure, simulator, end
):
    """The pipe closes just as after a tap that is done, but the last word is a RECORD."""
    messages = [*members_of(singer, "a"), singer.RECORD("s", id="b")]
    tap = subprocess.Popen(
        [sys.executable, "-c", TAP.format(end=end), as_lines(messages).decode()],
        stdout=subprocess.PIPE,
    )
    command = [COMMAND, "--config", str(configure(**mirroring))]
    with tap:
        done = subprocess.run(
            command, stdin=tap.stdout, capture_output=True, check=False, timeout=60
        )
    assert tap.returncode != 0
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nothing was removed or replaced" in done.stderr
    assert changes(simulator) == []


# Collections


def rows(singer, *prices):
    return [
        singer.SCHEMA("s", {"sku": "string", "price": "number"}),
        *(singer.RECORD("s", sku=f"s{p}", price=p, _sdc_batched_at="x", none=None) for p in prices),
        singer.STATE(rows=len(prices)),
    ]


@pytest.fixture
def content(simulator):
    """Return the rows of a collection."""
    import requests

    def read(name):
        headers = {"Authorization": f"Bearer {simulator.app_api_key}"}
        url = f"{simulator.url}/v1/collections"
        found = requests.get(url, headers=headers, timeout=9).json()["collections"]
        (number,) = [row["id"] for row in found if row["name"] == name]
        return requests.get(f"{url}/{number}/content", headers=headers, timeout=9).json()

    return read


def replacing(**keys):
    named = {"collection_name": "prices", "create_missing": True}
    return entry("collection_replace", **named | keys)


def test_quirk_72_a_collection_is_replaced_at_once(run, singer, app, content):
    assert run(rows(singer, 1, 2), **replacing(), **app).exit_code == 0
    done = run(rows(singer, 2.5), **replacing(create_missing=False), **app)
    assert (done.exit_code, json.loads(done.states[-1])) == (0, {"rows": 1})
    assert content("prices") == [{"sku": "s2.5", "price": 2.5, "none": None}]


@pytest.mark.parametrize("keep", [slice(0, -1), slice(0, 1)])
def test_a_tap_that_failed_or_brought_nothing_replaces_nothing(run, singer, app, content, keep):
    run(rows(singer, 1), **replacing(), **app)
    done = run(rows(singer, 7)[keep], **replacing(), **app)
    assert (done.exit_code, done.states) == (1, [])
    assert content("prices")[0]["price"] == 1


def test_with_a_reject_nothing_is_replaced(run, singer, app, content):
    run(rows(singer, 1), **replacing(), **app)
    messages = rows(singer, 7, 8)
    messages[1]["record"]["sku"] = "x" * 10_000
    done = run(messages, **replacing(), **app)
    assert (done.exit_code, done.states) == (1, [])
    assert done.rejects[-1]["rejection"]["field"] == "row"
    assert content("prices")[0]["price"] == 1


def test_above_ten_megabytes_nothing_is_replaced(run, singer, app, simulator):
    wide = "x" * 9_900
    messages = [
        singer.SCHEMA("s", {"a": "string"}),
        *(singer.RECORD("s", a=wide) for _ in range(1020)),
        singer.STATE(done=1),
    ]
    done = run(messages, **replacing(), **app)
    assert (done.exit_code, done.states) == (1, [])
    assert "10,000,000 at most" in done.error
    assert not [call for call in simulator.calls() if call["method"] in {"PUT", "POST"}]


def test_a_collection_needs_the_app_key(run, singer):
    done = run(rows(singer, 1), **replacing())
    assert done.exit_code == 1
    assert "needs `app_api_key`" in done.error


@pytest.mark.parametrize("status", [418, 522])
def test_a_status_of_the_app_api_that_has_no_name_is_told_as_it_is(
    run, singer, simulator, app, status
):
    simulator.fault(times=None, path="/v1/collections", status=status)
    done = run([singer.SCHEMA("s", {"a": "string"})], max_retries=0, **app,
               **entry("collection_replace", collection_id=1))  # fmt: skip
    assert done.exit_code == 1
    assert f"answered with status {status} and nothing that can be read" in done.error


def test_an_answer_of_the_app_api_that_breaks_off_is_asked_for_again(run, singer, simulator, app):
    simulator.fault(times=2, path="/v1/collections", truncate=True)
    rows = [singer.SCHEMA("s", {"a": "string"}), singer.RECORD("s", a="b"), singer.STATE(done=1)]
    done = run(rows, **app, **entry("collection_replace", collection_id=1))
    assert done.exit_code == 0, done.log
    assert done.states == ['{"done": 1}']

    simulator.fault(times=2, path="/v1/collections", truncate=True)
    done = run(rows, max_retries=1, **app, **entry("collection_replace", collection_id=1))
    assert done.exit_code == 1
    assert "could not be reached or broke off its answer" in done.error


def test_a_page_in_place_of_an_answer_of_the_app_api_is_asked_for_again(
    run, singer, simulator, app
):
    simulator.fault(times=2, path="/v1/collections", status=200, html=True)
    rows = [singer.SCHEMA("s", {"a": "string"}), singer.RECORD("s", a="b"), singer.STATE(done=1)]
    done = run(rows, **app, **entry("collection_replace", collection_id=1))
    assert done.exit_code == 0, done.log


def test_a_key_of_any_characters_is_refused_as_any_other(run, singer, app):
    done = run(rows(singer, 1), **replacing(), **app | {"app_api_key": "naïve-☂"})
    assert done.exit_code == 1
    assert "refused `app_api_key` (401)" in done.error


@pytest.mark.parametrize("lost", [{"reset": "after"}, {"status": 504, "applied": True}])
@pytest.mark.parametrize(
    ("operation", "named", "listed"),
    [
        ("segment_add", "segment_name", "segments"),
        ("collection_replace", "collection_name", "collections"),
    ],
)
def test_what_was_made_is_not_made_again_when_the_answer_is_lost(
    run, singer, simulator, app, *, operation, named, listed, lost
):
    simulator.fault(path=f"/v1/{listed}", method="POST", **lost)
    streams = entry(operation, **{named: "VIP"}, create_missing=True)
    rows = [singer.SCHEMA("s", {"id": "string"}), singer.RECORD("s", id="a"), singer.STATE(done=1)]
    for _ in range(2):
        done = run([*people(singer, "a"), *rows], **streams, **app)
        assert done.exit_code == 0, done.log
    answer = requests.get(
        f"{simulator.url}/v1/{listed}",
        headers={"Authorization": f"Bearer {simulator.app_api_key}"},
        timeout=30,
    )
    assert [row["name"] for row in answer.json()[listed]].count("VIP") == 1


def test_a_segment_that_is_not_there_rejects_its_own_records(segment, run, singer, simulator):
    simulator.fault(times=None, path="/api/v1/segments/999/add_customers", status=404)
    messages = [
        singer.SCHEMA("segment_add", {"id": "string", "segment_id": "integer"}),
        singer.RECORD("segment_add", id="a", segment_id=999),
        singer.RECORD("segment_add", id="b", segment_id=segment),
        singer.STATE(done=1),
    ]
    done = run(messages)
    assert (done.exit_code, done.states) == (1, ['{"done": 1}'])
    (refused,) = [message for message in done.rejects if message["type"] == "RECORD"]
    assert (refused["record"]["id"], refused["rejection"]["status"]) == ("a", 404)


def test_no_more_records_wait_for_a_call_than_memory_has_room_for(
    segment, run, singer, simulator, monkeypatch
):
    monkeypatch.setattr(segments_room, "WAITING_AT_MOST", 10)
    run(members_of(singer, *["a"] * 25), **entry("segment_add", segment_id=segment))
    assert len(changes(simulator)) == 3
