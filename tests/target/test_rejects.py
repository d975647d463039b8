from __future__ import annotations

import json
import stat
from datetime import datetime, timezone

import fsspec
import pytest

from target_customerio import rejects as rejects_room
from target_customerio.checkpoints import Checkpoint
from target_customerio.errors import RunEnded
from target_customerio.items import Origin, Rejection, SourceRecord
from target_customerio.rejects import Rejects, new_run_id

NOW = datetime(2026, 11, 21, 20, 14, 3, tzinfo=timezone.utc)
WHY = Rejection("invalid", "attributes.plan", "a value cannot be longer than 1,000 bytes", 207)
SCHEMA = b'{"type":"SCHEMA","stream":"s","schema":{"properties":{}},"key_properties":[]}'
OTHER_SCHEMA = b'{"type":"SCHEMA","stream":"s","schema":{},"key_properties":["id"]}'


def received(line: bytes, schema: bytes = SCHEMA, stream: str = "s") -> SourceRecord:
    return SourceRecord(line, Origin(stream, "person_event", schema, Checkpoint()))


def line(number: int) -> bytes:
    return b'{"type": "RECORD", "stream": "s", "record": {"n": %d}}' % number


def make(path, run_id="run"):
    return Rejects(str(path), run_id, now=lambda: NOW)


def test_the_file_is_a_singer_stream_with_the_reason_beside_the_record(tmp_path):
    rejects = make(tmp_path / "new" / "folder")
    rejects.write(
        received(b'{"type":"RECORD","stream":"s","record":{"a":1.50},"time_extracted":"x"}'), WHY
    )
    rejects.flush()
    assert rejects.location == str(tmp_path / "new" / "folder" / "run.singer.jsonl")
    schema, record = (tmp_path / "new/folder/run.singer.jsonl").read_bytes().splitlines()
    assert schema == SCHEMA
    assert b'"record":{"a":1.50}' in record
    message = json.loads(record)
    assert message.pop("rejection") == {
        "operation": "person_event",
        "reason": "invalid",
        "field": "attributes.plan",
        "message": "a value cannot be longer than 1,000 bytes",
        "status": 207,
        "time": "2026-11-21T20:14:03Z",
        "run_id": "run",
    }
    assert message == {"type": "RECORD", "stream": "s", "record": {"a": 1.5}, "time_extracted": "x"}


def test_the_file_is_made_at_the_first_reject_and_for_its_owner_alone(tmp_path):
    rejects = make(tmp_path / "folder")
    rejects.flush()
    assert rejects.location is None
    assert not (tmp_path / "folder").exists()
    rejects.write(received(line(1)), WHY)
    rejects.flush()
    assert stat.S_IMODE((tmp_path / "folder/run.singer.jsonl").stat().st_mode) == 0o600


def test_every_flush_appends_and_a_schema_comes_when_it_is_new(tmp_path):
    rejects = make(tmp_path)
    for number, schema in [(1, SCHEMA), (2, SCHEMA), (3, OTHER_SCHEMA), (4, SCHEMA)]:
        rejects.write(received(line(number), schema), WHY)
        rejects.flush()
    messages = (tmp_path / "run.singer.jsonl").read_bytes().splitlines()
    kinds = [
        one if one in {SCHEMA, OTHER_SCHEMA} else json.loads(one)["record"]["n"] for one in messages
    ]
    assert kinds == [SCHEMA, 1, 2, OTHER_SCHEMA, 3, SCHEMA, 4]


def test_a_reject_that_is_rejected_again_has_one_reason(tmp_path):
    rejects = make(tmp_path)
    rejects.write(received(b'{"type":"RECORD","record":{},"rejection":{"reason":"old"}}'), WHY)
    rejects.flush()
    assert (tmp_path / "run.singer.jsonl").read_text().count('"rejection"') == 1


def test_a_file_that_is_there_is_never_opened(tmp_path):
    (tmp_path / "run.singer.jsonl").write_text("what is being read")
    rejects = make(tmp_path)
    rejects.write(received(line(1)), WHY)
    with pytest.raises(RunEnded, match="rejected_records_path"):
        rejects.flush()
    assert (tmp_path / "run.singer.jsonl").read_text() == "what is being read"


def test_what_cannot_be_written_stays_so(tmp_path):
    (tmp_path / "folder").write_text("a file where the folder should be")
    rejects = make(tmp_path / "folder")
    rejects.write(received(line(1)), WHY)
    for _ in range(2):
        with pytest.raises(RunEnded, match=r"cannot be written \(File exists\)"):
            rejects.flush()
        assert rejects.location is None
    (tmp_path / "folder").unlink()
    with pytest.raises(RunEnded, match=r"cannot be written \(File exists\)"):
        rejects.flush()


def test_much_is_flushed_before_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(rejects_room, "PENDING_BYTES", 1000)
    rejects = make(tmp_path)
    for number in range(100):
        rejects.write(received(line(number)), WHY)
    assert len((tmp_path / "run.singer.jsonl").read_bytes()) > 10_000


def test_objects_come_in_parts_that_each_can_be_read_alone():
    rejects = make("memory://bucket/prefix", "run-of-parts")
    for number in range(3):
        rejects.write(received(line(number)), WHY)
        rejects.flush()
        rejects.flush()
    files = fsspec.filesystem("memory")
    names = sorted(files.glob("/bucket/prefix/run-of-parts.*"))
    assert [name.rsplit("/", 1)[1] for name in names] == [
        f"run-of-parts.{number}.singer.jsonl" for number in (1, 2, 3)
    ]
    for number, name in enumerate(names):
        schema, record = files.cat_file(name).splitlines()
        assert schema == SCHEMA
        assert json.loads(record)["record"] == {"n": number}
    assert rejects.location == "memory:///bucket/prefix/run-of-parts.*.singer.jsonl"


def test_a_file_url_is_a_local_folder(tmp_path):
    rejects = make(f"file://{tmp_path}/folder")
    rejects.write(received(line(1)), WHY)
    rejects.flush()
    assert rejects.location == str(tmp_path / "folder" / "run.singer.jsonl")


def test_a_kind_of_place_that_does_not_exist_ends_the_run_at_once():
    with pytest.raises(RunEnded, match="rejected_records_path") as ended:
        make("nowhere://key:secret@bucket/x")
    assert "secret" not in str(ended.value)


def test_ids_of_runs_are_safe_in_names_and_differ():
    ids = {new_run_id(NOW) for _ in range(100)}
    assert len(ids) == 100
    assert all(
        one.replace("-", "").isalnum() and one.startswith("20261121T201403Z-") for one in ids
    )
