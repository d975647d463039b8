"""Small Singer files and the exact request bodies that they become, byte for byte."""

from __future__ import annotations

import json

import pytest

from target_customerio.answers import Answer
from target_customerio.api import TrackClient

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
    }
}


@pytest.fixture
def bodies(monkeypatch):
    """The bodies that were sent, all of them accepted."""
    sent = []

    def send(_, body):
        sent.append(body.decode())
        return Answer(200)

    monkeypatch.setattr(TrackClient, "send", send)
    return sent


@pytest.mark.parametrize("name", ["person_identify", "person_event", "mapped_streams"])
def test_a_file_becomes_these_bodies(name, root, run, bodies):
    folder = root / "tests" / "data"
    content = (folder / f"{name}.singer").read_bytes()
    done = run(content, max_concurrency=1, **SETTINGS.get(name, {}))
    assert done.exit_code == 0, done.log
    assert bodies == (folder / f"{name}.bodies.jsonl").read_text().splitlines()
    assert json.loads(done.states[-1]) == json.loads(content.splitlines()[-1])["value"]
    assert len(done.states) == 1
