"""The steps that say which object an item is about, and how people and objects are related."""

from __future__ import annotations

import typing as t

from target_customerio import limits
from target_customerio.identifiers import identifier_text
from target_customerio.items import Rejection
from target_customerio.steps import Draft, Refused, Step, StepKind, StreamContext, structure

DEFAULT_TYPE = "1"
"""The type of an object where neither record nor entry says it; Customer.io's own default."""

TYPE = "object_type_id"
TYPE_KEY = frozenset({TYPE})
COLUMNS = ("object_id", "cio_object_id")

MISSING = Rejection("required", "identifiers", "object_id or cio_object_id must have a value")
AMBIGUOUS = Rejection("ambiguous", "identifiers", "only one of object_id, cio_object_id may be set")
RELATIONSHIPS = "cio_relationships"
NOT_A_TYPE = Rejection(
    "invalid", f"identifiers.{TYPE}", "object_type_id must be a whole number, as text or not"
)
ONE_IDENTIFIER = Rejection(
    "ambiguous", RELATIONSHIPS, "each must be with one person or object, identified in one way"
)
NOT_RELATIONSHIPS = Rejection(
    "invalid", RELATIONSHIPS, "must be an array of objects that each have identifiers"
)


def object_(*, only_one: bool = False) -> StepKind:
    """Say which object the item is about.

    Args:
        only_one: Whether a record that names it in two ways is refused.
    """

    def compile_step(context: StreamContext) -> Step:
        find = _finder(context, only_one=only_one)

        def step(draft: Draft) -> None:
            identifiers = find(draft)
            draft.item["identifiers"] = identifiers
            draft.identifier = ":".join(["object", *identifiers.values()])

        return step

    return StepKind(compile_step, TYPE_KEY, requires=COLUMNS, takes=(TYPE,))


def to_object() -> StepKind:
    """Relate the person whom the item is about to an object."""

    def compile_step(context: StreamContext) -> Step:
        find = _finder(context)

        def step(draft: Draft) -> None:
            draft.item[RELATIONSHIPS] = [{"identifiers": find(draft)}]

        return step

    return StepKind(compile_step, TYPE_KEY, requires=COLUMNS, takes=(TYPE,))


def to_person(find: StepKind) -> StepKind:
    """Relate the object that the item is about to a person.

    Args:
        find: The step that says who the person is.
    """

    def compile_step(context: StreamContext) -> Step | None:
        find_person = find.compile(context)

        def step(draft: Draft) -> None:
            if find_person is None:
                return
            identifiers, identifier = draft.item["identifiers"], draft.identifier
            draft.identifier = ""
            find_person(draft)
            draft.item[RELATIONSHIPS] = [{"identifiers": draft.item["identifiers"]}]
            draft.item["identifiers"], draft.identifier = identifiers, identifier

        return step

    return StepKind(
        compile_step, find.keys, requires=find.requires, identifies_by=find.identifies_by
    )


def to_anonymous() -> StepKind:
    """Relate the object that the item is about to somebody who is not known yet."""

    def step(draft: Draft) -> None:
        text = identifier_text("anonymous_id", draft.columns.pop("anonymous_id", None) or "")
        if not text:
            raise Refused(Rejection("required", "anonymous_id", "anonymous_id must have a value"))
        draft.item[RELATIONSHIPS] = [{"identifiers": {"anonymous_id": text}}]

    return StepKind(lambda _: step, requires=("anonymous_id",))


def relationships() -> StepKind:
    """Take relationships that a record brings over, as Customer.io has them."""

    def compile_step(context: StreamContext) -> Step:
        default = context.entry.object_type_id or DEFAULT_TYPE

        def step(draft: Draft) -> None:
            given = structure(draft.columns.pop(RELATIONSHIPS, None))
            if not given:
                return
            if not isinstance(given, list):
                raise Refused(NOT_RELATIONSHIPS)
            draft.item[RELATIONSHIPS] = [_relationship(each, default) for each in given]

        return step

    return StepKind(compile_step, TYPE_KEY, takes=(RELATIONSHIPS,))


def _finder(
    context: StreamContext, *, only_one: bool = False
) -> t.Callable[[Draft], dict[str, str]]:
    default = context.entry.object_type_id or DEFAULT_TYPE

    def find(draft: Draft) -> dict[str, str]:
        columns = draft.columns
        type_id = _type_id(columns.pop(TYPE, None)) or default
        own = _text("object_id", columns.pop("object_id", None))
        given = _text("cio_object_id", columns.pop("cio_object_id", None))
        if only_one and own and given:
            raise Refused(AMBIGUOUS)
        if own:
            if limits.exceeds(own, limits.OBJECT_ID_BYTES):
                field = "identifiers.object_id"
                raise Refused(limits.too_long("object_id", field, limits.OBJECT_ID_BYTES))
            return {"object_type_id": type_id, "object_id": own}
        if given:
            return {"cio_object_id": given}
        raise Refused(MISSING)

    return find


def _text(kind: str, value: object) -> str:
    """Return an identifier of an object as text, empty if it is absent."""
    if value is None:
        return ""
    text = identifier_text(kind, value)
    if text is None:
        field = f"identifiers.{kind}"
        raise Refused(Rejection("invalid", field, f"{kind} must be text or a whole number"))
    return text


def _type_id(value: object) -> str:
    """Return the type of an object as the digits that Customer.io wants, empty if it is absent."""
    text = _text(TYPE, value)
    if text and not (text.isascii() and text.isdigit()):
        raise Refused(NOT_A_TYPE)
    return text


def _relationship(given: object, default_type: str) -> dict[str, t.Any]:
    """Return a relationship with its identifiers as text, as Customer.io wants them."""
    identifiers = given.get("identifiers") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(identifiers, dict) or not identifiers:
        raise Refused(NOT_RELATIONSHIPS)
    type_id = _type_id(identifiers.get(TYPE)) or default_type
    texts = {
        kind: text
        for kind, value in identifiers.items()
        if kind != TYPE and (text := _text(kind, value))
    }
    if len(texts) != 1:
        raise Refused(ONE_IDENTIFIER)
    if "object_id" in texts:
        texts[TYPE] = type_id
    return {**given, "identifiers": texts}
