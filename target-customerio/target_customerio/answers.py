"""What Customer.io's answer to a body means for each of its items."""

from __future__ import annotations

import typing as t
from http import HTTPStatus

import msgspec

from target_customerio.items import Rejection

REFUSED = frozenset({400, 413, 422})
"""Statuses that refuse a body for what is in it (400 documented; 413 and 422 by their meaning)."""


class Fault(msgspec.Struct, frozen=True):
    """One entry of an answer's `errors`.

    Attributes:
        batch_index: The 0-based position of the item in the body; None if the entry names none.
        reason: A word such as `required`, `invalid`, `parse_error`.
        field: The dotted path of the field.
        message: A sentence.
    """

    batch_index: int | None
    reason: str
    field: str | None
    message: str


class Answer(msgspec.Struct, frozen=True):
    """What Customer.io said about one body.

    Attributes:
        status: The HTTP status: a 2xx, one of `REFUSED`, or 404 of what the call is about.
        faults: The refused items, or what is wrong with the body as a whole.
    """

    status: int
    faults: tuple[Fault, ...] = ()


def read_answer(status: int, content: object) -> Answer:
    """Read the faults out of an answer of any of the documented and recorded shapes.

    Those are `errors` as a list of objects (v2) or of texts, and `meta.error` or `meta.errors`
    (the edge, and v1).

    Args:
        status: The HTTP status.
        content: The decoded body; anything but an object has no faults.

    Returns:
        The answer with its faults in the order given.
    """
    body = content if isinstance(content, dict) else {}
    meta = body.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    named = _listed(body.get("errors"))
    nameless = [*_listed(meta.get("errors")), *_listed(meta.get("error"))]
    return Answer(
        status,
        (*(_read_fault(entry) for entry in named), *(_nameless(str(text)) for text in nameless)),
    )


def judge(answer: Answer, items: int) -> dict[int, Rejection] | None:
    """Say which items of a body were refused.

    Args:
        answer: The answer to the body.
        items: How many items it held.

    Returns:
        The rejections by position, empty if everything was accepted. None if the answer does not
        tell the items apart: then halves of the body have to be sent until it does.
    """
    refused_whole = answer.status in REFUSED
    # What names something that does not exist is refused for all items alike.
    if items == 1 or answer.status == HTTPStatus.NOT_FOUND:
        if not refused_whole and not answer.faults:
            return {}
        return dict.fromkeys(range(items), _reject(answer, answer.faults))
    by_position: dict[int, list[Fault]] = {}
    for fault in answer.faults:
        if fault.batch_index is None or not 0 <= fault.batch_index < items:
            return None
        by_position.setdefault(fault.batch_index, []).append(fault)
    if refused_whole:
        return None
    return {position: _reject(answer, faults) for position, faults in by_position.items()}


def _listed(value: object) -> list[t.Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _nameless(message: str) -> Fault:
    return Fault(None, "invalid", None, message)


def _read_fault(entry: object) -> Fault:
    if not isinstance(entry, dict):
        return _nameless(str(entry))
    # The vendor's own mobile SDK reads an absent index as 0; some encoders drop a zero.
    index = entry.get("batch_index")
    try:
        position = 0 if index is None else int(index)
    except (TypeError, ValueError):
        position = None
    field = entry.get("field")
    return Fault(
        position,
        str(entry.get("reason") or "invalid"),
        None if field is None else str(field),
        str(entry.get("message") or entry.get("detail") or ""),
    )


def _reject(answer: Answer, faults: t.Sequence[Fault]) -> Rejection:
    """Make one rejection of all that is wrong with an item, named after its first fault."""
    if not faults:
        message = f"Customer.io refused the item with status {answer.status}"
        return Rejection("invalid", None, message, answer.status)
    messages = [f"{fault.field}: {fault.message}" for fault in faults[1:]]
    message = "; ".join([faults[0].message, *messages])
    return Rejection(faults[0].reason, faults[0].field, message, answer.status)
