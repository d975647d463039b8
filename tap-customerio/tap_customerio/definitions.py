"""Definitions of custom streams: what one may say, and the check that it can be worked with."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from tap_customerio.answers import READING_POSTS

PAGINATIONS: t.Final = ("start", "offset", "none")
"""How a list goes on: by the token of the page before, by counting rows, or not at all."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PATH = re.compile(r"/v1(?:/[^/?#\s{}]+)+/?")
_ROWS_PATH = re.compile(r"\$|(?:\$\.)?[^.$\[\]]+(?:\.[^.$\[\]]+)*(?:\[\*\])?")

Known = t.Mapping[str, t.Collection[str]]
"""Streams that can be parents, and the properties of their records."""


@dataclass(frozen=True)
class Definition:
    """A custom stream.

    Attributes:
        name: The stream's name.
        path: The path template; its placeholders are properties of the parent's records.
        primary_keys: The properties that identify a record.
        parent: The stream to fan out from, empty for a list of its own.
        method: `GET`, or `POST` where that only reads.
        params: The query.
        body: What is posted.
        records_path: Where the rows are: keys with points between them; `$` is the whole body.
        pagination: One of `PAGINATIONS`.
        schema: JSON schema of the records, None for the keys and the whole record as an object.
    """

    name: str
    path: str
    primary_keys: t.Sequence[str]
    parent: str = ""
    method: str = "GET"
    params: t.Mapping[str, str | float] = field(default_factory=dict)
    body: t.Mapping[str, t.Any] = field(default_factory=dict)
    records_path: str = "$"
    pagination: str = "none"
    schema: t.Mapping[str, t.Any] | None = None

    @property
    def placeholders(self) -> list[str]:
        """The properties of the parent that the path names."""
        return list(dict.fromkeys(_PLACEHOLDER.findall(self.path)))

    @property
    def query(self) -> dict[str, str]:
        """The query as it is sent: true and false as the API spells them."""
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.params.items()
        }

    @property
    def steps(self) -> list[str]:
        """The keys that lead to the rows."""
        path = self.records_path.removeprefix("$").removeprefix(".").removesuffix("[*]")
        return path.split(".") if path else []

    @property
    def columns(self) -> set[str]:
        """The properties of its records."""
        if self.schema is None:
            return {*self.primary_keys, "record"}
        return set(self.schema["properties"])


def read(found: t.Mapping[str, t.Any]) -> Definition:
    """Read a definition that `problems` found nothing wrong with."""
    return Definition(**{name: value for name, value in found.items() if value is not None})


def problems(definitions: object, known: Known) -> list[str]:
    """Check definitions.

    Args:
        definitions: The setting, as it came.
        known: The streams that there are without them.

    Returns:
        A sentence for each problem; values are not shown, since they may hold a secret.
    """
    found, known = [], dict(known)
    for place, each in enumerate(definitions if isinstance(definitions, list) else []):
        if not isinstance(each, dict):
            found.append(f"`custom_streams.{place}` must be an object.")
            continue
        given = {name: value for name, value in each.items() if value is not None}
        name = given.get("name")
        named = isinstance(name, str) and bool(_NAME.fullmatch(name))
        where = f"Custom stream `{name}`" if named else f"`custom_streams.{place}`"
        faults = _faults(given, known)
        found += [f"{where}: {fault}." for fault in faults]
        if not faults:
            known[str(name)] = read(given).columns
    return found


def _faults(given: t.Mapping[str, t.Any], known: Known) -> list[str]:
    unknown = sorted(str(name) for name in given if name not in _RULES)
    faults = [f"`{name}` is no property of a custom stream" for name in unknown]
    faults += [
        f"`{name}` is required" for name in ("name", "path", "primary_keys") if name not in given
    ]
    faults += [
        f"`{name}` must be {rule.text}"
        for name, rule in _RULES.items()
        if name in given and not rule.holds(given[name])
    ]
    if faults:
        return faults
    return [fault for fault in _contradictions(read(given), known) if fault]


def _contradictions(definition: Definition, known: Known) -> t.Iterator[str]:
    if definition.name in known:
        yield "there is another stream of that name"
    if definition.method == "POST" and definition.path not in READING_POSTS:
        paths = ", ".join(sorted(READING_POSTS))
        yield f"`method` may be POST for {paths} alone: elsewhere it could do more than read"
    if definition.body and definition.method != "POST":
        yield "`body` needs the `method` POST"
    if definition.schema is not None and not set(definition.primary_keys) <= definition.columns:
        yield "`primary_keys` must be properties of `schema`"
    yield _parent_fault(definition, known)


def _parent_fault(definition: Definition, known: Known) -> str:
    placeholders = definition.placeholders
    if not definition.parent:
        return "`path` has placeholders, so `parent` is required" if placeholders else ""
    if definition.parent not in known:
        return "`parent` must be the name of a stream, of a custom one only further up in the list"
    if not placeholders:
        return "`parent` needs a `path` with placeholders, such as {id}"
    missing = [name for name in placeholders if name not in known[definition.parent]]
    if missing:
        return f"the parent has no property `{missing[0]}`, which is a placeholder of `path`"
    return ""


class _Rule(t.NamedTuple):
    text: str
    holds: t.Callable[[t.Any], bool]


def _is_path(value: object) -> bool:
    if not isinstance(value, str):
        return False
    bare = _PLACEHOLDER.sub("x", value)
    return bool(_PATH.fullmatch(bare)) and not {".", ".."} & set(bare.split("/"))


def _is_params(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(part, (str, int, float)) for part in value.values()
    )


def _are_keys(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(part) for part in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_schema(value: object) -> bool:
    properties = value.get("properties") if isinstance(value, dict) else None
    if not isinstance(properties, dict) or not properties:
        return False
    return all(isinstance(part, dict) for part in properties.values())


_RULES: t.Final[t.Mapping[str, _Rule]] = {
    "name": _Rule(
        "small letters, digits and `_`",
        lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)),
    ),
    "path": _Rule("a path below /v1/ without a query, with placeholders such as {id}", _is_path),
    "primary_keys": _Rule("an array of names of properties", _are_keys),
    "parent": _Rule("the name of a stream", _is_text),
    "method": _Rule("GET or POST", lambda value: value in ("GET", "POST")),
    "params": _Rule("an object of texts and numbers", _is_params),
    "body": _Rule("an object", lambda value: isinstance(value, dict)),
    "records_path": _Rule(
        "keys with points between them, or $ for the whole body",
        lambda value: isinstance(value, str) and bool(_ROWS_PATH.fullmatch(value)),
    ),
    "pagination": _Rule(f"one of {', '.join(PAGINATIONS)}", lambda value: value in PAGINATIONS),
    "schema": _Rule("a JSON schema of an object with `properties`", _is_schema),
}
