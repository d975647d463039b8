"""Where a run that was cut goes on: which chains are done, and how far the open ones came.

All of it lies under one key of a stream's state, which is there from the stream's begin until it
is whole: who finds it knows that it is not. Chains are known by what they ask for, never
by their place: a parent that is new, or a setting that was changed, makes another chain. Nothing
here can be traced to a person.
"""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass

from tap_customerio.chains import Position

if t.TYPE_CHECKING:
    from tap_customerio.chains import Chain, Page, Row
    from tap_customerio.pagination import Params
    from tap_customerio.state import State

    Mark = t.Callable[[Row], str | None]

KEY: t.Final = "progress_markers"
"""The key in a stream's state: the SDK's own word for what is gone when a stream is whole."""

NOTE: t.Final = {"Note": "Not read to its end."}
"""What the key holds at least, in the SDK's own form."""

RUN: t.Final = 250
"""Chains in a row, at most, that stand or fall together: they count as done only if the same
chains stand in the same row again, so a change among them has no more than these read again."""

POSITIONS: t.Final = 8
"""Open chains, at most, whose positions are kept; those with the most pages behind them."""


@dataclass
class _Reached:
    params: Params
    mark: str
    pages: int


class Progress:
    """How far a stream has come, over the runs that it takes.

    Args:
        states: Where it is kept: in the state of the stream, and of those that are read with it;
            none for a read that leaves no trace.
        mark: Makes a mark of a row, by which it is known again; None if it has no key.
        version: The version of the records, None if they have none.

    Attributes:
        version: The version of the records: that of the run that began the stream.
        leaves_trace: Whether it is kept anywhere.
        whole: Whether this run alone reads everything.
        notes: What else the stream wants to know after a cut.
    """

    def __init__(self, states: t.Sequence[State], mark: Mark, version: int | None = None) -> None:
        self._states = states
        self.leaves_trace = bool(states)
        self._mark = mark
        self._chains: dict[Chain, int] = {}
        self._keys: list[str] = []
        self._done: set[int] = set()
        self._open: dict[str, _Reached] = {}
        found = states[0].get(KEY) if states else None
        self._found: dict[str, t.Any] = found if isinstance(found, dict) else {}
        # Records without a version would be dropped by those that announce one.
        if version is not None and not isinstance(self._found.get("version"), int):
            self._found = {}
        self.version = None if version is None else self._found.get("version", version)
        notes = self._found.get("notes")
        self.notes: dict[str, str] = dict(notes) if isinstance(notes, dict) else {}
        self._open = dict(self._positions())
        self.whole = False

    def begin(self) -> None:
        """Note that the stream is being read."""
        for state in self._states:
            if not isinstance(state.get(KEY), dict):
                state[KEY] = dict(NOTE)

    def begin_anew(self) -> None:
        """Take no notice of what earlier runs noted; only before the plan."""
        self._found, self._open, self.notes = {}, {}, {}

    def reached(self, chain: Chain) -> bool:
        """Whether an earlier run came to a position in a chain."""
        return chain.key in self._open

    def plan(self, chains: t.Sequence[Chain]) -> list[Chain]:
        """Find out what is left, and where open chains go on.

        Args:
            chains: All chains of the stream.

        Returns:
            Those that are not done.
        """
        remembered = [chain for chain in chains if chain.remembered]
        self._chains = {chain: place for place, chain in enumerate(remembered)}
        self._keys = [chain.key for chain in remembered]
        self._done = self._still_done()
        for chain, place in self._chains.items():
            reached = self._open.get(self._keys[place])
            if reached is not None:
                chain.position = Position(reached.params, _Believes(self._mark, reached.mark))
        self.whole = not self._done and all(chain.position is None for chain in chains)
        return [chain for chain in chains if self._chains.get(chain) not in self._done]

    def page(self, page: Page) -> None:
        """Note that the records of a page were handed on."""
        place = self._chains.get(page.chain)
        if place is None or not page.rows:
            return
        key = self._keys[place]
        mark = self._mark(page.rows[-1])
        before = self._open.pop(key, None)
        if page.params and mark is not None:
            pages = 1 if before is None else before.pages + 1
            self._open[key] = _Reached(page.params, mark, pages)

    def end(self, chain: Chain) -> None:
        """Note that all records of a chain were handed on."""
        place = self._chains.get(chain)
        if place is not None:
            self._done.add(place)
            self._open.pop(self._keys[place], None)

    def save(self) -> None:
        """Put it all into the state; it takes less than 4 KB there."""
        if not (self._done or self._open):
            self.forget()
            return
        reached = sorted(self._open.items(), key=lambda item: -item[1].pages)[:POSITIONS]
        parts = {
            "done": self._runs(),
            "open": {key: [dict(at.params), at.mark, at.pages] for key, at in reached},
            "notes": dict(self.notes),
            "version": self.version,
        }
        self._put({name: part for name, part in parts.items() if part})

    def forget(self) -> None:
        """Note that the stream is not whole, and better begun anew."""
        self._put({})

    def finish(self) -> None:
        """Note that the stream is whole."""
        for state in self._states:
            state.pop(KEY, None)

    def _put(self, parts: t.Mapping[str, t.Any]) -> None:
        for state in self._states:
            state[KEY] = {**NOTE, **parts}

    def _runs(self) -> list[list[t.Any]]:
        """The chains that are done: the first key of a run, how many there are, a digest of all."""
        runs: list[list[int]] = []
        for place in sorted(self._done):
            if runs and runs[-1][-1] == place - 1 and len(runs[-1]) < RUN:
                runs[-1].append(place)
            else:
                runs.append([place])
        return [[self._keys[run[0]], len(run), self._digest(run[0], len(run))] for run in runs]

    def _still_done(self) -> set[int]:
        places = {key: place for place, key in enumerate(self._keys)}
        done: set[int] = set()
        runs = self._found.get("done")
        for run in runs if isinstance(runs, list) else []:
            match run:
                case [str(first), int(count), digest] if first in places:
                    place = places[first]
                    if self._digest(place, count) == digest:
                        done.update(range(place, place + count))
        return done

    def _digest(self, place: int, count: int) -> str:
        keys = "".join(self._keys[place : place + count])
        return hashlib.blake2b(keys.encode(), digest_size=4).hexdigest()

    def _positions(self) -> t.Iterator[tuple[str, _Reached]]:
        found = self._found.get("open")
        for key, value in found.items() if isinstance(found, dict) else ():
            match value:
                case [dict(params), str(mark), int(pages)]:
                    yield key, _Reached(params, mark, pages)


@dataclass(frozen=True)
class _Believes:
    mark_of: Mark
    mark: str

    def __call__(self, rows: t.Sequence[Row]) -> bool:
        return any(self.mark_of(row) == self.mark for row in rows)
