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
