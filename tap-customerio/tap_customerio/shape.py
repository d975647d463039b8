"""Turns an API row into a Singer record, guided by the stream's JSON schema.

The schema is compiled once into a converter for each property. Values that are right already,
nearly all of them, cost one look at their type; unknown properties pass as they are.
"""

from __future__ import annotations

import decimal
import typing as t

import msgspec

from tap_customerio import times
from tap_customerio.errors import StreamError

if t.TYPE_CHECKING:
    import logging

Record = dict[str, t.Any]
Convert = t.Callable[[t.Any], t.Any]

_UNFIT: t.Final = (ValueError, TypeError, ArithmeticError, RecursionError)
"""What converters raise for a value that the type cannot hold."""

_LARGEST: t.Final = 10**400
"""Numbers up to this are written out as whole ones: 1E+999999999 would fill the memory."""

_decode = msgspec.json.Decoder(float_hook=decimal.Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Rule(t.NamedTuple):
    """How values of a property become what the schema says.

    Attributes:
        untouched: The Python type that passes as it is, None if every value is converted.
        convert: Converts any other value.
    """

    untouched: type | None
    convert: Convert


class Shaper:
    """Makes the rows of one stream hold to its schema.

    Args:
        stream: The stream's name, for texts.
        schema: Its JSON schema.
        keys: Its key properties, which cannot be null.
        logger: Where values that had to be dropped are mentioned, once for each property.

    Attributes:
        unfit: The properties, as paths with points, of which values had to be dropped.
    """

    def __init__(
        self, stream: str, schema: Record, keys: t.Sequence[str], logger: logging.Logger
    ) -> None:
        self._stream = stream
        self._keys = tuple(keys)
        self._logger = logger
        self.unfit: set[str] = set()
        self._rules = self._compile(schema["properties"])

    def __call__(self, row: Record) -> Record:
        """Shape a row, in place.

        Raises:
            StreamError: If a key property has no value that its type can hold.
        """
        _apply(self._rules, row)
        for key in self._keys:
            if row.get(key) is None:
                msg = f"a record has no usable value in its key property `{key}`"
                raise StreamError(msg)
        return row

    def _compile(self, properties: Record, path: str = "") -> dict[str, Rule]:
        rules = {name: self._rule(schema, f"{path}{name}") for name, schema in properties.items()}
        return {name: rule for name, rule in rules.items() if rule is not None}

    def _rule(self, schema: Record, path: str) -> Rule | None:
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
        if len(kinds) != 1:
            return None  # anything goes
        kind = "date-time" if schema.get("format") == "date-time" else kinds[0]
        if kind == "array":
            rule = Rule(None, _to_array(self._rule(schema.get("items", {}), path)))
        elif kind == "object":
            rule = self._object_rule(schema, path)
        elif kind in _SCALARS:
            rule = _SCALARS[kind]
        else:
            return None  # a schema of the user's own may say anything
        return Rule(rule.untouched, self._forgiving(rule.convert, path))

    def _object_rule(self, schema: Record, path: str) -> Rule:
        rules = self._compile(schema.get("properties", {}), f"{path}.")
        others = schema.get("additionalProperties")
        other = self._rule(others, path) if isinstance(others, dict) else None
        if not rules and other is None:
            return Rule(dict, _to_object)
        return Rule(None, lambda value: _apply(rules, _to_object(value), other))

    def _forgiving(self, convert: Convert, path: str) -> Convert:
        def convert_or_null(value: t.Any) -> t.Any:  # noqa: ANN401 - whatever the API sent
            try:
                return convert(value)
            except _UNFIT:
                self._mention(path)
                return None

        return convert_or_null

    def _mention(self, path: str) -> None:
        if path not in self.unfit:
            self.unfit.add(path)
            self._logger.warning(
                "Stream '%s': property '%s' held a value that its type cannot hold; such values "
                "become null.",
                self._stream,
                path,
            )


def _apply(rules: t.Mapping[str, Rule], row: Record, other: Rule | None = None) -> Record:
    for name, value in row.items():
        rule = rules.get(name, other)
        if rule is not None and value is not None and type(value) is not rule.untouched:
            row[name] = rule.convert(value)
    return row


def _to_array(items: Rule | None) -> Convert:
    def convert(value: t.Any) -> list[t.Any] | None:  # noqa: ANN401 - whatever the API sent
        if isinstance(value, str):
            # An official example of a broadcast says "nil" where it means no tags.
            return None if value in {"", "nil"} else convert([value])
        if not isinstance(value, list):
            raise TypeError
        if items is None:
            return value
        found = (
            item if item is None or type(item) is items.untouched else items.convert(item)
            for item in value
        )
        return [item for item in found if item is not None]

    return convert


def to_seconds(value: t.Any) -> int | None:  # noqa: ANN401 - whatever the API sent
    """Read a time as the API may send it.

    Args:
        value: Unix seconds as a number or as text, or ISO 8601 text.

    Returns:
        Unix seconds; None for never, which is 0, empty or null, and for what is no time.
    """
    try:
        return None if value is None else _read_time(value) or None
    except _UNFIT:
        return None


def _read_time(value: t.Any) -> int:  # noqa: ANN401 - whatever the API sent
    if type(value) is int:
        return value
    if isinstance(value, str):
        text = value.strip()
        try:
            value = decimal.Decimal(text or 0)
        except decimal.InvalidOperation:
            return times.to_seconds(text)
    return _whole(value)


def _to_date_time(value: t.Any) -> str | None:  # noqa: ANN401 - whatever the API sent
    seconds = _read_time(value)
    return times.to_text(seconds) if seconds else None


def _to_text(value: t.Any) -> str:  # noqa: ANN401 - whatever the API sent
    if isinstance(value, (bool, dict, list)):
        return _encode(value).decode()
    return str(value)


def _to_integer(value: t.Any) -> int | None:  # noqa: ANN401 - whatever the API sent
    if isinstance(value, str):
        return int(value) if value.strip() else None
    whole = _whole(value)
    if whole != value:
        raise ValueError
    return whole


def _to_number(value: t.Any) -> int | decimal.Decimal | None:  # noqa: ANN401 - whatever the API sent
    if isinstance(value, str):
        number = decimal.Decimal(value.strip() or 0)
        if not number.is_finite():
            raise ValueError
        return number if value.strip() else None
    if isinstance(value, bool) or not isinstance(value, (int, decimal.Decimal)):
        raise TypeError
    return value


def _whole(value: t.Any) -> int:  # noqa: ANN401 - whatever the API sent
    if isinstance(value, bool) or not isinstance(value, (int, float, decimal.Decimal)):
        raise TypeError
    if not -_LARGEST < value < _LARGEST:
        raise ValueError
    return int(value)


def _to_boolean(value: t.Any) -> bool | None:  # noqa: ANN401 - whatever the API sent
    text = str(value).strip().lower()
    if text not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[text]


def _to_object(value: t.Any) -> Record:  # noqa: ANN401 - whatever the API sent
    found = _decode(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise TypeError
    return found


_BOOLEANS: t.Final = {"true": True, "1": True, "false": False, "0": False, "": None}

_SCALARS: t.Final[t.Mapping[str, Rule]] = {
    "string": Rule(str, _to_text),
    "integer": Rule(int, _to_integer),
    "number": Rule(None, _to_number),
    "boolean": Rule(bool, _to_boolean),
    "date-time": Rule(None, _to_date_time),
}
