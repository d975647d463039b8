"""Rounds of the tap: broken off at any moment, begun again at its STATE, and complete in the end.

The reader keeps what a target would have kept for sure: the rows up to the last STATE. Whatever
came after it is thrown away, so that a STATE that says too much shows as rows that are missing.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
import typing as t

from customerio_simulator import start
from torture.plain_reader import DAY, PlainReader
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

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from customerio_simulator import Simulator
    from torture.plain_reader import Keys, Row
    from torture.processes import Ended, Progress

SIZES: dict[str, t.Any] = {
    "people": 150, "segments": 12, "activities": 400, "messages": 200, "campaigns": 8,
    "newsletters": 6, "rate_limit": 0,
}  # fmt: skip
UNFINISHED = ["segment_membership"]
"""What no run reads to its end: two of those segments are still being built."""

HISTORY = 400 * DAY
WEATHER = 5
"""Percent of calls that weather strikes, in the rounds that have weather."""

FULL_DISK = "full disk"
KINDS = (*SIGNALS, READER_LEFT, FULL_DISK)
MOST_BREAKS = 2


class Kept:
    """The rows that a target has, by stream and key: upserted, and dropped by a newer version."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[str, ...], Row]] = {}
        self.state: Row = {}
        self._versions: dict[str, dict[tuple[str, ...], t.Any]] = {}
        self._keys: dict[str, list[str]] = {}

    def take(self, messages: list[Row]) -> None:
        """Take over what a run wrote, up to its last STATE."""
        states = [at for at, message in enumerate(messages) if message["type"] == "STATE"]
        for message in messages[: states[-1] + 1 if states else 0]:
            getattr(self, f"_{message['type'].lower()}")(message)

    def keys(self) -> dict[str, Keys]:
        """Return the keys of each stream."""
        return {stream: set(rows) for stream, rows in self.rows.items()}

    def _schema(self, message: Row) -> None:
        self._keys[message["stream"]] = message["key_properties"]
        self.rows.setdefault(message["stream"], {})
        self._versions.setdefault(message["stream"], {})

    def _record(self, message: Row) -> None:
        stream, record = message["stream"], message["record"]
        key = tuple(str(record[name]) for name in self._keys[stream])
        self.rows[stream][key] = record
        self._versions[stream][key] = message.get("version")

    def _state(self, message: Row) -> None:
        self.state = message["value"]

    def _activate_version(self, message: Row) -> None:
        stream, version = message["stream"], message["version"]
        for key in [key for key, of in self._versions[stream].items() if of != version]:
            del self.rows[stream][key], self._versions[stream][key]


class TapTorture:
    """Rounds over one workspace.

    Args:
        simulator: The workspace.
        folder: Where files of the rounds lie.
        seed: Where chance begins.
    """

    def __init__(self, simulator: Simulator, folder: Path, seed: int) -> None:
        self._simulator = simulator
        self._folder = folder
        self._seed = seed
        self._start = simulator.now() - HISTORY
        self._calm = Kept()
        self._ended = self._run({}).end()
        check_end("calm", self._ended)
        self._calm.take(self._ended.messages)
        demand(
            self._calm.keys() == PlainReader(simulator, self._start).keys(),
            "an undisturbed run does not hold what the API holds",
        )

    def round(self, number: int) -> str:
        """Break the tap off a few times and let it finish.

        Args:
            number: Which round; with the seed it decides everything.

        Returns:
            What happened, in a line.

        Raises:
            BrokenPromise: A row is missing or wrong, or an end is none that was promised.
        """
        chance = random.Random(f"tap {self._seed} {number}")  # noqa: S311 - no secret
        settings = {"emit_activate_version_messages": chance.random() < 0.5}  # noqa: PLR2004 - half
        self._simulator.edit(options={"weather": chance.choice((0, WEATHER))})
        kept, told = Kept(), []
        for _ in range(chance.randint(1, MOST_BREAKS)):
            kind = chance.choice(KINDS)
            ended = self._break(kind, chance, kept.state, settings)
            told.append(f"{kind} ({len(ended.output):,} bytes)")
            check_end(kind, ended)
            kept.take(ended.messages)
        last = self._run(kept.state, settings).end()
        self._simulator.edit(options={"weather": 0})
        check_end("the last run", last)
        demand(last.code == 0, f"the last run failed\n{last.log[-2000:]}")
        kept.take(last.messages)
        self._compare(kept)
        return ", ".join(told)

    def _compare(self, kept: Kept) -> None:
        for stream, rows in self._calm.rows.items():
            found = kept.rows.get(stream, {})
            lost, more = rows.keys() - found.keys(), found.keys() - rows.keys()
            demand(not lost, f"{stream}: {len(lost)} rows are missing")
            demand(not more, f"{stream}: {len(more)} rows that are not there")
            wrong = sum(row != found[key] for key, row in rows.items())
            demand(not wrong, f"{stream}: {wrong} rows differ")
        bookmarks = kept.state["bookmarks"]
        unfinished = [name for name, of in bookmarks.items() if "progress_markers" in of]
        demand(unfinished == UNFINISHED, f"a finished run left {unfinished} unfinished")

    def _break(self, kind: str, chance: random.Random, state: Row, settings: Row) -> Ended:
        part = chance.random()
        size = len(self._ended.output) * (1 if not state else 0.5)
        if kind == FULL_DISK:
            file = self._folder / "output.jsonl"
            limit = max(1, int(part * size))
            return self._run(state, settings, output=file, file_bytes=limit).end()
        act = leave if kind == READER_LEFT else send(SIGNALS[kind])
        when: Callable[[Progress], bool]
        if chance.random() < 0.3 and kind in SIGNALS:  # noqa: PLR2004 - also before the first line
            when = _after_seconds(part * self._ended.seconds)
        else:
            when = _after_bytes(int(part * size))
        return self._run(state, settings).end([Break(kind, when, act)])

    def _run(
        self,
        state: Row,
        settings: Row | None = None,
        *,
        output: Path | None = None,
        file_bytes: int = 0,
    ) -> Running:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._start))
        config = configuration(self._simulator, start_date=moment, **settings or {})
        files = {"config": config, "state": state}
        arguments: list[str | Path] = []
        for name, content in files.items():
            path = self._folder / f"tap-{name}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{name}", path]
        return Running("hasty-tap", *arguments, output=output, file_bytes=file_bytes)


def configuration(simulator: Simulator, **settings: object) -> Row:
    """Return the settings of the tap for a simulator."""
    return {
        "app_api_key": simulator.app_api_key,
        "app_api_url": simulator.url,
        "requests_per_second": 0,
        "max_concurrency": 8,
        "messages_window_days": 30,
        **settings,
    }


def _after_seconds(seconds: float) -> Callable[[Progress], bool]:
    return lambda progress: progress.seconds >= seconds


def _after_bytes(read: int) -> Callable[[Progress], bool]:
    return lambda progress: progress.read >= read


@contextlib.contextmanager
def torturing(folder: Path, seed: int) -> Iterator[TapTorture]:
    """Prepare the rounds of the tap."""
    with start(seed=seed, now=int(time.time()), **SIZES) as simulator:
        yield TapTorture(simulator, folder, seed)
