"""Rounds of the target: broken off at any moment, fed again as taps do, complete in the end.

After each break what the last STATE says is held to what the simulator has received and what lies
in the rejects files; after the last run everything is.
"""

from __future__ import annotations

import collections
import json
import os
import random
import shutil
import time
import typing as t
from dataclasses import dataclass, field

from customerio_simulator import Simulator, start
from torture.plain_reader import PlainReader
from torture.processes import (
    READER_LEFT,
    SIGNALS,
    Break,
    Running,
    check_end,
    demand,
    leave,
    send,
)
from torture.records import load

if t.TYPE_CHECKING:
    from pathlib import Path

    from torture.processes import Ended, Progress
    from torture.records import Load, Meaning, Row

SIZE = 700
PADDING = 2_500
MOST_BREAKS = 2
WEATHER = 10
"""Percent of calls that weather strikes, in the rounds that have weather."""

SETTLED_WITHIN = 20
"""Seconds in which the simulator is done with what a program that is gone has sent."""

COLLECTION = 1
TAP_DIED, FULL_DISK = "the tap died", "full disk"
FILE_IN_THE_WAY, READ_ONLY = "a file where the rejects go", "a folder that cannot be written to"
UNREACHABLE = "a rejects store that cannot be reached"
KINDS = (
    *SIGNALS, READER_LEFT, TAP_DIED, FULL_DISK, FILE_IN_THE_WAY, READ_ONLY, UNREACHABLE,
    *["SIGKILL"] * 3,  # which leaves least behind
)  # fmt: skip


@dataclass
class Scene:
    """One round: the simulator, what is sent to it, and what was there before.

    Attributes:
        simulator: A workspace of this round's own.
        reader: Reads it.
        folder: Where files lie.
        chance: Decides everything.
        load: What is sent.
        segment: The id of the segment that is mirrored.
        members_before: Its members at the beginning, by id.
        members: Its members in the end.
        rows: The collection's rows at the beginning and in the end.
        stores: Folders of rejects, one for each run.
    """

    simulator: Simulator
    reader: PlainReader
    folder: Path
    chance: random.Random
    load: Load
    segment: int
    members_before: set[str]
    members: set[str]
    rows: tuple[list[Row], list[Row]]
    stores: list[Path] = field(default_factory=list)

    def run(
        self,
        content: bytes,
        *,
        store: str | None = None,
        file_bytes: int = 0,
        settings: Row | None = None,
    ) -> Running:
        """Start the target in front of some input.

        Args:
            content: The input.
            store: Where rejects go; a new folder if None.
            file_bytes: How large a file may grow; 0 is no limit.
            settings: Further settings.
        """
        if store is None:
            self.stores.append(self.folder / f"rejects-{len(self.stores)}")
            store = self.chance.choice(("", "local://")) + str(self.stores[-1])
        config = {
            "site_id": self.simulator.site_id,
            "track_api_key": self.simulator.track_api_key,
            "track_api_url": self.simulator.url,
            "app_api_key": self.simulator.app_api_key,
            "app_api_url": self.simulator.url,
            "rejected_records_path": store,
            "requests_per_second": 0,
            "max_concurrency": self.chance.choice((1, 3, 16)),
            "max_rejected_percent": 100,
            "max_removed_percent": 100,
            "streams": [
                {"stream": "vips", "operation": "segment_mirror", "segment_id": self.segment},
                {
                    "stream": "prices",
                    "operation": "collection_replace",
                    "collection_id": COLLECTION,
                },
            ],
            **(settings or {}),
        }
        path = self.folder / "target.json"
        path.write_text(json.dumps(config))
        return Running("target", "--config", path, feed=content, file_bytes=file_bytes)


class TargetTorture:
    """Rounds with a workspace each.

    Args:
        folder: Where files of the rounds lie.
        seed: Where chance begins.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed

    def round(self, number: int) -> str:
        """Break the target off a few times and let it finish.

        Args:
            number: Which round; with the seed it decides everything.

        Returns:
            What happened, in a line.

        Raises:
            BrokenPromise: Something is missing, stands under two ids, or an end is none that was
                promised.
        """
        chance = random.Random(f"target {self._seed} {number}")  # noqa: S311 - no secret
        folder = self._folder / f"target-{number}"
        folder.mkdir()
        with start(people=0, rate_limit=0, seed=number, latency_ms=10) as simulator:
            has_gathered = chance.random() < 0.6  # noqa: PLR2004 - STATE leaves earlier without them
            scene = make_scene(simulator, folder, chance, has_gathered=has_gathered)
            weather = chance.choice((0, WEATHER))
            told, done = [], 0
            for _ in range(chance.randint(1, MOST_BREAKS)):
                kind = chance.choice(KINDS)
                if chance.random() < 0.3:  # noqa: PLR2004 - a tap that knows no STATE
                    done = 0
                simulator.edit(options={"weather": weather})
                ended = _break(kind, scene, done)
                simulator.edit(options={"weather": 0})
                told.append(f"{kind} ({ended.seconds:.1f} s)")
                check_end(kind, ended, usual=(0, 1))
                _await_silence(simulator)
                before, done = done, done_by(ended, done)
                all_is_well = ended.code or not _rejected(scene, done, before)
                demand(all_is_well, f"{kind}: exit code 0 in spite of rejects")
                check_done(scene, done)
                check_gathered(scene)
            simulator.edit(options={"weather": weather})
            last = scene.run(scene.load.content(done)).end()
            simulator.edit(options={"weather": 0})
            usual = int(_rejected(scene, None, done))
            demand(last.code == usual, f"the last run failed\n{last.log[-3000:]}")
            demand(done_by(last, done) == scene.load.size, "the last run let no last STATE out")
            check_done(scene, scene.load.size, is_last=True)
            check_gathered(scene, is_last=True)
        shutil.rmtree(folder)
        return ", ".join(told)


def make_scene(
    simulator: Simulator, folder: Path, chance: random.Random, *, has_gathered: bool
) -> Scene:
    """Prepare people, a segment and a collection, and draw what is sent."""
    reader = PlainReader(simulator, 0)
    people = [f"m{number}" for number in range(30)]
    batch: list[Row] = [
        {"type": "person", "action": "identify", "identifiers": {"id": each}, "attributes": {}}
        for each in people
    ]
    reader.post("api/v2/batch", {"batch": batch}, track=True)
    made = reader.post("v1/segments", {"segment": {"name": "VIPs"}})["segment"]["id"]
    before, after = (chance.sample(people, chance.randint(5, 20)) for _ in range(2))
    path = f"api/v1/segments/{made}/add_customers?id_type=id"
    reader.post(path, {"ids": before}, track=True)
    rows = [{"sku": f"s{number}", "price": chance.randrange(99)} for number in range(40)]
    sent = load(
        chance,
        SIZE,
        padding=PADDING,
        members=after if has_gathered else [],
        rows=rows if has_gathered else [],
    )
    old = reader.ask(f"collections/{COLLECTION}/content")
    return Scene(
        simulator,
        reader,
        folder,
        chance,
        sent,
        made,
        set(before),
        set(after) if has_gathered else set(before),
        (old, rows if has_gathered else old),
    )


def _rejected(scene: Scene, done: int | None, before: int) -> bool:
    """Tell whether there are records to reject between two STATE messages."""
    meaning = scene.load.meaning
    return bool(meaning(done).rejects - meaning(before).rejects)


def _break(kind: str, scene: Scene, done: int) -> Ended:
    chance, content = scene.chance, scene.load.content(done)
    moment = int(chance.random() * len(content))
    if kind == TAP_DIED:
        return scene.run(content[:moment]).end()
    if kind == FULL_DISK:
        return scene.run(content, file_bytes=chance.randint(1, 8_000)).end()
    if kind == UNREACHABLE:
        return scene.run(content, store="ftp://127.0.0.1:1/rejects").end()
    running = scene.run(content)
    store = scene.stores[-1]
    acts = {
        READER_LEFT: leave,
        FILE_IN_THE_WAY: lambda _: _put_in_the_way(store),
        READ_ONLY: lambda _: _make_read_only(store),
        **{name: send(number) for name, number in SIGNALS.items()},
    }
    late = chance.random() * 0.5  # seconds after all of the input was handed over
    early = chance.random() < 0.7  # noqa: PLR2004 - in the middle of the input, or at its end
    fed_all: list[float] = []

    def when(progress: Progress) -> bool:
        if early:
            return progress.fed >= moment
        if progress.fed == len(content) and not fed_all:
            fed_all.append(progress.seconds)
        return bool(fed_all) and progress.seconds >= fed_all[0] + late

    return running.end([Break(kind, when, acts[kind])])


def _put_in_the_way(store: Path) -> None:
    if store.exists():
        store.rename(store.with_name(f"{store.name}-moved"))
    store.write_text("in the way")


def _make_read_only(store: Path) -> None:
    """Take the right to write away, which means nothing to root."""
    if not store.exists():
        store.mkdir()
    store.chmod(0o500)


def done_by(ended: Ended, before: int) -> int:
    """Return how many records the last STATE of a run says are done."""
    states = [message["done"] for message in ended.messages]
    demand(states == sorted(states), "STATE went back")
    return int(states[-1]) if states else before


def _await_silence(simulator: Simulator) -> None:
    """Wait until no call of a program that is gone is under way."""
    deadline = time.monotonic() + SETTLED_WITHIN
    quiet = 0
    while quiet < 2:  # noqa: PLR2004 - the first look may overtake what lies in a socket
        busy = any(call["status"] is None for call in simulator.calls())
        quiet = 0 if busy else quiet + 1
        demand(time.monotonic() < deadline, "the simulator is not done with its calls")


def check_done(scene: Scene, done: int, *, is_last: bool = False) -> None:
    """Hold what a STATE says to what was received and what lies in the rejects files."""
    meaning: Meaning = scene.load.meaning(done)
    whole: Meaning = scene.load.meaning()
    numbers = [event["attributes"]["number"] for event in scene.simulator.events()]
    twice = [number for number, times in collections.Counter(numbers).items() if times > 1]
    demand(not twice, f"{len(twice)} events stand under two ids")
    lost = meaning.events - set(numbers)
    demand(not lost, f"{len(lost)} of {len(meaning.events)} events are missing at STATE {done}")
    demand(set(numbers) <= whole.events, "events that nobody sent")
    stored = scene.simulator.people(written=True).values()
    people = {one["id"]: one["attributes"].get("revision") for one in stored}
    ids = collections.Counter(one["id"] for one in stored)
    demand(not [one for one, times in ids.items() if times > 1], "people who are there twice")
    for person, revision in meaning.people.items():
        if person not in whole.deleted:
            found = int(people.get(person) or 0)
            demand(found >= revision, f"a person is behind at STATE {done}: {found} < {revision}")
    if is_last:
        wrong = {one for one, number in whole.people.items() if int(people[one]) != number}
        demand(not wrong, f"{len(wrong)} people have another revision than the last")
        demand(not whole.deleted & people.keys(), "people who were deleted are there")
    kept = _rejects(scene)
    lost = meaning.rejects - kept
    demand(not lost, f"{len(lost)} of {len(meaning.rejects)} rejects are missing at STATE {done}")
    demand(kept <= whole.rejects, "rejects that nobody sent")


def _rejects(scene: Scene) -> set[int]:
    """Return the numbers of the rejected records in all files; the last line may be cut off."""
    found = set()
    for file in scene.folder.glob("rejects-*/*.singer.jsonl"):
        os.chmod(file.parent, 0o700)  # noqa: PTH101 - of a folder that was made read-only
        whole, _, _ = file.read_bytes().rpartition(b"\n")
        for line in whole.split(b"\n"):
            message = json.loads(line or b"{}")
            if message.get("type") == "RECORD":
                found.add(int(message["record"]["reject"]))
    return found


def check_gathered(scene: Scene, *, is_last: bool = False) -> None:
    """Hold the collection to its old rows or its new ones, the segment to what lies between."""
    old, new = scene.rows
    rows = scene.reader.ask(f"collections/{COLLECTION}/content")
    demand(rows == new or (rows == old and not is_last), "the collection is neither old nor new")
    everybody = scene.simulator.people()
    members = {everybody[one]["id"] for one in scene.simulator.members(scene.segment)}
    if is_last:
        demand(members == scene.members, "the segment is not what the mirror says")
    demand(
        scene.members_before & scene.members <= members <= scene.members_before | scene.members,
        "the segment holds what belongs to neither end",
    )
