"""The steps of what is gathered: members of segments and rows of collections."""

from __future__ import annotations

from target_customerio import limits
from target_customerio.event_id import METADATA_PREFIX
from target_customerio.identifiers import identifier_text
from target_customerio.items import Rejection
from target_customerio.steps import Draft, Refused, Step, StepKind, StreamContext, encode

LEFT_OUT = "left out"
"""Stands in place of the identifier of what a record marked as deleted leaves out."""

SEGMENT_DIGITS = 18
"""Digits of a segment's id at most: those of a 64-bit number, so that it fits into an address."""

SEGMENT_KEYS = frozenset({"segment_id", "segment_name", "create_missing"})
COLLECTION_KEYS = frozenset({"collection_id", "collection_name", "create_missing"})


def segment() -> StepKind:
    """Say which segment a record is about, where the entry does not."""
    missing = Rejection("required", "segment_id", "segment_id must have a value")
    wrong = Rejection("invalid", "segment_id", "segment_id must be the number of a segment")

    def compile_step(context: StreamContext) -> Step | None:
        def step(draft: Draft) -> None:
            text = identifier_text("segment_id", draft.columns.pop("segment_id", None) or "")
            if text == "":
                raise Refused(missing)
            segment_id = (text or "").lstrip("0")
            is_number = segment_id.isascii() and segment_id.isdecimal()
            if not is_number or len(segment_id) > SEGMENT_DIGITS:
                raise Refused(wrong)
            draft.item["segment_id"] = segment_id

        named = context.entry.segment_id is not None or context.entry.segment_name is not None
        return None if named else step

    return StepKind(compile_step, SEGMENT_KEYS, takes=("segment_id",))


def row() -> StepKind:
    """Make a row of all columns, with their values as they came."""

    def step(draft: Draft) -> None:
        draft.item = {
            name: value
            for name, value in draft.columns.items()
            if not name.startswith(METADATA_PREFIX)
        }
        if len(encode(draft.item)) > limits.ROW_BYTES:
            raise Refused(limits.too_long("a row", "row", limits.ROW_BYTES))

    return StepKind(lambda _: step, COLLECTION_KEYS, rest="a field of the row")


def leave_out() -> StepKind:
    """Mean that somebody or something is not there."""

    def step(draft: Draft) -> None:
        draft.identifier = LEFT_OUT

    return StepKind(lambda _: step)
