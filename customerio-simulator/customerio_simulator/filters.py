"""The filter grammar of the people search: and, or, not, segment, attribute."""

from __future__ import annotations

import typing as t

from customerio_simulator.people import as_text

if t.TYPE_CHECKING:
    from collections.abc import Container

    from customerio_simulator.tables import Row

Matches = t.Callable[["Row"], bool]
MembersOf = t.Callable[[int], "Container[str]"]


class BadFilterError(ValueError):
    """A filter outside the grammar: 400."""


def compile_filter(condition: object, members_of: MembersOf) -> Matches:
    """Turn a filter into a test of a stored person.

    Args:
        condition: The filter as sent.
        members_of: Returns the internal ids of a segment's members.

    Raises:
        BadFilterError: The filter is outside the grammar.
    """
    match condition:
        case {"and": [*parts], **rest} if not rest:
            tests = [compile_filter(part, members_of) for part in parts]
            return lambda person: all(test(person) for test in tests)
        case {"or": [*parts], **rest} if not rest:
            tests = [compile_filter(part, members_of) for part in parts]
            return lambda person: any(test(person) for test in tests)
        case {"not": part, **rest} if not rest:
            negated = compile_filter(part, members_of)
            return lambda person: not negated(person)
        case {"segment": {"id": int(segment)}, **rest} if not rest:
            members = members_of(segment)
            return lambda person: person["cio_id"] in members
        case {"attribute": {"field": str(field), "operator": "exists"}, **rest} if not rest:
            return lambda person: field in person["attributes"]
        case {"attribute": {"field": str(field), "operator": "eq", "value": value}, **rest} if (
            not rest
        ):
            wanted = as_text(value)
            return lambda person: as_text(person["attributes"].get(field)) == wanted
        case _:
            msg = "The filter is outside the grammar."
            raise BadFilterError(msg)
