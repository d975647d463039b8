"""Reads points in time, and finds them in a record by its schema.

Customer.io wants unix seconds. Taps send ISO 8601 text, unix seconds or milliseconds, as numbers or
as text. Text is read by one pattern on every Python, since event ids are made of times and must not
depend on it.
"""

from __future__ import annotations

import math
import re
import typing as t
from datetime import datetime, timedelta
from decimal import Decimal

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NANOSECONDS = 10**9
"""Nanoseconds in a second: the finest unit that databases have."""

MILLISECONDS_ABOVE = 10**11
"""Larger numbers are milliseconds: as seconds they would lie after the year 5138."""

EARLIEST = -62_135_596_800 * NANOSECONDS
LATEST = 253_402_300_800 * NANOSECONDS - 1
"""The years 1 to 9999, which ISO 8601 text can name."""

LONGEST_TEXT = 64
"""Characters beyond which text is no point in time."""

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all arithmetic is in UTC, and naive ones are faster

NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
TO_THE_SECOND = 19
"""Characters of `2026-11-21T20:14:03`, the part that nearly every text begins with."""
SEPARATORS = frozenset({"--T::", "--t::", "-- ::"})
"""What stands between the figures of that part."""
SHORTER = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(.*))?", re.ASCII)
FRACTION_AND_OFFSET = re.compile(
    r"(?:[.,](\d+))? ?(?:[Zz]|UTC|([+-])(\d\d)(?::?(\d\d))?)?", re.ASCII
)


def nanoseconds(value: object) -> int:
    """Return a point in time as nanoseconds since 1970 in UTC.

    Args:
        value: Unix seconds, or milliseconds if beyond 10¹¹, as a number or as text; or ISO 8601
            text, in UTC unless it says otherwise.

    Raises:
        ValueError: The value is none of these.
    """
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return _read_number(value)
    raise ValueError


def unix_seconds(value: object) -> int:
    """Return a point in time as unix seconds, the fraction dropped.

    Args:
        value: What `nanoseconds` reads.

    Raises:
        ValueError: The value is no point in time.
    """
    return nanoseconds(value) // NANOSECONDS


def in_milliseconds(value: object) -> bool:
    """Tell whether a readable point in time was given in milliseconds."""
    if isinstance(value, str):
        if value[4:5] == "-":  # as nearly all text that is a time
            return False
        text = value.strip()
        return NUMBER.fullmatch(text) is not None and in_milliseconds(Decimal(text))
    return (
        isinstance(value, (int, Decimal)) and not -MILLISECONDS_ABOVE <= value <= MILLISECONDS_ABOVE
    )


def iso8601(value: object) -> str:
    """Return a point in time as ISO 8601 text in UTC, e.g. `2026-11-21T20:14:03.25Z`.

    Args:
        value: What `nanoseconds` reads.

    Raises:
        ValueError: The value is no point in time.
    """
    seconds, fraction = divmod(nanoseconds(value), NANOSECONDS)
    moment = (EPOCH + timedelta(seconds=seconds)).isoformat()
    digits = f"{fraction:09}".rstrip("0")
    return f"{moment}.{digits}Z" if digits else f"{moment}Z"


def _read_text(text: str) -> int:
    if text[4:TO_THE_SECOND:3] not in SEPARATORS:
        if len(text) > LONGEST_TEXT:
            raise ValueError
        text = text.strip()
        if NUMBER.fullmatch(text):
            return _read_number(Decimal(text))
        if text[4:TO_THE_SECOND:3] not in SEPARATORS:
            text = _to_the_second(text)
    since = datetime.fromisoformat(text[:TO_THE_SECOND]) - EPOCH  # naive, so in UTC
    if not since.seconds and text[11:13] == "24":  # an hour that only newer Pythons read
        raise ValueError
    moment = (since.days * 86_400 + since.seconds) * NANOSECONDS
    rest = text[TO_THE_SECOND:]
    return moment if rest in {"", "Z"} else _in_range(moment + _read_rest(rest))


def _to_the_second(text: str) -> str:
    """Return a text that is only exact to the day or the minute as one that names the second."""
    match = SHORTER.fullmatch(text)
    if match is None:
        raise ValueError
    day, minute, rest = match.groups()
    return f"{day}T{minute or '00:00'}:00{rest or ''}"


def _read_rest(text: str) -> int:
    """Return the nanoseconds that a fraction and an offset add."""
    match = FRACTION_AND_OFFSET.fullmatch(text.rstrip()) if len(text) <= LONGEST_TEXT else None
    if match is None:
        raise ValueError
    fraction, sign, hours, minutes = match.groups()
    nanos = int((fraction or "0")[:9].ljust(9, "0"))
    if not sign:
        return nanos
    if int(hours) > 23 or int(minutes or 0) > 59:  # noqa: PLR2004 - the clock's own figures
        raise ValueError
    offset = (int(hours) * 3600 + int(minutes or 0) * 60) * NANOSECONDS
    return nanos - offset if sign == "+" else nanos + offset


def _read_number(number: int | Decimal) -> int:
    if not EARLIEST <= number <= LATEST:  # compared first: 1E+999999 must not be written out
        raise ValueError
    is_seconds = -MILLISECONDS_ABOVE <= number <= MILLISECONDS_ABOVE
    unit = NANOSECONDS if is_seconds else NANOSECONDS // 1000
    return _in_range(math.floor(number * unit))


def _in_range(moment: int) -> int:
    if EARLIEST <= moment <= LATEST:
        return moment
    raise ValueError


class Times:
    """Where a value of some schema holds points in time.

    Attributes:
        here: The value itself may be one.
        or_text: It may be other text as well, so that what cannot be read stays as it is.
        properties: The same for the properties of an object.
        others: The same for the properties that the schema does not name.
        items: The same for the items of an array.
    """

    __slots__ = ("here", "items", "or_text", "others", "properties")

    def __init__(self) -> None:
        self.here = False
        self.or_text = False
        self.properties: dict[str, Times] = {}
        self.others: Times | None = None
        self.items: Times | None = None

    def anywhere(self) -> bool:
        """Tell whether there may be a point in time at any depth."""
        seen: set[int] = set()
        unseen = [self]
        while unseen:
            times = unseen.pop()
            if times.here:
                return True
            if id(times) not in seen:
                seen.add(id(times))
                unseen += times.properties.values()
                unseen += filter(None, (times.others, times.items))
        return False

    def convert(self, value: object, read: Callable[[object], object]) -> object:
        """Return `value` with every point in time replaced; `value` itself stays untouched.

        Args:
            value: A value of the schema.
            read: Makes of a point in time what shall stand in its place.

        Raises:
            ValueError: `read` could not read one.
        """
        if isinstance(value, dict):
            return {
                name: places.convert(member, read)
                if (places := self.properties.get(name, self.others))
                else member
                for name, member in value.items()
            }
        if isinstance(value, list):
            return [self.items.convert(item, read) for item in value] if self.items else value
        if not self.here or value is None or isinstance(value, bool):
            return value
        try:
            return read(value)
        except ValueError:
            if self.or_text:
                return value
            raise


def find_times(schema: Mapping[str, object]) -> dict[str, Times]:
    """Return the columns that hold points in time (`format: date-time`) at any depth."""
    columns = _Finder(schema).find(schema).properties
    return {name: times for name, times in columns.items() if times.anywhere()}


class _Finder:
    """Walks one schema; a part met again, as in a recursive schema, is the same `Times`."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._known: dict[int, Times] = {}

    def find(self, schema: object) -> Times:
        if id(schema) in self._known:
            return self._known[id(schema)]
        times = self._known[id(schema)] = Times()
        self._add(times, schema)
        return times

    def _add(self, times: Times, schema: object) -> None:
        if not isinstance(schema, dict):
            return
        if schema.get("format") == "date-time":
            times.here = True
        elif "string" in _listed(schema.get("type")):
            times.or_text = True
        for name, member in _named(schema.get("properties")):
            times.properties[name] = self.find(member)
        if isinstance(schema.get("additionalProperties"), dict):
            times.others = self.find(schema["additionalProperties"])
        if isinstance(schema.get("items"), dict):
            times.items = self.find(schema["items"])
        for keyword in ("anyOf", "oneOf", "allOf"):
            for alternative in _listed(schema.get(keyword)):
                self._merge(times, self.find(alternative))
        if isinstance(schema.get("$ref"), str):
            self._merge(times, self.find(self._resolve(schema["$ref"])))

    def _merge(self, times: Times, other: Times) -> None:
        times.here = times.here or other.here
        times.or_text = times.or_text or other.or_text
        times.properties = {**other.properties, **times.properties}
        times.others = times.others or other.others
        times.items = times.items or other.items

    def _resolve(self, reference: str) -> object:
        """Return the part that `#/definitions/name` points to; None if it lies elsewhere."""
        if not reference.startswith("#"):
            return None
        part: object = self._root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            part = part.get(name) if isinstance(part, dict) else None
        return part


def _listed(value: object) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def _named(value: object) -> list[tuple[str, object]]:
    return list(value.items()) if isinstance(value, dict) else []
