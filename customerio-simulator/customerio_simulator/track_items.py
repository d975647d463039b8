"""What the Track API demands of an item: a table of checks by type and action.

An item that breaks a rule is refused with one problem per rule; the others of its batch go on.
Limits are in bytes of UTF-8, as documented.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from customerio_simulator.answers import encode

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from customerio_simulator.tables import Row

LARGEST_ITEM = 32_000
"""Bytes of an item (documented: 32 kb, whatever a kb is; the narrower reading)."""
LONGEST_IDENTIFIER = 150
"""Bytes of a person's id and of an object_id (documented)."""
LONGEST_ATTRIBUTE_NAME = 150
"""Bytes of an attribute's name (documented)."""
LONGEST_ATTRIBUTE_VALUE = 1000
"""Bytes of an attribute's value (documented for people, objects and relationships)."""
MOST_ATTRIBUTES = 300
"""Attributes in one identify call (documented)."""
LONGEST_EVENT_NAME = 100
"""Bytes of an event's name (documented)."""

LATEST_TIME = 10**14
"""Greatest number that is taken for a time: milliseconds pass, microseconds do not."""

PERSON_IDENTIFIERS = ("id", "email", "phone", "cio_id")
METRICS = ("opened", "converted", "delivered")
PLATFORMS = ("ios", "android")
"""What names a person, what came of a delivery, and kinds of devices (all documented)."""


@dataclass(frozen=True)
class Problem:
    """Why an item is refused, in the API's own terms."""

    reason: str
    field: str
    message: str

    def described(self) -> Row:
        """Return the problem as it stands in `errors`."""
        return asdict(self)


Check = t.Callable[["Row"], "Iterator[Problem]"]


def _size(value: object) -> int:
    """Return the bytes of a value: of text itself, of anything else as JSON."""
    return len(value.encode() if isinstance(value, str) else encode(value))


def _identifier(where: str, identifiers: object, kinds: tuple[str, ...]) -> Iterator[Problem]:
    """Check that there is exactly one identifier of the right kind."""
    if not isinstance(identifiers, dict) or not identifiers:
        yield Problem("required", where, f"{where} are required")
        return
    known = [kind for kind in kinds if kind in identifiers]
    if len(known) != 1 or len(identifiers) != 1:
        yield Problem("invalid", where, f"must have exactly one of {', '.join(kinds)}")
        return
    yield from name_of_someone(f"{where}.{known[0]}", identifiers[known[0]])


def name_of_someone(where: str, value: object) -> Iterator[Problem]:
    """Check a single identifier's value."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        yield Problem("invalid", where, "must be a string or a number")
    elif not str(value).strip():
        yield Problem("required", where, "cannot be blank")
    elif _size(str(value)) > LONGEST_IDENTIFIER:
        yield Problem("invalid", where, f"cannot be longer than {LONGEST_IDENTIFIER} bytes")


def person(item: Row) -> Iterator[Problem]:
    """Check the identifier of a person."""
    return _identifier("identifiers", item.get("identifiers"), PERSON_IDENTIFIERS)


def anybody(item: Row) -> Iterator[Problem]:
    """Check the identifier of a person, who may be anonymous on an event."""
    kinds = (*PERSON_IDENTIFIERS, "anonymous_id")
    return _identifier("identifiers", item.get("identifiers"), kinds)


def pair(item: Row) -> Iterator[Problem]:
    """Check the two sides of a merge."""
    for side in ("primary", "secondary"):
        yield from _identifier(side, item.get(side), ("id", "email", "cio_id"))


def _object(where: str, identifiers: object) -> Iterator[Problem]:
    if not isinstance(identifiers, dict) or not identifiers:
        yield Problem("required", where, f"{where} are required")
    elif "cio_object_id" in identifiers:
        yield from name_of_someone(f"{where}.cio_object_id", identifiers["cio_object_id"])
    else:
        kind = identifiers.get("object_type_id")
        if not isinstance(kind, str) or not kind.isdecimal():
            yield Problem("invalid", f"{where}.object_type_id", "must be an integer as a string")
        yield from name_of_someone(f"{where}.object_id", identifiers.get("object_id"))


def object_(item: Row) -> Iterator[Problem]:
    """Check the identifiers of an object."""
    return _object("identifiers", item.get("identifiers"))


def delivery(item: Row) -> Iterator[Problem]:
    """Check the identifier, metric and token of a delivery's event; all are required."""
    yield from _identifier("identifiers", item.get("identifiers"), ("id",))
    if item.get("name") not in METRICS:
        yield Problem("invalid", "name", f"must be one of {', '.join(METRICS)}")
    attributes = item.get("attributes")
    if not isinstance(attributes, dict) or not attributes.get("device_token"):
        yield Problem("required", "attributes.device_token", "device_token is required")


def bag(item: Row) -> Iterator[Problem]:
    """Check that attributes, if any, are an object."""
    if not isinstance(item.get("attributes") or {}, dict):
        yield Problem("invalid", "attributes", "must be an object")


def attributes(item: Row) -> Iterator[Problem]:
    """Check the attributes of a person or an object: count, names and values."""
    yield from _attributes("attributes", item.get("attributes") or {})


def _attributes(where: str, values: object) -> Iterator[Problem]:
    if not isinstance(values, dict):
        yield Problem("invalid", where, "must be an object")
        return
    if len(values) > MOST_ATTRIBUTES:
        text = f"cannot identify more than {MOST_ATTRIBUTES} attributes in one request"
        yield Problem("invalid", where, text)
    for name, value in values.items():
        if _size(name) > LONGEST_ATTRIBUTE_NAME:
            text = f"attribute name cannot be longer than {LONGEST_ATTRIBUTE_NAME} bytes"
            yield Problem("invalid", f"{where}.{name}", text)
        if _size(value) > LONGEST_ATTRIBUTE_VALUE:
            text = f"property value cannot be longer than {LONGEST_ATTRIBUTE_VALUE} bytes"
            yield Problem("invalid", f"{where}.{name}", text)


def name(item: Row) -> Iterator[Problem]:
    """Check the name of an event, page or screen."""
    value = item.get("name")
    if not isinstance(value, str) or not value.strip():
        yield Problem("required", "name", "name cannot be blank")
    elif _size(value.strip()) > LONGEST_EVENT_NAME:
        text = f"event name cannot be longer than {LONGEST_EVENT_NAME} bytes"
        yield Problem("invalid", "name", text)


def timestamp(item: Row) -> Iterator[Problem]:
    """Check that a time, if any, is a number: milliseconds pass, and are misread."""
    yield from _time("timestamp", item.get("timestamp"))


def _time(where: str, value: object) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool) or abs(value) > LATEST_TIME:
        yield Problem("invalid", where, "must be a unix timestamp in seconds")


def device(item: Row) -> Iterator[Problem]:
    """Check the device: v2 calls its id `token`."""
    value = item.get("device")
    if not isinstance(value, dict) or not value.get("token"):
        yield Problem("required", "device.token", "token is required")
    elif item["action"] == "add_device" and value.get("platform") not in PLATFORMS:
        yield Problem("invalid", "device.platform", f"must be one of {', '.join(PLATFORMS)}")
    else:
        yield from _time("device.last_used", value.get("last_used"))
        yield from _device_attributes(value.get("attributes") or {})


def _device_attributes(values: object) -> Iterator[Problem]:
    """Check the attributes of a device: each is text."""
    if not isinstance(values, dict):
        yield Problem("invalid", "device.attributes", "must be an object")
        return
    for name, value in values.items():
        if not isinstance(value, str):
            yield Problem("invalid", f"device.attributes.{name}", "must be a string")


def relationships(item: Row) -> Iterator[Problem]:
    """Check the other sides of relationships, if there are any."""
    values = item.get("cio_relationships") or []
    if not isinstance(values, list):
        yield Problem("invalid", "cio_relationships", "must be an array")
        return
    anonymous = item["action"] == "identify_anonymous"
    kinds = ("anonymous_id",) if anonymous else PERSON_IDENTIFIERS
    for nth, value in enumerate(values):
        where = f"cio_relationships[{nth}]"
        if not isinstance(value, dict):
            yield Problem("invalid", where, "must be an object")
            continue
        other = value.get("identifiers")
        if item.get("type") == "object":
            yield from _identifier(f"{where}.identifiers", other, kinds)
        else:
            yield from _object(f"{where}.identifiers", other)
        yield from _attributes(
            f"{where}.relationship_attributes", value.get("relationship_attributes") or {}
        )


def related(item: Row) -> Iterator[Problem]:
    """Check that there is a relationship at all."""
    if not item.get("cio_relationships"):
        yield Problem("required", "cio_relationships", "cio_relationships are required")


def anonymous(item: Row) -> Iterator[Problem]:
    """Check that an anonymous person is named, in either of the two documented places."""
    if "anonymous_id" in item:
        yield from name_of_someone("anonymous_id", item["anonymous_id"])
    else:
        yield from related(item)


CHECKS: dict[tuple[str, str], tuple[Check, ...]] = {
    ("person", "identify"): (person, attributes, timestamp, relationships),
    ("person", "event"): (anybody, name, bag, timestamp),
    ("person", "page"): (anybody, name, bag, timestamp),
    ("person", "screen"): (anybody, name, bag, timestamp),
    ("person", "delete"): (person,),
    ("person", "suppress"): (person,),
    ("person", "unsuppress"): (person,),
    ("person", "merge"): (pair,),
    ("person", "add_device"): (person, device),
    ("person", "delete_device"): (person, device),
    ("person", "add_relationships"): (person, related, relationships),
    ("person", "delete_relationships"): (person, related, relationships),
    ("object", "identify"): (object_, attributes, relationships),
    ("object", "identify_anonymous"): (object_, attributes, anonymous, relationships),
    ("object", "delete"): (object_,),
    ("object", "add_relationships"): (object_, related, relationships),
    ("object", "delete_relationships"): (object_, related, relationships),
    ("delivery", "event"): (delivery,),
}
"""What each operation must pass."""


def kind_of(item: Row) -> tuple[str, str]:
    """Return type and action; only a merge may leave its type out, as the official example does."""
    action = str(item.get("action"))
    return str(item.get("type", "person" if action == "merge" else None)), action


def problems(item: object, size: int) -> list[Problem]:
    """Return everything that is wrong with an item.

    Args:
        item: The item as sent.
        size: Its bytes as sent.
    """
    if not isinstance(item, dict):
        return [Problem("invalid", "", "must be an object")]
    if size > LARGEST_ITEM:
        return [Problem("invalid", "", f"item cannot be larger than {LARGEST_ITEM} bytes")]
    checks = CHECKS.get(kind_of(item))
    if checks is None:
        known = any(kind == item.get("type") for kind, _ in CHECKS)
        field = "action" if known else "type"
        reason = "invalid" if item.get(field) else "required"
        return [Problem(reason, field, f"{field} is missing or not supported")]
    return [problem for check in checks for problem in check(item)]
