"""Writes benchmarks/RESULTS.md from what the parts measured, and fails if ours became slower.

Ratios are compared, not seconds: how near ours comes to a floor that was measured in the same run
holds on any machine. One that fell by a fifth against the page as it is published fails; the page
is then left alone, and the new one lies beside the findings. Whoever accepts the fall deletes the
page and runs this again.

Run it with `python -m benchmarks.results`, after all parts.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import typing as t
from importlib import metadata
from pathlib import Path

import click
from demo import report

from benchmarks import findings, peers

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAGE = Path(__file__).parent / "RESULTS.md"
PARTS = ("simulator_ceiling", "tap_peers", "target_events", "growth", "profiles")
ALLOWED = 0.8
"""What must be left of a published ratio: a fall by a fifth fails."""
RATIOS = "Ratios to the floor"
LIBRARIES = ("singer-sdk", "msgspec", "requests", "urllib3", "pyrate-limiter", "uvicorn")
INTRODUCTION = """\
# Results

Written by `make bench`; [docs/benchmarks.md](../docs/benchmarks.md) says what is measured and how.
Seconds and rates hold for the machine below. A figure with a range in brackets is the median of
several runs with their least and most; one without was measured once."""


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of a page, columns of figures to the right."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    columns = list(zip(*lines, strict=True)) or [()] * len(header)
    figures = [all(re.match(r"-?[\d,.]*($| \()", cell) for cell in column) for column in columns]
    rule = ["---:" if right else "---" for right in figures]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *lines))


def processor() -> str:
    """Name the processor; what the system says only in its own way is said in Python's."""
    described = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", described.read_text()) if described.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def machine() -> list[tuple[str, str]]:
    """Describe where it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return [
        ("processor", processor()),
        ("cores", str(os.cpu_count())),
        ("memory", f"{memory:.0f} GB"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        *((name, metadata.version(name)) for name in LIBRARIES),
        *((f"peer {peer.name}", peer.version()) for peer in peers.ALL),
    ]


def ratios(parts: Iterable[findings.Findings]) -> dict[str, list[float]]:
    """Collect the ratios of all parts."""
    return {what: percents for part in parts for what, percents in part.ratios.items()}


def page(parts: Sequence[findings.Findings], about: Sequence[tuple[str, str]]) -> str:
    """Write the page.

    Args:
        parts: What was found, in order.
        about: Machine and versions.
    """
    commands = [
        (
            f"`{' '.join(('python -m', f'benchmarks.{each.part}', *each.arguments))}`",
            f"{each.seconds:,.0f}",
            f"{each.load:.1f}",
        )
        for each in parts
    ]
    judged = [
        (what, *(f"{figure(percents):.1f}" for figure in (statistics.median, min, max)))
        for what, percents in ratios(parts).items()
    ]
    sections = [
        ("Machine and versions", markdown(("what", "which"), about)),
        ("Commands", markdown(("command", "seconds", "load before"), commands)),
        (RATIOS, markdown(("ours, in % of the floor", "median", "least", "most"), judged)),
        (
            "Bars",
            markdown(
                ("bar", "measured", "must be", "verdict"),
                [bar for each in parts for bar in each.bars],
            ),
        ),
        *(
            (
                table.title,
                "\n\n".join(filter(None, (markdown(table.header, table.rows), table.note))),
            )
            for each in parts
            for table in each.tables
        ),
    ]
    texts = [INTRODUCTION, *(f"## {title}\n\n{text}" for title, text in sections)]
    return "\n\n".join(texts) + "\n"


def published(text: str) -> dict[str, float]:
    """Read the medians of the ratios back from a page."""
    section = text.partition(f"## {RATIOS}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \| [\d.]+ \| [\d.]+ \|$", section, re.MULTILINE)
    return {what.replace("\\|", "|"): float(median) for what, median in rows}


def falls(before: Mapping[str, float], now: Mapping[str, Sequence[float]]) -> list[str]:
    """Name the ratios that fell by a fifth, or that nobody measured any more.

    Args:
        before: The published medians.
        now: The ratios of this run.
    """
    gone = [
        f"{what}: {was:.1f} % was published, and it was not measured"
        for what, was in before.items()
        if what not in now
    ]
    fallen = [
        f"{what}: {median:.1f} % is less than {ALLOWED:.0%} of the published {before[what]:.1f} %"
        for what, percents in now.items()
        if (median := statistics.median(percents)) < ALLOWED * before.get(what, 0)
    ]
    return gone + fallen


@click.command(help=__doc__)
@click.option("--folder", type=click.Path(path_type=Path), default=findings.FOLDER, hidden=True)
@click.option("--page", "file", type=click.Path(path_type=Path), default=PAGE, hidden=True)
def main(folder: Path, file: Path) -> None:
    """Write the page, or say which ratios fell."""
    try:
        parts = [findings.read(part, folder) for part in PARTS]
    except FileNotFoundError as error:
        part = Path(error.filename).stem
        msg = f"{part} has handed over nothing: run `python -m benchmarks.{part}` first."
        raise click.ClickException(msg) from None
    text, measured = page(parts, machine()), ratios(parts)
    before = published(file.read_text()) if file.exists() else {}
    if fallen := falls(before, measured):
        kept = folder / file.name
        kept.write_text(text)
        click.echo("\n".join(fallen))
        msg = f"{file} stays as published; the page of this run is {kept}."
        raise click.ClickException(msg)
    file.write_text(text)
    rows = [(what, findings.spread(percents)) for what, percents in measured.items()]
    click.echo(report.table(("ours, in % of the floor", "median (least to most)"), rows))
    click.echo(f"\nWritten: {file}")


if __name__ == "__main__":
    main()
