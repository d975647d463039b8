"""The documented limits of the Track API as data, and the checks that hold an item against them.

"kb" is not defined by Customer.io: a thousand bytes is the reading that is right either way. Every
limit counts bytes of UTF-8, not characters.
"""

from __future__ import annotations

import typing as t

from target_customerio.items import Rejection

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ITEM_BYTES = 32_000
"""Largest item of a batch (documented: 32 KB per item)."""

PERSON_ID_BYTES = 150
"""Longest `id` of a person (documented: 150 bytes)."""

OBJECT_ID_BYTES = 150
"""Longest `object_id` (documented: 150 bytes)."""

EVENT_NAME_BYTES = 100
"""Longest name of an event (documented: 100 bytes)."""

ATTRIBUTES = 300
"""Most attributes of a person, object or relationship in one item (documented: 300)."""

ATTRIBUTE_NAME_BYTES = 150
"""Longest name of such an attribute (documented: 150 bytes)."""

ATTRIBUTE_VALUE_BYTES = 1_000
"""Longest value of such an attribute, nested values as JSON (documented: 1,000 bytes)."""

SEGMENT_IDS = 1_000
"""Most people whom one call adds to a segment or removes (documented: 1,000 ids)."""

ROW_BYTES = 10_000
"""Largest row of a collection (documented: 10 KB)."""

COLLECTION_BYTES = 10_000_000
"""Largest collection (documented: 10 MB)."""

LONGEST_CHARACTER = 4
"""Bytes that a character takes in UTF-8 at most: much shorter text need not be counted."""


def exceeds(text: str, limit: int) -> bool:
    """Tell whether `text` takes more than `limit` bytes of UTF-8."""
    return len(text) * LONGEST_CHARACTER > limit and len(text.encode()) > limit


def too_long(what: str, field: str, limit: int) -> Rejection:
    """Return the rejection of something that is longer than `limit` bytes."""
    return Rejection("invalid", field, f"{what} cannot be longer than {limit:,} bytes")


def check_item(encoded: bytes) -> Rejection | None:
    """Hold an encoded item against the limit of every kind of item."""
    return None if len(encoded) <= ITEM_BYTES else too_long("an item", "item", ITEM_BYTES)


def check_attributes(
    attributes: Mapping[str, object], encode: Callable[[object], bytes]
) -> Rejection | None:
    """Hold the attributes of a person, object or relationship against their limits.

    Args:
        attributes: The attributes as they will be sent.
        encode: Makes JSON of a value that is no text.
    """
    if len(attributes) > ATTRIBUTES:
        message = f"cannot set more than {ATTRIBUTES} attributes in one record"
        return Rejection("invalid", "attributes", message)
    for name, value in attributes.items():
        if exceeds(name, ATTRIBUTE_NAME_BYTES):
            return too_long("an attribute name", "attributes", ATTRIBUTE_NAME_BYTES)
        if isinstance(value, str):
            is_too_long = exceeds(value, ATTRIBUTE_VALUE_BYTES)
        else:
            is_too_long = len(encode(value)) > ATTRIBUTE_VALUE_BYTES
        if is_too_long:
            return too_long("a value", f"attributes.{name}", ATTRIBUTE_VALUE_BYTES)
    return None
