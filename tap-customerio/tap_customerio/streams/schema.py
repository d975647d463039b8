"""The vocabulary in which the streams write their schemas."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th

Schema = dict[str, t.Any]


def record(*properties: th.Property[t.Any]) -> Schema:
    """Schema of a stream; the API may add properties at any time, so unknown ones are kept."""
    return t.cast("Schema", th.PropertiesList(*properties, additional_properties=True).to_dict())


def integer(name: str, description: str) -> th.Property[t.Any]:
    """A whole number, or null."""
    return th.Property(name, th.IntegerType, description=description)


def integer_key(name: str, description: str) -> th.Property[t.Any]:
    """A whole number of the stream's key."""
    return th.Property(name, th.IntegerType(nullable=False), required=True, description=description)


def text(name: str, description: str) -> th.Property[t.Any]:
    """Text, or null."""
    return th.Property(name, th.StringType, description=description)


def text_key(name: str, description: str) -> th.Property[t.Any]:
    """Text of the stream's key."""
    return th.Property(name, th.StringType(nullable=False), required=True, description=description)


def flag(name: str, description: str) -> th.Property[t.Any]:
    """True, false, or null."""
    return th.Property(name, th.BooleanType, description=description)


def moment(name: str, description: str) -> th.Property[t.Any]:
    """A date-time in UTC; null where the API says 0 for never."""
    return th.Property(name, th.DateTimeType, description=f"{description} (date-time, UTC).")


def moment_key(name: str, description: str) -> th.Property[t.Any]:
    """A date-time in UTC of the stream's key."""
    return th.Property(
        name,
        th.DateTimeType(nullable=False),
        required=True,
        description=f"{description} (date-time, UTC).",
    )


def texts(name: str, description: str) -> th.Property[t.Any]:
    """An array of texts, or null."""
    return th.Property(name, th.ArrayType(th.StringType(nullable=False)), description=description)


def integers(name: str, description: str) -> th.Property[t.Any]:
    """An array of whole numbers, or null."""
    return th.Property(name, th.ArrayType(th.IntegerType(nullable=False)), description=description)


def references(name: str, description: str) -> th.Property[t.Any]:
    """An array of objects that name an id and a type, or null."""
    reference = th.ObjectType(
        th.Property("id", th.IntegerType, description="Its id."),
        th.Property("type", th.StringType, description="Its type, such as `email`."),
        additional_properties=True,
    )
    return th.Property(name, th.ArrayType(reference), description=description)


def free_object(name: str, description: str) -> th.Property[t.Any]:
    """An object of any shape, or null."""
    return th.Property(name, th.ObjectType(additional_properties=True), description=description)


def untyped(name: str, description: str) -> th.Property[t.Any]:
    """What comes as an object from one account and as JSON text from another."""
    kinds = th.CustomType({"type": ["object", "array", "string", "null"]})
    return th.Property(name, kinds, description=description)


def moments(name: str, description: str) -> th.Property[t.Any]:
    """An object of any keys whose values are date-times in UTC, or null."""
    return th.Property(
        name,
        th.ObjectType(additional_properties=th.DateTimeType(nullable=True)),
        description=f"{description} (date-times, UTC).",
    )


def identifiers(name: str, description: str) -> th.Property[t.Any]:
    """The identifiers of a person as an object, or null."""
    return th.Property(
        name, th.ObjectType(*person(), additional_properties=True), description=description
    )


def person() -> tuple[th.Property[t.Any], ...]:
    """The identifiers of a person that may be absent or null."""
    return (
        text("cio_id", "Customer.io's own id of the person, the only one that never changes."),
        text("id", "Id of the person, null if unset."),
        text("email", "E-mail address of the person, null if unset or not an identifier here."),
    )


def deduplicate_id() -> th.Property[t.Any]:
    """The API's own mark of a change."""
    return text(
        "deduplicate_id",
        "`<id>:<unix seconds of the last change>`; on actions the id is not the action's.",
    )
