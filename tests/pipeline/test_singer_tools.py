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
    """What the tap writes: every stream of a workspace."""
    simulator = customerio_simulator(people=80, seed=7, rate_limit=0)
    config = tmp_path / "config.json"
    settings = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    config.write_text(json.dumps(settings | {"requests_per_second": 0}))
    return run(programs / "tap-customerio", "--config", config).stdout


def test_singer_check_tap_finds_every_record_valid(output, run, uv, streams):
    messages = [json.loads(line) for line in output.splitlines()]
    counts = collections.Counter(
        message["stream"] for message in messages if message["type"] == "RECORD"
    )
    assert counts.keys() == set(streams)

    command = (uv, "tool", "run", "--quiet", "--from", SINGER_TOOLS, "singer-check-tap")
    verdict = run(*command, input=output).stdout
    assert "The output is valid." in verdict
    found = re.findall(r"^\| (\w+) +\| (\d+) +\| (\d+)", verdict, re.MULTILINE)
    assert {stream: int(records) for stream, records, _ in found} == counts
    assert {int(schemas) for _, _, schemas in found} == {1}
