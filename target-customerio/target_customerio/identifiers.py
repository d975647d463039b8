"""The step that says whom an item is about."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from target_customerio import limits
from target_customerio.items import Rejection
from target_customerio.steps import Draft, Refused, Step, StepKind, StreamContext
from target_customerio.streams import Attributes

if t.TYPE_CHECKING:
    from collections.abc import Sequence

NEVER_AN_ATTRIBUTE = "cio_id"
"""Customer.io's own identifier of a person: one can be addressed by it, but not given another."""


class IdentifierColumn(t.NamedTuple):
    """A column that may say whom a record is about.

    Attributes:
        column: Its name.
        kind: Customer.io's name of this kind of identifier.
        identifies: False if it is looked at but never sent as the identifier.
    """

    column: str
    kind: str
    identifies: bool = True


def person(candidates: Sequence[IdentifierColumn], *, keep_unused: bool) -> StepKind:
    """Say whom the item is about: the first candidate that is not empty.

    Args:
        candidates: The columns in order of preference.
        keep_unused: Whether the others become attributes under Customer.io's name; else they are
            not sent.
    """

    def compile_step(context: StreamContext) -> Step:
        named = context.entry.identifiers
        chosen = (
            candidates
            if named is None
            else [IdentifierColumn(column, kind) for kind, column in named.items()]
        )
        foreseen = context.foreseen()
        expected = [candidate for candidate in chosen if candidate.column in foreseen]
        name_of = (context.entry.attributes or Attributes()).name_of
        spare_names = {
            column: name_of(column, kind)
            for column, kind, _ in chosen
            if keep_unused and kind != NEVER_AN_ATTRIBUTE
        }
        names = ", ".join(column for column, _, identifies in chosen if identifies)
        missing = Rejection("required", "identifiers", f"one of these must have a value: {names}")

        def step(draft: Draft) -> None:
            columns = draft.columns
            for column, kind, identifies in expected if draft.is_foreseen else chosen:
                value = columns.pop(column, None)
                if value is None or (text := identifier_text(kind, value)) == "":
                    continue
                if identifies and not draft.identifier:
                    identify(draft, kind, text)
                elif name := spare_names.get(column):
                    draft.attributes.setdefault(name, value if text is None else text)
            if not draft.identifier:
                raise Refused(missing)

        return step

    return StepKind(compile_step, frozenset({"identifiers"}))


def identify(draft: Draft, kind: str, text: str | None) -> None:
    """Make an identifier the one of the item.

    Args:
        draft: The item.
        kind: Customer.io's name of this kind of identifier.
        text: The identifier as it is sent; None if the column's value cannot be one.

    Raises:
        Refused: It cannot be one.
    """
    field = f"identifiers.{kind}"
    if text is None:
        raise Refused(Rejection("invalid", field, f"{kind} must be text or a whole number"))
    if kind == "id" and limits.exceeds(text, limits.PERSON_ID_BYTES):
        raise Refused(limits.too_long("id", field, limits.PERSON_ID_BYTES))
    draft.item["identifiers"] = {kind: text}
    draft.identifier = f"{kind}:{text.lower() if kind == 'email' else text}"


def identifier_text(kind: str, value: object) -> str | None:
    """Return an identifier as it is sent: an empty text if it is absent, None if it cannot be one.

    Args:
        kind: Customer.io's name of this kind of identifier.
        value: The column's value.
    """
    if isinstance(value, str):
        if kind == "email" or not value.strip():
            return value.strip()
        return value.removeprefix("cio_") if kind == "cio_id" else value
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    # The size is looked at first: 1E+999999 must not be written out.
    is_whole = abs(value) < 10**limits.PERSON_ID_BYTES and value == int(value)
    return str(int(value)) if is_whole else None
