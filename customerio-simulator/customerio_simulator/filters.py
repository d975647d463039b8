"""The filter grammar of both searches: and, or, not, segment, attribute."""

from __future__ import annotations

import typing as t

from customerio_simulator.people import as_text

if t.TYPE_CHECKING:
    from collections.abc import Container

    from customerio_simulator.tables import Row

Matches = t.Callable[["Row"], bool]
MembersOf = t.Callable[[int], "Container[str]"]


PERSON, OBJECT = "attribute", "object_attribute"
"""What a condition on an attribute is called in the search for people and in that for objects."""


OUTSIDE = "The filter is outside the grammar."


class BadFilterError(ValueError):
    """A filter outside the grammar: 400."""


def compile_filter(condition: object, leaf: str, members_of: MembersOf) -> Matches:
    """Turn a filter into a test of a stored person or object.

    Args:
        condition: The filter as sent.
        leaf: What a condition on an attribute is called.
        members_of: Returns the internal ids of a segment's members.

    Raises:
        BadFilterError: The filter is outside the grammar.
    """
    match condition:
        case {"and": [*parts], **rest} if not rest:
            tests = [compile_filter(part, leaf, members_of) for part in parts]
            return lambda row: all(test(row) for test in tests)
        case {"or": [*parts], **rest} if not rest:
            tests = [compile_filter(part, leaf, members_of) for part in parts]
            return lambda row: any(test(row) for test in tests)
        case {"not": part, **rest} if not rest:
            negated = compile_filter(part, leaf, members_of)
            return lambda row: not negated(row)
        case {"segment": {"id": int(segment)}, **rest} if not rest:
            members = members_of(segment)
            return lambda row: row.get("cio_id") in members
        case {**only} if set(only) == {leaf}:
            return _condition(only[leaf])
        case _:
            raise BadFilterError(OUTSIDE)


def _condition(condition: object) -> Matches:
    """Turn a condition on an attribute, or on an object's identifier, into a test."""
    match condition:
        case {"field": str(field), "operator": "exists"}:
            return lambda row: field in row["attributes"] or field in row
        case {"field": str(field), "operator": "eq", "value": value}:
            wanted = as_text(value)
            return lambda row: as_text(row["attributes"].get(field, row.get(field))) == wanted
        case _:
            raise BadFilterError(OUTSIDE)
