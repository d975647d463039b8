"""Several processes on one budget of calls: the simulator refuses what is too fast."""

from __future__ import annotations

import json
import subprocess

import pytest

from .conftest import BIN

PROCESSES = 4
LIMIT = 10
"""Calls per rolling second, of the workspace and of the budget."""
CALLS = 12
"""Calls of each process, at least."""
ATTEMPTS = 3
"""Other programs on the machine can only make it worse: the best of so many counts."""
REFUSED = 3
"""Calls that may be refused. On a quiet machine none is; on one that has far more to do than it
has processors, a call now and then starts its way long after its turn. Without a common budget
three of four calls are refused."""
USED = 0.8
"""Share of the budget that is used at least. On a quiet machine it is 0.95."""

pytestmark = [pytest.mark.xdist_group("one_budget"), pytest.mark.timeout(400)]


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/budget.db"
    return request.getfixturevalue("redis_url")


def write(config, folder):
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return file


def together(simulator, commands, path):
    """Run the commands at the same time; how many calls were refused, and calls per second."""
    simulator.reset()
    processes = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    for process in processes:
        assert process.wait() == 0
    calls = [call for call in simulator.calls() if call["path"].endswith(path)]
    assert len(calls) >= PROCESSES * CALLS
    # Without the first second and the last, when processes start and end; in whole windows, since
    # calls may come in bursts.
    moments = sorted(call["time"] for call in calls)[LIMIT:-LIMIT]
    whole = (len(moments) - 1) // LIMIT * LIMIT
    rate = whole / (moments[whole] - moments[0])
    return sum(call["status"] == 429 for call in calls), rate


def assert_the_budget_is_kept_and_used(simulator, commands, path):
    measured = []
    while not measured or measured[-1][0] > REFUSED or measured[-1][1] < USED * LIMIT:
        assert len(measured) < ATTEMPTS, measured
        measured.append(together(simulator, commands, path))


def test_taps_share_a_budget(store, customerio_simulator, run, tmp_path):
    simulator = customerio_simulator(people=4, segments=CALLS, rate_limit=LIMIT)
    config = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    config |= {"rate_limit_store": store}
    tap = (BIN / "tap-customerio", "--config", write(config, tmp_path))
    catalog = json.loads(run(*tap, "--discover").stdout)
    catalog["streams"] = [
        stream for stream in catalog["streams"] if stream["tap_stream_id"] == "segment_membership"
    ]
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    commands = [[*tap, "--catalog", tmp_path / "catalog.json"]] * PROCESSES
    assert_the_budget_is_kept_and_used(simulator, commands, "/membership")


def test_targets_share_a_budget(store, customerio_simulator, tmp_path):
    simulator = customerio_simulator(people=0, track_rate_limit=LIMIT)
    config = {
        "site_id": simulator.site_id,
        "track_api_key": simulator.track_api_key,
        "track_api_url": simulator.url,
        "requests_per_second": LIMIT,
        "rate_limit_store": store,
    }
    schema = {"type": "SCHEMA", "stream": "person_identify", "key_properties": []}
    schema["schema"] = {"properties": {"id": {"type": "string"}, "n": {"type": "integer"}}}
    target = (BIN / "target-customerio", "--config", write(config, tmp_path))
    commands = []
    for number in range(PROCESSES):
        # What is said of one person goes in bodies that wait for each other.
        records = [{"id": f"p{number}", "n": n} for n in range(CALLS)]
        messages = [schema] + [
            {"type": "RECORD", "stream": "person_identify", "record": record} for record in records
        ]
        file = tmp_path / f"{number}.singer"
        file.write_text("".join(f"{json.dumps(message)}\n" for message in messages))
        commands.append([*target, "--input", file])
    assert_the_budget_is_kept_and_used(simulator, commands, "/batch")
