"""What singer-check-tap, which nobody here wrote, says about the tap's output."""

from __future__ import annotations

import collections
import json
import re

import pytest

# Of 2017, and with a jsonschema of that time: it lives in an environment of its own.
SINGER_TOOLS = "singer-tools==0.4.1"


@pytest.fixture
def output(customerio_simulator, programs, run, tmp_path):
    """What the tap writes, and the streams: every one of a workspace."""
    simulator = customerio_simulator(people=80, seed=7, rate_limit=0)
    config = tmp_path / "config.json"
    settings = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    config.write_text(json.dumps(settings | {"requests_per_second": 0}))
    tap = (programs / "tap-customerio", "--config", config)
    catalog = json.loads(run(*tap, "--discover").stdout)
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
        root["metadata"]["selected"] = True
    everything = tmp_path / "catalog.json"
    everything.write_text(json.dumps(catalog))
    return run(*tap, "--catalog", everything).stdout, {
        entry["tap_stream_id"] for entry in catalog["streams"]
    }


def test_singer_check_tap_finds_every_record_valid(output, run, uv):
    written, streams = output
    messages = [json.loads(line) for line in written.splitlines()]
    counts = collections.Counter(
        message["stream"] for message in messages if message["type"] == "RECORD"
    )
    assert counts.keys() == streams

    command = (uv, "tool", "run", "--quiet", "--from", SINGER_TOOLS, "singer-check-tap")
    verdict = run(*command, input=written).stdout
    assert "The output is valid." in verdict
    found = re.findall(r"^\| (\w+) +\| (\d+) +\| (\d+)", verdict, re.MULTILINE)
    assert {stream: int(records) for stream, records, _ in found} == counts
    assert {int(schemas) for _, _, schemas in found} == {1}
