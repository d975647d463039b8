from __future__ import annotations

import json

import pytest

COLUMNS = {"person_id": "string", "event_name": "string", "plan": "string", "amount": "number"}


@pytest.fixture
def messages(singer):
    return [
        singer.SCHEMA("person_event", COLUMNS),
        *(
            singer.RECORD(
                "person_event", person_id=str(n), event_name="paid", plan="secret", amount=1
            )
            for n in range(2_000)
        ),
        singer.RECORD("person_event", event_name="paid"),
        singer.SCHEMA("person_delete", {"id": "string"}),
        singer.RECORD("person_delete", id="one"),
        singer.RECORD("person_delete", id="two"),
        singer.STATE(done=1),
    ]


def test_a_dry_run_sends_nothing_and_lets_no_state_out(run, simulator, messages, tmp_path):
    done = run(messages, dry_run=True, max_deletes=1)
    assert done.exit_code == 0
    assert done.states == []
    assert simulator.calls() == []
    assert not (tmp_path / "rejects").exists()


def test_the_plan_says_what_would_be_sent(run, messages, tmp_path):
    done = run(messages, dry_run=True, max_deletes=1, plan_path=str(tmp_path / "a" / "plan.json"))
    plan = json.loads((tmp_path / "a" / "plan.json").read_text())
    events, deletes = plan["streams"]
    assert (events["records"], events["items"], events["events"]) == (2_001, 2_000, 2_000)
    assert events["rejects"] == {"identifiers required": 1}
    assert events["calls"] == events["bodies"] > 0
    assert events["seconds"] == round(events["calls"] / 100, 2)
    assert (deletes["operation"], deletes["items"], deletes["deletes"]) == ("person_delete", 2, 2)
    assert (plan["deletes"], plan["max_deletes"]) == (2, 1)
    assert events["samples"][0]["attributes"] == {
        "plan": "string, 6 bytes",
        "amount": "integer, 1 bytes",
    }
    assert "2 deletes are more than `max_deletes` (1)" in done.log
    assert "secret" not in done.log + json.dumps(plan)


def test_the_plan_counts_the_bodies_that_a_run_sends(run, simulator, messages, tmp_path):
    path = tmp_path / "plan.json"
    run(messages[:-5], dry_run=True, plan_path=str(path))
    (planned,) = json.loads(path.read_text())["streams"]
    run(messages[:-5], max_concurrency=1, track_api_url=simulator.url)
    bodies = [call for call in simulator.calls() if call["path"] == "/api/v2/batch"]
    assert planned["bodies"] == len(bodies)


def test_a_plan_that_cannot_be_written_is_said(run, messages, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run(messages, dry_run=True, plan_path=str(tmp_path / "file" / "plan.json"))
    assert done.exit_code == 1
    assert "check `plan_path`" in done.error


# What acts at the end of the input


@pytest.fixture
def planned(run, app, tmp_path):
    """Pipe messages into a dry run, and return it with the plan of its only stream."""

    def pipe(messages, operation, settings=None, **keys):
        streams = [{"stream": "s", "operation": operation, **keys}]
        path = tmp_path / "plan.json"
        done = run(messages, streams=streams, dry_run=True, plan_path=str(path),
                   **app | (settings or {}))  # fmt: skip
        assert done.exit_code == 0, done.log
        assert (done.states, done.rejects) == ([], [])
        return done, json.loads(path.read_text())["streams"][-1]

    return pipe


def members_of(singer, *rows):
    return [
        singer.SCHEMA("s", {"id": "string", "email": "string", "segment_id": "integer"}),
        *(singer.RECORD("s", **row) for row in rows),
        singer.STATE(done=1),
    ]


@pytest.fixture
def segment(run, simulator, app, singer):
    """A segment with a, b and c, and with somebody who has no id."""
    everybody = [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"email": "x@y.z"}]
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "string", "email": "string"}),
            *(singer.RECORD("person_identify", **each) for each in everybody),
            *members_of(singer, *everybody),
        ],
        streams=[{"stream": "s", "operation": "segment_add", "segment_name": "VIP"}
                 | {"create_missing": True}],
        **app,
    )  # fmt: skip
    assert done.exit_code == 0, done.log
    (path,) = {call["path"] for call in simulator.calls() if "add_customers" in call["path"]}
    simulator.reset()
    return int(path.split("/")[4])


def writes(simulator):
    return [call for call in simulator.calls() if call["method"] != "GET"]


def test_the_plan_of_a_mirror_says_who_would_come_and_go(planned, segment, simulator, singer):
    rows = members_of(singer, {"id": "a"}, {"id": "new"}, {"id": "newer"})
    done, plan = planned(rows, "segment_mirror", segment_id=segment)
    assert plan["segments"] == [
        {
            "segment_id": segment,
            "added": 2,
            "removed": 2,
            "members": 3,
            "without_id": 1,
            "exceeds_max_removed_percent": True,
        }
    ]
    assert (plan["items"], plan["calls"], plan["bodies"]) == (3, 2, 2)
    assert plan["bytes"] == len(b'{"ids":["new","newer"]}') + len(b'{"ids":["b","c"]}')
    assert f"segment {segment}: 2 people added, 2 removed of 3 that have an id; 1 " in done.log
    assert "more than `max_removed_percent` (10): a run would remove none" in done.log
    assert "newer" not in done.log
    assert writes(simulator) == []
    assert len(simulator.members(segment)) == 4


def test_a_share_that_is_allowed_is_planned_without_a_warning(planned, segment, singer):
    rows = members_of(singer, {"id": "a"}, {"id": "b"})
    done, plan = planned(rows, "segment_mirror", {"max_removed_percent": 34}, segment_id=segment)
    assert (plan["segments"][0]["removed"], plan["calls"]) == (1, 1)
    assert not plan["segments"][0]["exceeds_max_removed_percent"]
    assert "`max_removed_percent`" not in done.log


def test_each_segment_that_records_name_is_planned(planned, segment, singer):
    rows = [{"id": who, "segment_id": number} for number in (segment, 999) for who in "az"]
    _, plan = planned(members_of(singer, *rows), "segment_mirror")
    (found,) = plan["segments"]
    assert (found["segment_id"], found["added"]) == (segment, 1)
    assert found["removed"] == 0  # since records are rejected
    assert plan["rejects"] == {"segment_id invalid": 2}


@pytest.mark.parametrize("operation", ["segment_add", "segment_mirror"])
def test_a_segment_that_a_run_would_make_is_not_made(planned, simulator, singer, operation):
    keys = {"segment_name": "To be made", "create_missing": True}
    done, plan = planned(members_of(singer, {"id": "a"}), operation, **keys)
    assert (plan["segments"][0]["segment_id"], plan["segments"][0]["added"]) == (None, 1)
    assert "a new segment: 1 people added, 0 removed" in done.log
    assert writes(simulator) == []


def test_the_plan_counts_the_calls_to_segments_that_a_run_makes(
    planned, run, app, simulator, segment, *, singer
):
    rows = [{"id": str(number)} for number in range(1_001)] + [{"email": "a@b.c"}]
    rows = [row | {"segment_id": segment} for row in rows]
    _, plan = planned(members_of(singer, *rows), "segment_add")
    run(members_of(singer, *rows), streams=[{"stream": "s", "operation": "segment_add"}], **app)
    sent = [call for call in writes(simulator) if "segments" in call["path"]]
    assert (plan["items"], plan["calls"]) == (1_002, len(sent))
    assert plan["calls"] == 3


def test_the_plan_of_a_collection_says_rows_and_bytes(planned, simulator, singer):
    rows = [
        singer.SCHEMA("s", {"sku": "string", "action": "integer"}),
        singer.RECORD("s", sku="secret", action=5),
        singer.RECORD("s", sku="b", action=None),
        singer.STATE(done=1),
    ]
    done, plan = planned(
        rows, "collection_replace", collection_name="To be made", create_missing=True
    )
    assert (plan["items"], plan["calls"], plan["deletes"]) == (2, 1, 0)
    assert plan["bytes"] == len(b'[{"sku":"secret","action":5},{"sku":"b","action":null}]')
    assert plan["seconds"] == 0.1  # the App API takes ten calls a second
    assert "secret" not in done.log
    assert writes(simulator) == []


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, 1)])
def test_what_would_not_act_is_planned_as_nothing(planned, segment, singer, simulator, cut):
    rows = members_of(singer, {"id": "a"})[cut]
    done, plan = planned(rows, "segment_mirror", segment_id=segment)
    assert (plan["calls"], plan["segments"]) == (0, [])
    assert "nothing was removed or replaced" in done.log


def test_settings_that_no_run_could_follow_end_a_dry_run_too(run, singer):
    streams = [{"stream": "s", "operation": "segment_mirror", "segment_id": 1}]
    done = run(members_of(singer), streams=streams, dry_run=True)
    assert done.exit_code == 1
    assert "needs `app_api_key`" in done.error


def test_a_dry_run_goes_on_whatever_is_rejected(run, singer, tmp_path):
    rows = [singer.RECORD("person_event", event_name="paid")] * 1_500
    path = tmp_path / "plan.json"
    done = run([singer.SCHEMA("person_event", COLUMNS), *rows], dry_run=True, plan_path=str(path))
    assert done.exit_code == 0
    (planned,) = json.loads(path.read_text())["streams"]
    assert planned["rejects"] == {"identifiers required": 1_500}
