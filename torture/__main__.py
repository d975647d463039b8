"""Run it: `make torture`, or `python -m torture --seed 3 --rounds 20 --only tap`."""

from __future__ import annotations

import tempfile
import time
import typing as t
from functools import partial
from pathlib import Path

import click

from torture import weather
from torture.hard_faults import tap_faults, target_faults
from torture.processes import BrokenPromise
from torture.tap_rounds import torturing
from torture.target_rounds import TargetTorture

if t.TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("weather", "hard", "tap", "target")
MOST_BROKEN = 5
"""Broken promises of one part after which it ends."""


class Report:
    """Says what happened, and counts what was broken."""

    def __init__(self) -> None:
        self.broken = 0

    def attempt(self, name: str, torment: Callable[[], str], *, quiet: bool = False) -> bool:
        """Do one thing and say what came of it.

        Args:
            name: What it is.
            torment: Does it, and returns a line about it.
            quiet: Whether that line is of no interest.

        Returns:
            Whether every promise was kept.
        """
        began = time.monotonic()
        try:
            line = torment()
        except BrokenPromise as broken:
            self.broken += 1
            click.echo(f"{name}: BROKEN: {broken}", err=True)
            return False
        if not quiet:
            click.echo(f"{name}: {line} ({time.monotonic() - began:.0f} s)")
        return True

    def rounds(
        self, name: str, torment: Callable[[int], str], numbers: range, *, verbose: bool
    ) -> None:
        """Do one thing in many rounds, and sum up."""
        began, broken, count = time.monotonic(), 0, 0
        for number in numbers:
            count += 1
            kept = self.attempt(
                f"{name}, round {number}", partial(torment, number), quiet=not verbose
            )
            broken += not kept
            if broken == MOST_BROKEN:
                break
        seconds = time.monotonic() - began
        click.echo(f"{name}: {count:,} rounds, {broken:,} of them broken, {seconds:.0f} s")


@click.command()
@click.option("--seed", default=1, show_default=True, help="Decides everything that is drawn.")
@click.option("--rounds", default=200, show_default=True, help="Rounds of each program.")
@click.option("--first", default=0, show_default=True, help="Number of the first round.")
@click.option("--records", default=200_000, show_default=True, help="Records sent in the weather.")
@click.option("--faults", default=99, show_default=True, help="Most hard faults of each kind.")
@click.option("--all-streams/--default-streams", default=True, help="What is read in the weather.")
@click.option("--only", "parts", multiple=True, type=click.Choice(PARTS), help="Parts to run.")
@click.option("--verbose", is_flag=True, help="Say what happened in each round.")
def main(  # noqa: PLR0913 - options, each with a meaning of its own
    *,
    seed: int,
    rounds: int,
    first: int,
    records: int,
    faults: int,
    all_streams: bool,
    parts: tuple[str, ...],
    verbose: bool,
) -> None:
    """Try to break tap and target; exit code 1 if a promise was broken."""
    report = Report()
    numbers = range(first, first + rounds)
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        extract = partial(weather.extract, folder, seed, everything=all_streams)
        once: tuple[tuple[str, str, Callable[[], str]], ...] = (
            ("weather", "weather over the tap", extract),
            ("weather", "weather over the target", partial(weather.load, folder, seed, records)),
            ("hard", "hard faults of the tap", partial(tap_faults, folder, seed, faults)),
            ("hard", "hard faults of the target", partial(target_faults, folder, seed, faults)),
        )
        for part, title, torment in once:
            if not parts or part in parts:
                report.attempt(title, torment)
        if not parts or "tap" in parts:
            with torturing(folder, seed) as tap:
                report.rounds("tap", tap.round, numbers, verbose=verbose)
        if not parts or "target" in parts:
            target = TargetTorture(folder, seed)
            report.rounds("target", target.round, numbers, verbose=verbose)
    if report.broken:
        click.echo(f"Seed {seed}: {report.broken:,} promises were broken.", err=True)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
