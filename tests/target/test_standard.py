"""The SDK's own suite for targets. It proves little more than that nothing breaks."""

from __future__ import annotations

import pytest
from singer_sdk.testing import get_target_test_class

from target_customerio.answers import Answer
from target_customerio.api import TrackClient
from target_customerio.target import TargetCustomerIO

CONFIG = {
    "site_id": "site",
    "track_api_key": "key",
    "streams": [{"stream": "*", "operation": "person_identify"}],
    "fail_on_rejects": False,  # most of the suite's records are about nobody
}


@pytest.fixture(autouse=True)
def _accept_everything(monkeypatch, tmp_path):
    monkeypatch.setattr(TrackClient, "send", lambda *_: Answer(200))
    monkeypatch.chdir(tmp_path)


class TestStandard(get_target_test_class(TargetCustomerIO, config=CONFIG)):
    """What every target of the SDK must bear."""

    def test_target_record_missing_key_property(self, run, singer):
        """The suite wants it to end the run; here it is a reject, and the run goes on."""
        done = run(
            [
                singer.SCHEMA("person_identify", {"id": "integer", "metric": "integer"}, ["id"]),
                singer.RECORD("person_identify", metric=8214, email="jane@example.com"),
            ]
        )
        assert done.exit_code == 1
        assert done.rejects[1]["rejection"]["reason"] == "missing_key"
