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

LARGEST_NUMBER = 10**limits.PERSON_ID_BYTES
"""Numbers that an identifier cannot be, written out; compared, since arithmetic may overflow."""

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


def person(
    candidates: Sequence[IdentifierColumn], *, keep_unused: bool = False, only_one: bool = False
) -> StepKind:
    """Say whom the item is about: the first candidate that is not empty.

    Args:
        candidates: The columns in order of preference.
        keep_unused: Whether the others become attributes under Customer.io's name; else they are
            not sent.
        only_one: Whether a record that names somebody in two ways is refused.
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
            for column, kind, identifies in expected if draft.shape.is_foreseen else chosen:
                value = columns.pop(column, None)
                if value is None or (text := identifier_text(kind, value)) == "":
                    continue
                if identifies and not draft.identifier:
                    draft.item["identifiers"], draft.identifier = identify(kind, text)
                elif only_one and {kind: text} != draft.item["identifiers"]:
                    raise Refused(AMBIGUOUS)
                elif name := spare_names.get(column):
                    draft.attributes.setdefault(name, value if text is None else text)
            if not draft.identifier:
                raise Refused(missing)

        return step

    columns = {column: kind for column, kind, identifies in candidates if identifies}
    return StepKind(
        compile_step,
        frozenset({"identifiers"}),
        requires=tuple(columns),
        identifies_by=tuple(dict.fromkeys(columns.values())),
    )


AMBIGUOUS = Rejection("ambiguous", "identifiers", "exactly one identifier must have a value")


def side(name: str) -> StepKind:
    """Name one of the two people of a merge.

    Args:
        name: `primary` or `secondary`, which is how the columns begin.
    """
    columns = {f"{name}_{kind}": kind for kind in MERGEABLE}
    missing = Rejection("required", name, f"one of these must have a value: {', '.join(columns)}")
    ambiguous = Rejection(
        "ambiguous", name, f"only one of these may have one: {', '.join(columns)}"
    )

    def step(draft: Draft) -> None:
        texts = {
            kind: identifier_text(kind, draft.columns.get(column))
            for column, kind in columns.items()
            if draft.columns.get(column) is not None
        }
        given = [(kind, text) for kind, text in texts.items() if text != ""]
        if len(given) != 1:
            raise Refused(ambiguous if given else missing)
        draft.item[name], identifier = identify(*given[0], name)
        if identifier == draft.identifier:
            raise Refused(Rejection("invalid", name, "a person cannot be merged into itself"))
        if draft.identifier:
            draft.also = identifier
        else:
            draft.identifier = identifier

    return StepKind(lambda _: step, requires=tuple(columns))


MERGEABLE = ("id", "email", "cio_id")


def identify(kind: str, text: str | None, where: str = "identifiers") -> tuple[dict[str, str], str]:
    """Return an identifier as an item has it, and by what its items are kept in order.

    Args:
        kind: Customer.io's name of this kind of identifier.
        text: The identifier as it is sent; None if the column's value cannot be one.
        where: The field of the item that holds it.

    Raises:
        Refused: It cannot be one.
    """
    if text is None:
        message = f"{kind} must be text or a whole number"
        raise Refused(Rejection("invalid", f"{where}.{kind}", message))
    if kind == "id" and limits.exceeds(text, limits.PERSON_ID_BYTES):
        raise Refused(limits.too_long("id", f"{where}.id", limits.PERSON_ID_BYTES))
    return {kind: text}, f"{kind}:{text.lower() if kind == 'email' else text}"


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
    is_whole = -LARGEST_NUMBER < value < LARGEST_NUMBER and value == int(value)
    return str(int(value)) if is_whole else None


LOOKED_AT = 100
"""Records after which no more identifiers are held against the kind of their column."""


class Fitness:
    """Looks at the first identifiers of a stream: do they belong where they stand?

    Attributes:
        is_settled: Whether nothing more has to be looked at.
        doubt: What seems wrong with all that were looked at; empty if nothing.
    """

    def __init__(self) -> None:
        self.is_settled = False
        self.doubt = ""
        self._looked_at = 0

    def look(self, identifier: str) -> None:
        """Look at one more identifier, with its kind before it."""
        kind, _, text = identifier.partition(":")
        self.doubt = MISFITS.get((kind, "@" in text), "")
        self._looked_at += 1
        self.is_settled = not self.doubt or self._looked_at >= LOOKED_AT


MISFITS = {
    ("id", True): "the column of `id` holds e-mail addresses: name it as `email` in `streams`.",
    ("email", False): "the column of `email` holds no e-mail addresses: name it as `id`.",
}
"""What is wrong where identifiers of a kind all have an at sign, or none has."""
