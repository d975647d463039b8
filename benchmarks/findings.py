"""What one part measured: shown at once, judged at its end, and handed over to the page."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import typing as t
from dataclasses import asdict, dataclass, field

import click
from demo import processes, report

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FOLDER = processes.ROOT / ".cache" / "bench" / "findings"
"""Where the parts hand over what they found: a JSON file each."""


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Write the median of several runs, and from where to where they went."""
    median, least, most = statistics.median(values), min(values), max(values)
    if len(values) == 1:
        return f"{median:,.{digits}f}"
    return f"{median:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


@dataclass(frozen=True)
class Table:
    """A table of the page, its cells as text.

    Attributes:
        title: What it shows.
        header: The titles of its columns.
        rows: The cells of each row.
        note: What has to be known to read it.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass
class Findings:
    """What a part found out.

    Attributes:
        part: The name of the part.
        arguments: What it was called with.
        load: Processes that wanted a processor in the minute before it began.
        seconds: How long it took, set when it is handed over.
        tables: What it showed.
        ratios: How near ours came to its floor, in percent, for each of several runs.
        bars: What ours must keep: what, measured, must be, verdict.
    """

    part: str
    arguments: list[str] = field(default_factory=lambda: sys.argv[1:])
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    seconds: float = 0.0
    tables: list[Table] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    bars: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Note when the part began."""
        self._began = time.perf_counter()

    def table(
        self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]], note: str = ""
    ) -> None:
        """Show a table, and keep it for the page."""
        cells = [[report.cell_text(cell) for cell in row] for row in rows]
        click.echo(f"\n{title}\n\n{report.table(header, cells)}")
        if note:
            click.echo(f"\n  {note}")
        self.tables.append(Table(title, list(header), cells, note))

    def ratio(self, what: str, percents: Sequence[float]) -> float:
        """Note how near ours came to its floor, which was measured in the same run.

        Args:
            what: Ours, and the floor; sizes that change the ratio are part of the name.
            percents: Of each of several runs; 100 is the floor itself.

        Returns:
            The median.
        """
        self.ratios[what] = list(percents)
        return statistics.median(percents)

    def at_most(self, what: str, value: float, bar: float) -> None:
        """Note a figure that must not be above its bar."""
        self._judge(what, value, f"at most {bar:,.1f}", kept=value <= bar)

    def at_least(self, what: str, value: float, bar: float) -> None:
        """Note a figure that must not be below its bar."""
        self._judge(what, value, f"at least {bar:,.1f}", kept=value >= bar)

    def exactly(self, what: str, value: float, bar: float) -> None:
        """Note a figure that must be as foreseen."""
        self._judge(what, value, f"{bar:,.1f}", kept=value == bar)

    def _judge(self, what: str, value: float, bar: str, *, kept: bool) -> None:
        self.bars.append([what, f"{value:,.1f}", bar, "kept" if kept else "MISSED"])

    def hand_over(self, folder: Path = FOLDER) -> None:
        """Write all of it for the page, and print the bars.

        Raises:
            SystemExit: A bar was missed.
        """
        self.seconds = time.perf_counter() - self._began
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.part}.json").write_text(json.dumps(asdict(self)))
        if self.bars:
            click.echo(f"\n{report.table(('bar', 'measured', 'must be', ''), self.bars)}\n")
        if any(verdict == "MISSED" for *_, verdict in self.bars):
            raise SystemExit(1)


def read(part: str, folder: Path = FOLDER) -> Findings:
    """Read what a part handed over.

    Raises:
        FileNotFoundError: It has not handed over anything.
    """
    found = json.loads((folder / f"{part}.json").read_text())
    tables = [Table(**table) for table in found.pop("tables")]
    return Findings(**found, tables=tables)
