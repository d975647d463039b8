"""Small Singer files and the exact request bodies that they become, byte for byte."""

from __future__ import annotations

import json

import pytest

from target_customerio.answers import Answer
from target_customerio.api import TrackClient
from target_customerio.app_api import AppClient
from target_customerio.operations import OPERATIONS

SETTINGS = {
    "mapped_streams": {
        "streams": [
            {
                "stream": "crm-*",
                "operation": "person_identify",
                "identifiers": {"id": "uid", "email": "mail"},
                "attributes": {"exclude": ["note"], "rename": {"tier": "plan"}},
            },
            {
                "stream": "orders",
                "operation": "person_event",
                "identifiers": {"id": "uid"},
                "event_name_column": "kind",
                "event_names": {"new": "Order placed"},
                "timestamp": "at",
            },
        ]
    },
    "segment_add": {
        "streams": [{"stream": "segment_add", "operation": "segment_add", "segment_id": 7}]
    },
    "segment_mirror": {
        "streams": [{"stream": "segment_mirror", "segment_id": 9}],
        "max_removed_percent": 50,
    },
    "collection_replace": {
        "streams": [{"stream": "collection_replace", "collection_name": "prices"}]
    },
    "segment_mirrors": {"delete_on_sdc_deleted": True, "max_removed_percent": 100},
    "soft_deletes": {"delete_on_sdc_deleted": True},
}
FILES = [
    *OPERATIONS,
    *(name for name in SETTINGS if name not in OPERATIONS),
]
PRESENT = [{"cio_id": "c1", "id": "42"}, {"cio_id": "c2", "id": "43"}, {"cio_id": "c3"}]


@pytest.fixture
def bodies(monkeypatch):
    """The bodies that were sent, all of them accepted; those of `/api/v2/batch` alone."""
    sent = []

    def post(_, path, body):
        sent.append(body.decode() if path.endswith("/batch") else f"{path} {body.decode()}")
        return Answer(200)

    def replace(_, collection, rows):
        sent.append(f"{collection} {rows.decode()}")

    listed = {
        "segments": [{"id": number, "type": "manual"} for number in (7, 8, 9)],
        "collections": [{"id": 3, "name": "prices"}],
        "activities": [],
        "members": PRESENT,
    }
    for name, rows in listed.items():
        monkeypatch.setattr(AppClient, name, lambda *_, rows=rows: iter(rows))
    monkeypatch.setattr(AppClient, "replace_collection", replace)
    monkeypatch.setattr(TrackClient, "post", post)
    return sent


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_these_bodies(name, root, run, bodies):
    folder = root / "tests" / "data"
    content = (folder / f"{name}.singer").read_bytes()
    done = run(content, max_concurrency=1, app_api_key="key", **SETTINGS.get(name, {}))
    assert done.exit_code == 0, done.log
    assert bodies == (folder / f"{name}.bodies.jsonl").read_text().splitlines()
    assert json.loads(done.states[-1]) == json.loads(content.splitlines()[-1])["value"]
    assert len(done.states) == 1
