"""Gives an event the ULID that lets Customer.io ignore its repetitions: same row, same id.

An id is made of what the event is, never of when or how it was read: not of the order of keys, of
the way a number or a time is written, or of the `_sdc_*` columns that a tap adds.
"""

from __future__ import annotations

import hashlib
import typing as t
from collections import deque
from decimal import MAX_PREC, Context, Decimal

import msgspec
from ulid import ULID

from target_customerio.shapes import PLAIN
from target_customerio.times import nanoseconds

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from target_customerio.times import Times

METADATA_PREFIX = "_sdc_"
"""Columns that taps add about the reading of a record; they say nothing about the record."""

HASH_BYTES = 10
"""The 80 bits of a ULID that are not its time."""

NANOSECONDS_IN_A_MILLISECOND = 10**6

LARGEST_EXPONENT = 400
"""Whole numbers up to this power of ten are written out; larger ones would only cost memory."""

REMEMBERED = 100_000
"""How many derived ids are remembered to count identical events."""

ULID_CHARACTERS = 26
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
SHIFTS = range(120, -1, -10)
"""A ULID in text, ten bits at a time: it is written for every event that brings no id."""

EXACT = Context(prec=MAX_PREC)
ONE = Decimal(1)

encode_canonically = msgspec.json.Encoder(
    decimal_format="number", order="sorted", enc_hook=str
).encode


def is_ulid(text: str) -> bool:
    """Tell whether `text` is a valid ULID, which Customer.io takes as the id of an event."""
    if len(text) != ULID_CHARACTERS:
        return False
    try:
        ULID.from_str(text)
    except ValueError:
        return False
    return True


def derive(parts: Sequence[object], moment: int | None) -> str:
    """Return the ULID of an event.

    Args:
        parts: What the event is made of, as canonical values.
        moment: When it happened, in nanoseconds since 1970; None if it does not say.

    Returns:
        26 characters: the milliseconds of the time (0 without one, or before 1970), then 80 bits of
        SHA-256.
    """
    milliseconds = max(moment, 0) // NANOSECONDS_IN_A_MILLISECOND if moment else 0
    digest = hashlib.sha256(encode_canonically(parts)).digest()
    number = milliseconds << 80 | int.from_bytes(digest[:HASH_BYTES], "big")
    return "".join([PAIRS[number >> shift & 1023] for shift in SHIFTS])


def canonical(value: object) -> object:
    """Return `value` with every number written in one way only."""
    if isinstance(value, Decimal):
        return _canonical_number(value)
    if isinstance(value, dict):
        if PLAIN.issuperset(map(type, value.values())):  # as nearly always
            return value
        return {name: canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        return value if PLAIN.issuperset(map(type, value)) else [canonical(item) for item in value]
    return value


def canonical_record(
    record: Mapping[str, object],
    times: Mapping[str, Times],
    special: Iterable[str] | None = None,
) -> dict[str, object]:
    """Return a record in canonical form: readable times as nanoseconds, nulls left out.

    Args:
        record: The record as it came.
        times: The columns that hold points in time.
        special: The only columns whose values may be other than plain, if known.
    """
    members = dict(record)
    for name in record if special is None else special:
        value = members[name]
        if value is None:
            del members[name]
        else:
            members[name] = canonical(value)
    for name, places in times.items():
        if name in members:
            members[name] = places.convert(members[name], _readable)
    return members


def without_metadata(record: dict[str, object]) -> None:
    """Remove the columns that a tap added about the reading."""
    for name in [name for name in record if name.startswith(METADATA_PREFIX)]:
        del record[name]


def _readable(value: object) -> object:
    try:
        return nanoseconds(value)
    except ValueError:
        return value


def _canonical_number(number: Decimal) -> int | Decimal:
    if not number:
        return 0
    if number.adjusted() <= LARGEST_EXPONENT and not EXACT.remainder(number, ONE):
        return int(number)
    return number.normalize(EXACT)


class Repetitions:
    """Counts how often an id comes again among the last ids.

    Attributes:
        count: How many ids came again.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        """Start with nothing remembered.

        Args:
            remembered: How many ids are remembered.
        """
        self.count = 0
        self._remembered = remembered
        self._known: set[str] = set()
        self._order: deque[str] = deque()

    def note(self, event_id: str) -> bool:
        """Remember an id and tell whether it was remembered already."""
        if event_id in self._known:
            self.count += 1
            return True
        self._known.add(event_id)
        self._order.append(event_id)
        if len(self._order) > self._remembered:
            self._known.discard(self._order.popleft())
        return False


class BroughtIds:
    """Remembers what the last ids were brought for, so that an id is not used for two events."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        """Start with nothing remembered.

        Args:
            remembered: How many ids are remembered.
        """
        self._remembered = remembered
        self._events: dict[str, int] = {}

    def note(self, event_id: str, event: int) -> bool:
        """Remember an id and tell whether it is still that of one event alone.

        Args:
            event_id: The id.
            event: A fingerprint of the event.
        """
        known = self._events.setdefault(event_id, event)
        if len(self._events) > self._remembered:
            del self._events[next(iter(self._events))]
        return known == event
