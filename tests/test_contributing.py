"""CONTRIBUTING names the rooms that a record passes, and no room that is not there."""

from __future__ import annotations

import re

import pytest

WAYS = {
    "tap-customerio/tap_customerio": "### The way of a row through the tap",
    "target-customerio/target_customerio": "### The way of a record through the target",
}
DOMAINS = "the other domains under `streams/`"
"""Words that stand for the rooms that hold nothing but declarations of streams."""


@pytest.mark.parametrize("package", WAYS)
def test_the_way_of_a_record_passes_every_room(package, root):
    text = (root / "CONTRIBUTING.md").read_text()
    way = re.split(r"^#+ ", text.split(WAYS[package])[1], maxsplit=1, flags=re.MULTILINE)[0]
    rooms = {room for room in (root / package).rglob("*.py") if not room.name.startswith("__")}
    named = set(re.findall(r"`(\w+\.py)`", way)) - {"__init__.py"}

    assert named <= {room.name for room in rooms}
    nameless = {room for room in rooms if room.name not in named}
    assert {room.parent.name for room in nameless} <= ({"streams"} if DOMAINS in way else set())
