"""Compiles a JSON Schema into closures that say yes only to what is surely valid.

Each of the usual keywords becomes a closure, or decides nothing; a schema with any other is never
sure. What is not sure of a value leaves the judgement to jsonschema, in `checks`.
"""

from __future__ import annotations

import re
import typing as t
from decimal import Decimal

from target_customerio.event_id import METADATA_PREFIX
from target_customerio.limits import ITEM_BYTES
from target_customerio.shapes import REMEMBERED

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Check: t.TypeAlias = "Callable[[t.Any], bool]"
"""Says True to a value that is surely valid; False leaves the judgement to jsonschema."""

TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, Decimal}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
}
ANY_TYPE: frozenset[type] = frozenset().union(*TYPES.values())
NUMBERS = TYPES["number"]

LONGEST_MATCHED = ITEM_BYTES
"""Characters of a text that is held against a pattern; no item holds a longer one. The time of a
search can grow with the square of the length, and it takes memory for each character."""


def compile_schema(schema: object) -> Check:
    """Return a check that is sure of what a schema allows, as far as its keywords are known."""
    if schema is True or schema == {}:
        return _always
    if not isinstance(schema, dict):
        return _never
    if not KEYWORDS.keys() | IGNORED >= schema.keys():
        return _never
    checks = [
        check for keyword in KEYWORDS if keyword in schema and (check := KEYWORDS[keyword](schema))
    ]
    return _all(checks)


def _all(checks: list[Check]) -> Check:
    if not checks:
        return _always
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:  # noqa: PLR2004 - the usual case, without a loop
        first, second = checks
        return lambda value: first(value) and second(value)
    return lambda value: all(check(value) for check in checks)


def _always(_: object) -> bool:
    return True


def _never(_: object) -> bool:
    return False


def allowed_types(schema: object) -> frozenset[type]:
    """Return the types of values that a schema allows by its `type`."""
    names = mapping(schema).get("type")
    if names is None:
        return ANY_TYPE
    return frozenset().union(
        *(TYPES.get(name, frozenset()) for name in (names if isinstance(names, list) else [names]))
    )


def _type(schema: Mapping[str, t.Any]) -> Check:
    types = allowed_types(schema)
    return lambda value: type(value) in types


def _properties(schema: Mapping[str, t.Any]) -> Check | None:
    """Check types in one loop, and only the properties that have more to check once more."""
    properties = mapping(schema.get("properties"))
    types = {name: allowed_types(member) for name, member in properties.items()}
    deeper = [
        (name, check)
        for name, member in properties.items()
        if (check := compile_schema(without_type(member))) is not _always
    ]
    is_typed = any(allowed != ANY_TYPE for allowed in types.values())
    others = compile_schema(schema.get("additionalProperties", True))

    typed: set[tuple[object, ...]] = set()  # names followed by types, as far as they are allowed

    def check_properties(value: t.Any) -> bool:  # noqa: ANN401 - any JSON
        if type(value) is not dict:
            return True
        if is_typed and (signature := (*value, *map(type, value.values()))) not in typed:
            if any(type(member) not in types.get(name, ANY_TYPE) for name, member in value.items()):
                return False
            if len(typed) < REMEMBERED:
                typed.add(signature)
        for name, check in deeper:
            if name in value and not check(value[name]):
                return False
        if others is _always or types.keys() >= value.keys():
            return True
        return all(
            others(member)
            for name, member in value.items()
            if name not in types and not name.startswith(METADATA_PREFIX)
        )

    return check_properties


def without_type(schema: object) -> object:
    """Return a schema less its `type`."""
    if not isinstance(schema, dict):
        return schema
    return {name: member for name, member in schema.items() if name != "type"}


def _required(schema: Mapping[str, t.Any]) -> Check | None:
    if not isinstance(schema["required"], list):
        return _never
    names = frozenset(schema["required"])
    return lambda value: type(value) is not dict or names <= value.keys()


def _items(schema: Mapping[str, t.Any]) -> Check | None:
    check = compile_schema(schema["items"])
    if check is _always:
        return None
    return lambda value: type(value) is not list or all(map(check, value))


def _any_of(schema: Mapping[str, t.Any]) -> Check:
    checks = [compile_schema(member) for member in schema["anyOf"]]
    return lambda value: any(check(value) for check in checks)


def _all_of(schema: Mapping[str, t.Any]) -> Check:
    return _all([compile_schema(member) for member in schema["allOf"]])


def _enum(schema: Mapping[str, t.Any]) -> Check:
    texts = frozenset(member for member in schema["enum"] if isinstance(member, str))
    has_null = None in schema["enum"]
    return lambda value: value in texts if type(value) is str else value is None and has_null


def _max_length(schema: Mapping[str, t.Any]) -> Check:
    limit = schema["maxLength"]
    return lambda value: type(value) is not str or len(value) <= limit


def _min_length(schema: Mapping[str, t.Any]) -> Check:
    limit = schema["minLength"]
    return lambda value: type(value) is not str or len(value) >= limit


def _pattern(schema: Mapping[str, t.Any]) -> Check:
    pattern = re.compile(schema["pattern"])
    return lambda value: type(value) is not str or matches(pattern, value)


def _maximum(schema: Mapping[str, t.Any]) -> Check:
    limit = schema["maximum"]
    return lambda value: type(value) not in NUMBERS or value < limit


def _minimum(schema: Mapping[str, t.Any]) -> Check:
    limit = schema["minimum"]
    return lambda value: type(value) not in NUMBERS or value > limit


def _exclusive_maximum(schema: Mapping[str, t.Any]) -> Check | None:
    limit = schema["exclusiveMaximum"]
    if isinstance(limit, bool):  # Draft 4: it only sharpens `maximum`
        return None
    return lambda value: type(value) not in NUMBERS or value < limit


def _exclusive_minimum(schema: Mapping[str, t.Any]) -> Check | None:
    limit = schema["exclusiveMinimum"]
    if isinstance(limit, bool):
        return None
    return lambda value: type(value) not in NUMBERS or value > limit


def _fine_enough(schema: Mapping[str, t.Any]) -> Check:
    """Accept what has no more digits than a divisor such as 0.01, the way databases say scale."""
    divisor = Decimal(schema["multipleOf"])
    scale = _exponent(divisor)
    if divisor.as_tuple().digits != (1,) or scale > 0:
        return _never
    return lambda value: type(value) is not Decimal or _exponent(value) >= scale


def _exponent(number: Decimal) -> int:
    return t.cast("int", number.as_tuple().exponent)  # JSON knows no infinity


KEYWORDS: dict[str, Callable[[Mapping[str, t.Any]], Check | None]] = {
    "type": _type,
    "required": _required,
    "properties": _properties,
    "additionalProperties": lambda schema: None if "properties" in schema else _properties(schema),
    "items": _items,
    "anyOf": _any_of,
    "allOf": _all_of,
    "enum": _enum,
    "maxLength": _max_length,
    "minLength": _min_length,
    "pattern": _pattern,
    "maximum": _maximum,
    "minimum": _minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "multipleOf": _fine_enough,
}
"""What each keyword is compiled to; None where another keyword says it already.

The bounds accept only what lies within: on the edge, jsonschema and `exclusiveMinimum` decide.
"""

IGNORED = frozenset(
    {
        *("$schema", "$id", "$comment", "title", "description", "default", "examples", "format"),
        *("readOnly", "writeOnly", "deprecated", "definitions", "$defs", "contentEncoding"),
        *("contentMediaType", "key_properties", "selected", "inclusion", "sql-datatype"),
    }
)
"""Keywords that say nothing about validity. `format` does not by default in JSON Schema."""


def mapping(value: object) -> Mapping[str, t.Any]:
    """Return an object of a schema; an empty one in place of what is none."""
    return value if isinstance(value, dict) else {}


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Tell whether a pattern is found in a text, or would be looked for in a text without end."""
    return len(text) > LONGEST_MATCHED or pattern.search(text) is not None
