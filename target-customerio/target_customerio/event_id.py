"""Gives an event the ULID that lets Customer.io ignore its repetitions: same row, same id.

An id is made of what the event is, never of when or how it was read: not of the order of keys, of
the way a number or a time is written, or of the `_sdc_*` columns that a tap adds.
"""

from __future__ import annotations

import hashlib
import typing as t
from collections import deque
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal

import msgspec
from ulid import ULID

from target_customerio.times import nanoseconds

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from target_customerio.times import Times

METADATA_PREFIX = "_sdc_"
"""Columns that taps add about the reading of a record; they say nothing about the record."""

HASH_CHARACTERS = 16
"""The 80 bits of a ULID that are not its time, five a character."""

NANOSECONDS_IN_A_MILLISECOND = 10**6

LARGEST_EXPONENT = 400
"""Whole numbers up to this power of ten are written out; larger ones would only cost memory."""

REMEMBERED = 100_000
"""How many derived ids are remembered to count identical events."""

ULID_CHARACTERS = 26
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
"""Ten bits of a ULID in text each."""
FIVE_BITS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
"""The character for each byte of a hash, by its last five bits."""

EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

encode_canonically = msgspec.json.Encoder(
    decimal_format="number", order="sorted", enc_hook=str
).encode


def is_ulid(text: str) -> bool:
    """Tell whether `text` is a valid ULID, which Customer.io takes as the id of an event."""
    if len(text) != ULID_CHARACTERS or not text.isascii():
        return False
    try:
        ULID.from_str(text.upper())  # the library's last release for Python 3.10 reads no other
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
        SHA-256: the last five of each of its first 16 bytes, since bytes are quickly translated.
    """
    digest = hashlib.sha256(encode_canonically(parts)).digest()
    random = digest[:HASH_CHARACTERS].translate(FIVE_BITS).decode()
    time = moment // NANOSECONDS_IN_A_MILLISECOND if moment and moment > 0 else 0
    return (
        f"{PAIRS[time >> 40]}{PAIRS[time >> 30 & 1023]}{PAIRS[time >> 20 & 1023]}"
        f"{PAIRS[time >> 10 & 1023]}{PAIRS[time & 1023]}{random}"
    )


def canonical(value: object) -> object:
    """Return `value` with every number written in one way only."""
    convert = CANONICAL.get(type(value))
    return value if convert is None else convert(value)


def _canonical_object(members: dict[str, object]) -> dict[str, object]:
    if CANONICAL.keys().isdisjoint(map(type, members.values())):  # as nearly always
        return members
    return {name: canonical(member) for name, member in members.items()}


def _canonical_array(items: list[object]) -> list[object]:
    return [canonical(item) for item in items]


def canonical_times(record: dict[str, object], times: Mapping[str, Times]) -> None:
    """Put nanoseconds in place of the points in time that can be read.

    Args:
        record: A record whose values are canonical otherwise; changed.
        times: The columns that hold points in time.
    """
    for name, places in times.items():
        if name in record:
            record[name] = places.convert(record[name], _readable)


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
    text = str(number)
    if text[-1] != "0" and "E" not in text and "." in text:  # as nearly always
        return number
    if not number:
        return 0
    shortest = number.normalize(EXACT)
    if "E+" in str(shortest) and shortest.adjusted() <= LARGEST_EXPONENT:
        return int(shortest)
    return shortest


CANONICAL: dict[type, Callable[[t.Any], object]] = {
    Decimal: _canonical_number,
    dict: _canonical_object,
    list: _canonical_array,
}
"""By type, what writes a value in one way only; values of other types have only one."""


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
