"""Weather over a full extract and a large load: complete, nothing lost, nothing under two ids."""

from __future__ import annotations

import collections
import itertools
import json
import time
import typing as t

from customerio_simulator import start
from torture.plain_reader import PlainReader
from torture.processes import Running, check_end, demand
from torture.tap_rounds import HISTORY, SIZES, Kept, configuration

if t.TYPE_CHECKING:
    from pathlib import Path

    from customerio_simulator import Simulator
    from torture.plain_reader import Row
    from torture.processes import Ended

PERCENT = 20
"""Calls that a trouble strikes."""

GROUP = 20
"""Records for each person of the load, one of each of `_group`."""

TOGETHER = 2_000
"""Groups whose records come by operation, so that bodies fill up; a STATE comes after them."""


def extract(folder: Path, seed: int, *, everything: bool) -> str:
    """Read a workspace once in calm and once in the weather.

    Args:
        folder: Where files lie.
        seed: Seed of workspace and weather.
        everything: All streams of the catalog, not just those that are selected by default.

    Returns:
        What was read, in a line.

    Raises:
        BrokenPromise: The two differ.
    """
    with start(seed=seed, now=int(time.time()), **SIZES) as simulator:
        calm = _extract(simulator, folder, everything=everything)
        keys = PlainReader(simulator, simulator.now() - HISTORY).keys()
        found = calm.keys()
        wrong = [stream for stream, of in keys.items() if found[stream] != of]
        demand(not wrong, f"an undisturbed run does not hold what the API holds: {wrong}")
        simulator.edit(options={"weather": PERCENT})
        simulator.reset()
        began = time.monotonic()
        stormy = _extract(simulator, folder, everything=everything)
        seconds = time.monotonic() - began
        calls = [call["status"] for call in simulator.calls()]
        for stream, rows in calm.rows.items():
            same = _undated(stormy.rows[stream]) == _undated(rows)
            demand(same, f"{stream} is not the same in the weather")
    total = sum(map(len, calm.rows.values()))
    struck = sum(status != 200 for status in calls)  # noqa: PLR2004 - OK
    return (
        f"{len(calm.rows)} streams, {total:,} rows, {len(calls):,} calls, {struck:,} of them "
        f"without a 200, {seconds:.0f} s"
    )


def _undated(rows: dict[tuple[str, ...], Row]) -> list[Row]:
    """Return rows without the one column that tells when they were read."""
    return [
        {name: value for name, value in rows[key].items() if name != "counted_at"}
        for key in sorted(rows)
    ]


def _extract(simulator: Simulator, folder: Path, *, everything: bool) -> Kept:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(simulator.now() - HISTORY))
    config = folder / "extract.json"
    config.write_text(json.dumps(configuration(simulator, start_date=moment)))
    arguments: list[str | Path] = ["--config", config]
    if everything:
        discovered = Running("tap", *arguments, "--discover").end()
        catalog = json.loads(discovered.output)
        for entry in catalog["streams"]:
            (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
            root["metadata"]["selected"] = True
        path = folder / "catalog.json"
        path.write_text(json.dumps(catalog))
        arguments += ["--catalog", path]
    ended = Running("tap", *arguments).end()
    check_end("weather", ended)
    demand(ended.code == 0, f"the tap gave up\n{ended.log[-3000:]}")
    kept = Kept()
    kept.take(ended.messages)
    return kept


def load(folder: Path, seed: int, records: int) -> str:
    """Send people, events and other operations in the weather.

    Args:
        folder: Where files lie.
        seed: Seed of the weather.
        records: About how many.

    Returns:
        What was sent, in a line.

    Raises:
        BrokenPromise: Something is missing, or there twice.
    """
    groups = max(1, records // GROUP)
    file = folder / "load.singer"
    total = _write(file, groups)
    with start(people=0, rate_limit=0, seed=seed, weather=PERCENT) as simulator:
        config = folder / "load.json"
        settings = {
            "site_id": simulator.site_id,
            "track_api_key": simulator.track_api_key,
            "track_api_url": simulator.url,
            "requests_per_second": 0,
            "max_deletes": groups,
            "rejected_records_path": str(folder / "rejects"),
        }
        config.write_text(json.dumps(settings))
        ended = Running("target", "--config", config, "--input", file).end()
        _check_load(simulator, ended, groups)
        calls = simulator.calls()
        received = simulator.received()
    struck = sum(call["status"] != 200 for call in calls)  # noqa: PLR2004 - OK
    return (
        f"{total:,} records, {len(calls):,} calls, {struck:,} of them without a 200, "
        f"{received['deduplicated']:,} events repeated and ignored, {ended.seconds:.0f} s"
    )


def _group(number: int) -> list[tuple[str, Row]]:
    """Return the records about one person: events, and one of each other operation."""
    person, token = f"p{number}", f"token-{number}"
    made = {"id": person, "plan": "free", "email": f"{person}@example.com"}
    records: list[tuple[str, Row]] = [
        ("person_identify", made),
        ("person_identify", {"id": person, "plan": "paid"}),
        ("person_add_device", {"id": person, "device_token": token, "platform": "ios"}),
        ("object_identify", {"object_id": f"o{number}", "name": f"Object {number}"}),
        ("person_add_relationships", {"id": person, "object_id": f"o{number}"}),
        ("person_page", {"person_id": person, "page_name": f"page-{number}"}),
        ("person_identify", {"id": f"gone-{number}", "plan": "free"}),
        ("person_delete", {"id": f"gone-{number}"}),
    ]
    for nth in range(GROUP - len(records)):
        event = {"customer_id": person, "event_name": "bought", "number": number * GROUP + nth}
        records.append(("person_event", event | {"text": "x" * 100}))
    return records


def _write(file: Path, groups: int) -> int:
    text = {"type": ["string", "null"]}
    count = 0
    with file.open("w") as lines:
        for stream in dict.fromkeys(stream for stream, _ in _group(0)):
            schema = {"type": "object", "properties": {"id": text}}
            keys = ["number"] if stream == "person_event" else []
            if keys:
                schema["properties"] = {"number": {"type": "integer"}}
            message = {"type": "SCHEMA", "stream": stream, "schema": schema}
            lines.write(json.dumps(message | {"key_properties": keys}) + "\n")
        for first in range(0, groups, TOGETHER):
            several = map(_group, range(first, min(first + TOGETHER, groups)))
            for stream, record in itertools.chain(*zip(*several, strict=True)):
                count += 1
                message = {"type": "RECORD", "stream": stream, "record": record}
                lines.write(json.dumps(message) + "\n")
            lines.write(json.dumps({"type": "STATE", "value": {"done": count}}) + "\n")
    return count


def _check_load(simulator: Simulator, ended: Ended, groups: int) -> None:
    check_end("weather", ended)
    demand(ended.code == 0, f"the target gave up\n{ended.log[-3000:]}")
    demand(
        ended.messages[-1:] == [{"done": groups * GROUP}], "the last STATE did not leave, or others"
    )
    wanted = collections.Counter(
        record.get("number", record.get("page_name"))
        for number in range(groups)
        for stream, record in _group(number)
        if stream in {"person_event", "person_page"}
    )
    found = collections.Counter(
        event["name"] if event["action"] == "page" else event["attributes"]["number"]
        for event in simulator.events()
    )
    demand(not wanted - found, f"{len(wanted - found)} events are missing")
    demand(not found - wanted, f"{len(found - wanted)} events stand under two ids")
    people: dict[t.Any, Row] = {}
    for each in simulator.people(written=True).values():
        demand(each["id"] not in people, "a person is there twice")
        people[each["id"]] = each
    demand(people.keys() == {f"p{number}" for number in range(groups)}, "other people are there")
    plans = {each["attributes"]["plan"] for each in people.values()}
    demand(plans == {"paid"}, "somebody has an old attribute")
    tokens = itertools.chain.from_iterable(each["devices"] for each in people.values())
    demand(len(list(tokens)) == groups, "devices are missing or there twice")
    objects = {each["object_id"] for each in simulator.objects()}
    demand(objects == {f"o{number}" for number in range(groups)}, "objects are missing")
    demand(len(simulator.relationships()) == groups, "relationships are missing or there twice")
