"""What the demo prints: figures counted in the simulator's calls and in the loaders' files."""

from __future__ import annotations

import collections
import json
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Call: t.TypeAlias = "dict[str, t.Any]"

# Which stream a call belongs to: the first pattern that matches its whole path.
STREAM_OF_PATH = (
    (r"/v1/campaigns/[^/]+/actions", "campaign_actions"),
    (r"/v1/broadcasts/[^/]+/actions", "broadcast_actions"),
    (r"/v1/segments/[^/]+/membership", "segment_membership"),
    (r"/v1/transactional", "transactional_messages"),
    (r"/v1/(\w+)", r"\1"),
)


def stream_of(path: str) -> str:
    """Name the stream that a path of the App API belongs to; an unknown path stands for itself."""
    for pattern, stream in STREAM_OF_PATH:
        if match := re.fullmatch(pattern, path):
            return match.expand(stream)
    return path


def requests_and_seconds(calls: Iterable[Call]) -> dict[str, tuple[int, float]]:
    """Count the calls of each stream, and the seconds from its first call to its last."""
    times: dict[str, list[float]] = collections.defaultdict(list)
    for call in calls:
        times[stream_of(call["path"])].append(call["time"])
    return {stream: (len(seen), max(seen) - min(seen)) for stream, seen in times.items()}


def rows_of(folder: Path) -> collections.Counter[str]:
    """Count the rows of each stream in a folder of JSON lines."""
    counts: collections.Counter[str] = collections.Counter()
    for path in folder.glob("*.jsonl"):
        with path.open("rb") as lines:
            counts[path.stem] = sum(1 for _ in lines)
    return counts


def singer_records(path: Path) -> Iterator[dict[str, t.Any]]:
    """Read the RECORD messages of a Singer file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "RECORD":
                yield message


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out rows under a header, numbers to the right.

    Args:
        header: The titles of the columns.
        rows: The cells of each row, as many as the header has.

    Returns:
        The lines of the table, indented.
    """
    lines = [tuple(header), *(tuple(map(cell_text, row)) for row in rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(re.fullmatch(r"[\d,.]*", cell) for cell in column[1:]) for column in columns]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  "
        + "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def cell_text(cell: object) -> str:
    """Write a cell: thousands apart, one decimal for seconds."""
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
