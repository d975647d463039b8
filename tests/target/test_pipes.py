"""The whole target, from messages to what Customer.io holds afterwards."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def test_people_and_events_arrive(process, singer, simulator):
    done = process(
        [
            singer.SCHEMA("person_identify", {"id": "integer", "email": "string"}, ["id"]),
            singer.RECORD("person_identify", id=1, email="jane@example.com", plan="free"),
            singer.RECORD("person_identify", id=2, email="joe@example.com"),
            singer.STATE(people=2),
            singer.SCHEMA("person_event", {"customer_id": "integer"}),
            singer.RECORD("person_event", customer_id=1, event_name="bought", price=2.5),
            singer.STATE(people=2, events=1),
        ]
    )
    assert done.exit_code == 0, done.log
    people = {person["id"]: person for person in simulator.people().values()}
    assert people["1"]["attributes"]["plan"] == "free"
    assert people["2"]["email"] == "joe@example.com"
    (event,) = simulator.events()
    assert (event["name"], event["attributes"], len(event["id"])) == ("bought", {"price": 2.5}, 26)
    assert json.loads(done.states[-1]) == {"people": 2, "events": 1}
    assert done.rejects == []
    assert "error" not in done.log.lower()
    assert "person_identify (person_identify): 2 records, 2 accepted, 0 rejected" in done.log
    assert "jane" not in done.log


def test_a_state_leaves_as_it_came(run, singer):
    value = b'{"z":1.10,"a":{"big":123456789012345678901234567890,"e":1E+2},"t":"\xc3\xbc\\u00fc"}'
    done = run([b'{"type": "STATE", "value": ' + value + b"}"])
    assert done.exit_code == 0, done.log
    assert done.states == [value.decode()]


def test_a_state_without_content_would_erase_the_last_one_and_stays(run, singer):
    assert run([singer.STATE(), singer.STATE(a=1), singer.STATE()]).states == ['{"a": 1}']


def test_no_input_is_no_fault(run):
    done = run(b"")
    assert (done.exit_code, done.states) == (0, [])


def rejected_file(run, singer, **settings):
    return run(
        [
            singer.SCHEMA("person_identify", {"id": "integer", "plan": "string"}, ["id"]),
            singer.RECORD("person_identify", id=1, plan="x" * 1001),
            singer.RECORD("person_identify", id=2, plan="good"),
            singer.RECORD("person_identify", id=3, plan=7),
            singer.RECORD("person_identify", plan="no key"),
            singer.RECORD("person_identify", id=None, plan="nobody"),
            singer.STATE(done=True),
        ],
        **settings,
    )


def test_bad_records_are_kept_and_everything_else_delivered(run, singer, simulator, tmp_path):
    done = rejected_file(run, singer)
    assert done.exit_code == 1
    assert "4 records were rejected; everything else was delivered" in done.error
    assert json.loads(done.states[-1]) == {"done": True}
    assert [person["id"] for person in simulator.people().values()] == ["2"]
    schema, *records = done.rejects
    assert schema["type"] == "SCHEMA"
    reasons = [(one["rejection"]["field"], one["rejection"]["reason"]) for one in records]
    assert reasons == [
        ("attributes.plan", "invalid"),
        ("plan", "schema"),
        ("id", "missing_key"),
        ("identifiers", "required"),
    ]
    assert all(one["rejection"]["status"] is None for one in records)
    for value in ("xxxx", "good", "no key", "nobody"):
        assert value not in done.log


def test_rejects_need_not_fail_the_run(run, singer):
    done = rejected_file(run, singer, fail_on_rejects=False)
    assert done.exit_code == 0
    assert len(done.rejects) == 5


def test_the_rejects_can_be_sent_again_once_the_cause_is_mended(
    run, process, singer, simulator, tmp_path
):
    rejected_file(run, singer, fail_on_rejects=False)
    (file,) = (tmp_path / "rejects").iterdir()
    again = process([], "--input", str(file), validate_records=False)
    assert again.exit_code == 1
    assert {person["id"] for person in simulator.people().values()} == {"2", "3"}
    assert file.read_bytes().count(b"RECORD") == 4
    assert len(list((tmp_path / "rejects").iterdir())) == 2


def test_quirk_53_a_207_is_no_full_success(run, singer, simulator):
    simulator.fault(
        times=1,
        path="/api/v2/batch",
        status=207,
        body={
            "errors": [
                {
                    "batch_index": 1,
                    "reason": "invalid",
                    "field": "attributes.plan",
                    "message": "property value cannot be longer than 1000 bytes",
                }
            ]
        },
    )
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer"}, ["id"]),
            *(singer.RECORD("person_identify", id=number) for number in range(3)),
            singer.STATE(done=True),
        ],
        max_concurrency=1,
    )
    assert done.exit_code == 1
    record = done.rejects[1]
    assert record["record"] == {"id": 1}
    assert record["rejection"]["status"] == 207
    assert record["rejection"]["message"] == "property value cannot be longer than 1000 bytes"
    assert "person_identify: " not in done.log
    assert "3 records, 2 accepted, 1 rejected" in done.log
    assert "1 rejected: attributes.plan invalid" in done.log


def test_above_the_limit_of_rejects_the_run_stops_and_no_state_leaves(run, singer):
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer"}),
            *(singer.RECORD("person_identify", id=None) for _ in range(1_000)),
            singer.STATE(done=True),
            singer.RECORD("person_identify", id=1),
        ],
        fail_on_rejects=False,
    )
    assert done.exit_code == 1
    assert done.states == []
    assert "More than 10 % of the records were rejected" in done.error
    assert len(done.rejects) == 1_001


def test_rejects_that_cannot_be_written_stop_the_run_before_their_state(run, singer, tmp_path):
    (tmp_path / "rejects").write_text("in the way")
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer"}),
            singer.STATE(before=True),
            singer.RECORD("person_identify", id=None),
            singer.STATE(after=True),
        ]
    )
    assert done.exit_code == 1
    assert done.states == ['{"before": true}']
    assert "`rejected_records_path`" in done.error
    assert "rejected records lie in" not in done.log


def test_no_schema_of_a_mirror_may_bring_only_what_is_new(run, singer, simulator):
    into = {"stream": "vip", "operation": "segment_mirror", "segment_name": "VIP"}
    app = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    again = singer.SCHEMA("vip", {"id": "string"}) | {"bookmark_properties": ["updated_at"]}
    messages = [singer.SCHEMA("vip", {"id": "string"}), singer.RECORD("vip", id="1"), again]
    done = run([*messages, singer.STATE(done=1)], streams=[into | {"create_missing": True}], **app)
    assert (done.exit_code, done.states) == (1, [])
    assert "bookmark_properties" in done.error
    assert not [call for call in simulator.calls() if "_customers" in call["path"]]


RECORD = b'{"type":"RECORD","stream":"person_identify",'


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (RECORD + b'"rec', "is not JSON"),
        (RECORD + b'"record":{"id":NaN,"a":"secret"}}', "is not JSON"),
        (RECORD + b'"record":{"id":"secret\xff"}}', "is not UTF-8"),
        (RECORD + b'"record":' + b"[" * 9_000, "is nested too deep"),
        (b'{"type":"RECORD","stream":"other","record":{}}', "is a RECORD before the SCHEMA"),
        (b'{"type":"RECORD","stream":["a"],"record":{}}', "is a RECORD that lacks"),
        (RECORD + b'"record":[]}', "is a RECORD that lacks"),
        (b'{"type":"SCHEMA","stream":"x"}', "is no SCHEMA"),
        (b'{"type":"SCHEMA","stream":"x","schema":{}}', "is the SCHEMA of stream 'x' and lacks"),
        (b'{"type":"STATE"}', "is a STATE that lacks"),
        (b'{"type":"STATE","value":[1]}', "is a STATE that lacks"),
        (b'{"type":"BATCH","stream":"x","encoding":{},"manifest":[]}', "is a BATCH"),
        (b'{"type":"NEWS"}', "has a message type"),
    ],
)
def test_a_broken_line_ends_the_run_after_what_came_before_it(run, singer, simulator, line, text):
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer"}),
            singer.RECORD("person_identify", id=7),
            singer.STATE(before=True),
            line,
            singer.STATE(after=True),
        ]
    )
    assert done.exit_code == 1
    assert f"Line 4 of the input {text}" in done.error
    assert "Traceback" not in done.log
    assert "secret" not in done.log
    assert done.states == ['{"before": true}']
    assert [person["id"] for person in simulator.people().values()] == ["7"]


def test_a_version_of_a_stream_means_nothing_even_before_its_schema(run, singer):
    version = {"type": "ACTIVATE_VERSION", "stream": "x", "version": 5}
    assert run([version, singer.SCHEMA("person_identify"), version]).exit_code == 0


def test_an_unmapped_stream_is_an_error_before_a_record_of_it_is_sent(run, singer, simulator):
    done = run(
        [
            singer.SCHEMA("person_identify"),
            singer.RECORD("person_identify", id=1),
            singer.STATE(before=True),
            singer.SCHEMA("orders"),
            singer.RECORD("orders", id=2),
        ]
    )
    assert done.exit_code == 1
    assert "'orders'" in done.error
    assert "`streams`" in done.error
    assert done.states == ['{"before": true}']
    assert len(simulator.people()) == 1


def test_an_unmapped_stream_may_be_skipped_and_its_state_still_passes(run, singer, simulator):
    done = run(
        [singer.SCHEMA("orders"), singer.RECORD("orders", id=2), singer.STATE(orders=1)],
        unmapped_streams="skip",
    )
    assert done.exit_code == 0
    assert done.states == ['{"orders": 1}']
    assert done.log.count("orders: 1 records skipped") == 1
    assert simulator.people() == {}


def test_stream_maps_filter_rename_and_copy(run, singer, simulator):
    done = run(
        [
            singer.SCHEMA("users", {"id": "integer", "email": "string", "score": "number"}, ["id"]),
            singer.RECORD("users", id=1, email="a@b.c", score=0.50),
            singer.RECORD("users", id=2, email="", score=1.25),
            singer.SCHEMA("junk"),
            singer.RECORD("junk", id=1),
            singer.STATE(done=True),
        ],
        stream_maps={
            "users": {"__alias__": "person_identify", "__filter__": "email != ''", "vip": "True"},
            "signups": {"__source__": "users", "event_name": "'signed up'", "user_id": "id"},
            "junk": None,
        },
        streams=[{"stream": "signups", "operation": "person_event"}],
    )
    assert done.exit_code == 0, done.log
    (person,) = [one for one in simulator.people().values() if one["email"]]
    assert person["attributes"]["vip"] is True
    assert person["attributes"]["score"] == 0.5
    assert sorted(one["identifiers"]["id"] for one in simulator.events()) == ["1", "2"]
    assert done.states == ['{"done": true}']


def test_the_result_of_a_filter_is_in_no_log(process, singer, monkeypatch):
    monkeypatch.setenv("TARGET_CUSTOMERIO_LOGLEVEL", "DEBUG")
    maps = {"person_identify": {"__filter__": "email"}}
    person = singer.RECORD("person_identify", id=1, email="canary@example.com")
    columns = {"id": "integer", "email": "string"}
    done = process([singer.SCHEMA("person_identify", columns), person], stream_maps=maps)
    assert done.exit_code == 0
    assert "DEBUG" in done.log
    assert "canary" not in done.log


def test_a_record_on_which_a_stream_map_fails_is_rejected(run, singer, simulator):
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer", "age": "string"}),
            singer.RECORD("person_identify", id=1, age="secret"),
            singer.RECORD("person_identify", id=2, age="30"),
        ],
        stream_maps={"person_identify": {"age": "int(age)"}},
    )
    assert done.exit_code == 1
    assert done.rejects[1]["rejection"]["reason"] == "stream_map"
    assert "secret" not in done.log
    assert [person["attributes"]["age"] for person in simulator.people().values()] == [30]


def test_nested_columns_can_be_flattened(run, singer, simulator):
    address = {"type": "object", "properties": {"city": {"type": "string"}}}
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer", "address": address}),
            singer.RECORD("person_identify", id=1, address={"city": "Bern"}),
        ],
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    assert done.exit_code == 0, done.log
    (person,) = simulator.people().values()
    assert person["attributes"]["address__city"] == "Bern"


def test_order_holds_across_a_change_of_schema(run, singer, simulator):
    messages = []
    for number in range(40):
        column = "string" if number % 2 else "integer"
        messages += [
            singer.SCHEMA("person_identify", {"id": "integer", "step": column}),
            singer.RECORD("person_identify", id=1, step=str(number) if number % 2 else number),
        ]
    done = run(messages)
    assert done.exit_code == 0, done.log
    (person,) = simulator.people().values()
    assert person["attributes"]["step"] == "39"


def test_later_records_are_read_by_the_new_schema(run, singer, simulator):
    time = {"type": "string", "format": "date-time"}
    done = run(
        [
            singer.SCHEMA("person_identify", {"id": "integer", "at": "string"}),
            singer.RECORD("person_identify", id=1, at="2024-04-19T00:00:00Z"),
            singer.SCHEMA("person_identify", {"id": "integer", "at": time}),
            singer.RECORD("person_identify", id=2, at="2024-04-19T00:00:00Z"),
        ]
    )
    assert done.exit_code == 0, done.log
    times = {person["id"]: person["attributes"]["at"] for person in simulator.people().values()}
    assert times == {"1": "2024-04-19T00:00:00Z", "2": 1713484800}


def test_identical_rows_without_key_are_announced_and_counted(run, singer, simulator):
    event = singer.RECORD("person_event", user_id=1, event_name="seen", timestamp=1713484800)
    done = run([singer.SCHEMA("person_event"), event, event, event])
    assert done.exit_code == 0
    assert "has no key and no event_id: identical rows become one event" in done.log
    assert "3 events without an id got one, 2 of them the id of an identical one" in done.log
    assert len(simulator.events()) == 1


def test_refused_credentials_end_the_run_with_the_settings_to_check(run, singer):
    done = run(
        [
            singer.SCHEMA("person_identify"),
            singer.RECORD("person_identify", id=1),
            singer.STATE(a=1),
        ],
        track_api_key="wrong-secret-key",
    )
    assert done.exit_code == 1
    assert done.states == []
    assert "`track_api_key`" in done.error
    assert "wrong-secret-key" not in done.log
    assert "Traceback" not in done.log


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_read_are_named(
    process, singer, monkeypatch, tmp_path, content
):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    done = process([singer.SCHEMA("person_event")])
    assert done.exit_code == 1
    assert "The certificates that REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) names" in done.log
    assert "Traceback" not in done.log


def test_a_run_leaves_no_thread_and_no_connection_behind(run, singer, app, monkeypatch):
    closed = []

    def close(session) -> None:
        closed.append(session)

    monkeypatch.setattr("target_customerio.wire.Session.close", close)
    before = set(threading.enumerate())
    done = run([singer.SCHEMA("person_identify"), singer.RECORD("person_identify", id=1)], **app)
    assert done.exit_code == 0
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert not [name for name in left if not name.startswith("AnyIO")]  # those of the simulator
    assert len(closed) == 2  # of the Track API and of the App API


def test_urllib3_says_nothing_of_a_faulty_answer(process, singer):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Careless) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        address = f"http://127.0.0.1:{server.server_port}"
        person = singer.RECORD("person_identify", id=1)
        done = process(
            [singer.SCHEMA("person_identify"), person], track_api_url=address, max_retries=0
        )
        server.shutdown()
    assert "1 accepted" in done.log
    assert "CANARY" not in done.log
    assert "Traceback" not in done.log


class _Careless(BaseHTTPRequestHandler):
    """Takes everything, and sends a header that cannot be parsed."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX\0: CANARY\r\nContent-Length: 2\r\n\r\n{}")
        self.close_connection = True

    def log_message(self, *_) -> None:
        """Keep the output of the tests clean."""
