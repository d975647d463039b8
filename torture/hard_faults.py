"""Faults that no repetition cures: a clear end, nothing lost, and the next run completes."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
import typing as t

from customerio_simulator import start
from torture.plain_reader import DAY, PlainReader
from torture.processes import Break, Running, check_end, demand
from torture.tap_rounds import HISTORY, SIZES, Kept, configuration
from torture.target_rounds import check_done, check_gathered, done_by, make_scene

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from customerio_simulator import Simulator
    from torture.plain_reader import Row
    from torture.processes import Ended

T = t.TypeVar("T")

HTML = {"html": True}
REDIRECT = {"status": 302, "body": ""}
ROW = {"id": "1", "cio_id": "1", "timestamp": int(time.time())}

TAP_FAULTS: dict[str, tuple[str, Row]] = {
    "a redirect": ("/v1/messages", REDIRECT),
    "a redirect of a list that others fan out from": ("/v1/segments", REDIRECT),
    "a token that comes again": ("/v1/activities", {"body": {"activities": [ROW], "next": "1"}}),
    "a token of members that comes again": (
        "/v1/segments/3/membership",
        {"body": {"identifiers": [ROW], "next": "MQ"}},
    ),
    "HTML with 200": ("/v1/activities", HTML),
    "HTML with 200 for every action": ("/v1/campaigns/*/actions", HTML),
}
"""Path and order of a fault that strikes until it is taken back."""

TARGET_FAULTS: dict[str, tuple[str, Row]] = {
    "a redirect": ("/api/v2/batch", {**REDIRECT, "skip": 1}),
    "HTML with 200": ("/api/v2/batch", {**HTML, "skip": 1}),
    "a token of members that comes again": (
        "/v1/segments/*/membership",
        {"body": {"identifiers": [ROW], "next": "MQ"}},
    ),
    "HTML with 200 in place of collections": ("/v1/collections", HTML),
    "a redirect of a collection's rows": ("/v1/collections/*/content", REDIRECT),
}
HURRY = {"request_timeout_seconds": 5}
JUMPS = (-30 * DAY, 3 * DAY, 400 * DAY)
"""Seconds by which the server's clock jumps in the middle of a run."""


@contextlib.contextmanager
def _witness() -> Iterator[str]:
    """Listen where nobody may call, and see that nobody did; yields the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)  # noqa: FBT003 - the API of sockets
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with contextlib.suppress(BlockingIOError):
            listening.accept()
            demand(condition=False, sentence="something was sent to another host")


def _some(things: Iterable[T], seed: int, most: int) -> list[T]:
    """Draw some of several things."""
    every = list(things)
    return random.Random(seed).sample(every, min(most, len(every)))  # noqa: S311 - no secret


def _order(simulator: Simulator, path: str, order: Row, elsewhere: str) -> None:
    headers = {"Location": elsewhere} if order.get("status") else {}
    simulator.fault(times=None, path=path, headers=headers, **order)


def tap_faults(folder: Path, seed: int, most: int) -> str:
    """Let things of `TAP_FAULTS` and `JUMPS` happen to the tap.

    Args:
        folder: Where files lie.
        seed: Draws them.
        most: How many of either.

    Raises:
        BrokenPromise: An end is not clear, or rows are missing after the next run.
    """
    with start(seed=seed, now=int(time.time()), **SIZES) as simulator, _witness() as elsewhere:
        began = simulator.now() - HISTORY
        wanted = PlainReader(simulator, began).keys()
        faults, jumps = _some(TAP_FAULTS, seed, most), _some(JUMPS, seed, most)
        for name in faults:
            path, order = TAP_FAULTS[name]
            _order(simulator, path, order, elsewhere)
            ended, kept = _tap(simulator, folder, {}, began), Kept()
            kept.take(ended.messages)
            simulator.clear_faults()
            demand(ended.code == 1, f"{name}: exit code {ended.code}")
            check_end(name, ended)
            sentences = [line for line in ended.errors if "| Stream '" in line]
            template = path.split("/")[2]
            is_clear = sentences and all(template in line for line in sentences)
            demand(is_clear, f"{name}: {ended.errors}")
            ended = _tap(simulator, folder, kept.state, began)
            kept.take(ended.messages)
            demand(ended.code == 0, f"{name}: the next run failed\n{ended.log[-2000:]}")
            lost = [one for one, keys in wanted.items() if keys - kept.keys().get(one, set())]
            demand(not lost, f"{name}: rows of {lost} are missing")
        for seconds in jumps:
            kept = Kept()
            for breaks in ([_jump(simulator, seconds)], []):
                ended = _tap(simulator, folder, kept.state, began, breaks)
                kept.take(ended.messages)
                check_end("a jump of the clock", ended)
                demand(ended.code == 0, f"a jump of the clock\n{ended.log[-2000:]}")
            simulator.clock(advance=-seconds)
            lost = [one for one, keys in wanted.items() if keys - kept.keys()[one]]
            demand(not lost, f"a jump of the clock by {seconds} s: rows of {lost} are missing")
    return f"{len(faults)} faults and {len(jumps)} jumps of the clock"


def _jump(simulator: Simulator, seconds: int) -> Break:
    """Move the server's clock as soon as the program has written something."""

    def act(_: Running) -> None:
        simulator.clock(advance=seconds)

    return Break("a jump of the clock", lambda progress: progress.read > 0, act)


def _tap(
    simulator: Simulator, folder: Path, state: Row, began: int, breaks: list[Break] | None = None
) -> Ended:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
    arguments: list[str | Path] = []
    config = configuration(simulator, start_date=moment, max_retries=1, **HURRY)
    for name, content in (("config", config), ("state", state)):
        path = folder / f"hard-{name}.json"
        path.write_text(json.dumps(content))
        arguments += [f"--{name}", path]
    return Running("tap", *arguments).end(breaks or [])


def target_faults(folder: Path, seed: int, most: int) -> str:
    """Let things of `TARGET_FAULTS` happen to the target.

    Args:
        folder: Where files lie.
        seed: Draws them.
        most: How many.

    Raises:
        BrokenPromise: An end is not clear, or something is missing after the next run.
    """
    faults = _some(TARGET_FAULTS, seed, most)
    for number, name in enumerate(faults):
        path, order = TARGET_FAULTS[name]
        chance = random.Random(f"hard {seed} {number}")  # noqa: S311 - no secret
        place = folder / f"hard-{number}"
        place.mkdir()
        with start(people=0, rate_limit=0, seed=seed) as simulator, _witness() as elsewhere:
            scene = make_scene(simulator, place, chance, has_gathered=True)
            _order(simulator, path, order, elsewhere)
            ended = scene.run(scene.load.content(), settings={"max_retries": 1}).end()
            simulator.clear_faults()
            demand(ended.code == 1, f"{name}: exit code {ended.code}")
            check_end(name, ended)
            demand(len(ended.errors) == 1, f"{name}: {ended.errors}")
            done = done_by(ended, 0)
            demand(done < scene.load.size, f"{name}: STATE says that all is done")
            check_done(scene, done)
            check_gathered(scene)
            last = scene.run(scene.load.content(done)).end()
            demand(done_by(last, done) == scene.load.size, f"{name}: the next run did not complete")
            check_done(scene, scene.load.size, is_last=True)
            check_gathered(scene, is_last=True)
    return f"{len(faults)} faults"
