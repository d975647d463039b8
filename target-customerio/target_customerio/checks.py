"""Checks records against the schema of their stream, quickly.

What `quick_checks` compiles of a schema says yes only to what is surely valid. Whatever it does not
accept, jsonschema judges and we put into words, so that no value of the record is in them.
"""

from __future__ import annotations

import decimal
import itertools
import re
import typing as t
import warnings
from decimal import Decimal

import jsonschema
import msgspec
from jsonschema import Draft4Validator, Draft202012Validator
from jsonschema.validators import extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from target_customerio.event_id import METADATA_PREFIX
from target_customerio.items import Rejection
from target_customerio.quick_checks import (
    ANY_TYPE,
    LONGEST_MATCHED,
    Check,
    allowed_types,
    compile_schema,
    mapping,
    matches,
    without_type,
)
from target_customerio.time_limit import TookTooLong, limited

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jsonschema.protocols import Validator

LONGEST_RULE = 200
"""Characters of a schema's rule that a message quotes at most."""


SLOW_RECORDS = 10
"""Records of one schema whose check may take too long; the next one would be no accident either."""

LONG_NAME = Rejection(
    "schema", None, f"a name of more than {LONGEST_MATCHED:,} characters is held against no pattern"
)
TOO_SLOW = Rejection("too_slow", None, "to hold the record against its schema takes too long")


class SchemaError(ValueError):
    """A schema that no record can be held against. The text says what about it, and where."""


class SchemaTooSlow(Exception):  # noqa: N818 - the schema is at fault, not the program
    """To hold records against their schema took too long, again and again. The text says so."""


class RecordCheck:
    """Holds the records of one stream against its schema.

    Attributes:
        is_surely_valid: Says True to a record that is valid if its columns have allowed types.
    """

    def __init__(self, schema: dict[str, t.Any]) -> None:
        """Compile a schema.

        Args:
            schema: The JSON Schema of the stream, numbers with a fraction as `Decimal`.

        Raises:
            SchemaError: The schema is not valid.
        """
        self._validator = _build_validator(schema)
        self._properties = frozenset(mapping(schema.get("properties")))
        columns = mapping(schema.get("properties"))
        self._types = {name: allowed_types(column) for name, column in columns.items()}
        untyped = {name: without_type(column) for name, column in columns.items()}
        is_valid = compile_schema({**schema, "properties": untyped} if columns else schema)
        # Of the keywords that are compiled, no other takes longer than the record is long.
        keywords = frozenset(_names(schema))
        self.is_surely_valid = _in_time(is_valid) if "pattern" in keywords else is_valid
        self._matches_names = "patternProperties" in keywords
        self._find_fault = limited(self._judge)
        self._slow_records = 0

    def __call__(self, record: dict[str, t.Any]) -> Rejection | None:
        """Return why `record` breaks its schema, or None if it does not."""
        types = zip(record, map(type, record.values()), strict=True)
        is_sure = self.is_typed(types) and self.is_surely_valid(record)
        return None if is_sure else self.find_fault(record)

    def is_typed(self, columns: Iterable[tuple[str, type]]) -> bool:
        """Tell whether the schema allows values of these types in these columns."""
        return all(kind in self._types.get(name, ANY_TYPE) for name, kind in columns)

    def find_fault(self, record: dict[str, t.Any]) -> Rejection | None:
        """Return what jsonschema finds wrong with `record`, or None.

        Raises:
            SchemaTooSlow: This is one too many of those for which that takes too long.
        """
        try:
            return self._find_fault(record)
        except TookTooLong:
            self._slow_records += 1
            if self._slow_records > SLOW_RECORDS:
                msg = (
                    f"takes too long to be held against its schema, as {SLOW_RECORDS} records "
                    "before it did: simplify the patterns, or set `validate_records` to false"
                )
                raise SchemaTooSlow(msg) from None
            return TOO_SLOW

    def _judge(self, record: dict[str, t.Any]) -> Rejection | None:
        own = {
            name: value
            for name, value in record.items()
            if name in self._properties or not name.startswith(METADATA_PREFIX)
        }
        if self._matches_names and any(len(name) > LONGEST_MATCHED for name in _names(own)):
            return LONG_NAME
        try:
            fault = next(self._validator.iter_errors(own), None)
        except Unresolvable:
            return Rejection("schema", None, "the schema refers to something that is not in it")
        except RecursionError:  # the record's depth, or a schema that is a part of itself
            raise
        except Exception as defect:  # noqa: BLE001 - a reference may lead to what is no schema
            message = f"the schema cannot be held against the record ({type(defect).__name__})"
            return Rejection("schema", None, message)
        return None if fault is None else _word(fault)


def _word(fault: jsonschema.ValidationError) -> Rejection:
    """Put a fault into words of the schema alone."""
    field = _path(fault.absolute_schema_path) or None
    rule = t.cast("t.Any", fault.validator_value)
    if not fault.validator:  # the schema `false`
        return Rejection("schema", field, "the schema allows no value here")
    if fault.validator == "required" and isinstance(rule, list):  # in Draft 3 it is a boolean
        missing = [name for name in rule if name not in mapping(fault.instance)]
        return Rejection("schema", field, f"the schema requires {', '.join(missing)}")
    text = msgspec.json.encode(rule, enc_hook=str).decode()
    return Rejection("schema", field, f"breaks {fault.validator}: {text[:LONGEST_RULE]}")


def _path(steps: Iterable[str | int]) -> str:
    """Return the field that a path through a schema leads to, e.g. `address.lines.[]`."""
    names: list[str] = []
    remaining: Iterator[str | int] = iter(steps)
    for step in remaining:
        if step == "properties":
            names.extend(map(str, itertools.islice(remaining, 1)))  # none where that is `false`
        elif step in {"items", "prefixItems"}:
            names.append("[]")
        elif step in {"additionalProperties", "patternProperties"}:
            names.append("*")
    return ".".join(names)


# What jsonschema does by itself fails on exact numbers and on booleans of Draft 4, which taps use.


def _multiple_of(
    _: Validator, divisor: Decimal, value: object, __: object
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return
    try:
        remainder = decimal.Context(prec=1000).remainder(Decimal(value), Decimal(divisor))
    except decimal.InvalidOperation:  # too far apart to tell
        return
    if remainder:
        yield jsonschema.ValidationError("not a multiple")


def _match_pattern(
    _: Validator, pattern: str, value: object, __: object
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not matches(re.compile(pattern), value):
        yield jsonschema.ValidationError("no match")


def _is_integer(_: object, value: object) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _build_validator(schema: dict[str, t.Any]) -> Validator:
    default = Draft4Validator if _has_boolean_bounds(schema) else Draft202012Validator
    plain = validator_for(schema, default=default)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # `[[` may mean something else one day
            plain.check_schema(schema)
            for part in _objects(schema):  # up to Draft 6, nothing says that these are patterns
                for pattern in mapping(part.get("patternProperties")):
                    re.compile(pattern)
    except jsonschema.SchemaError as fault:
        if isinstance(fault.cause, re.error):
            raise _unreadable(fault.cause) from None
        where = ".".join(str(step) for step in fault.absolute_path)
        msg = f"not valid JSON Schema at: {where or 'the whole schema'}"
        raise SchemaError(msg) from None
    except re.error as fault:
        raise _unreadable(fault) from None
    build = t.cast("Callable[..., type[Validator]]", extend)  # jsonschema leaves it untyped
    exact = build(
        plain,
        validators={"multipleOf": _multiple_of, "pattern": _match_pattern},
        type_checker=plain.TYPE_CHECKER.redefine("integer", _is_integer),
    )
    # An empty registry: a reference to another document is an error and never a request.
    return exact(schema, registry=Registry())


def _unreadable(fault: re.error) -> SchemaError:
    return SchemaError(
        f"has a pattern that Python cannot read ({fault}: {str(fault.pattern)[:LONGEST_RULE]}); "
        "write it the way of Python, or set `validate_records` to false"
    )


def _has_boolean_bounds(schema: object) -> bool:
    bounds = ("exclusiveMinimum", "exclusiveMaximum")
    return any(isinstance(part.get(name), bool) for part in _objects(schema) for name in bounds)


def _names(part: object) -> Iterator[str]:
    return itertools.chain.from_iterable(_objects(part))


def _objects(part: object) -> Iterator[dict[str, t.Any]]:
    """Yield every object within JSON, itself among them."""
    if isinstance(part, dict):
        yield part
    for member in (
        part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    ):
        yield from _objects(member)


def _in_time(check: Check) -> Check:
    """Return a check that is not sure of what takes too long."""
    check_in_time = limited(check)

    def is_sure(value: t.Any) -> bool:  # noqa: ANN401 - any JSON
        try:
            return check_in_time(value)
        except TookTooLong:
            return False

    return is_sure
