"""The steps that say what messages reach: the devices of a person, and deliveries."""

from __future__ import annotations

import typing as t

from target_customerio.events import event_name
from target_customerio.identifiers import identifier_text
from target_customerio.items import Rejection
from target_customerio.steps import (
    Draft,
    Refused,
    Step,
    StepKind,
    StreamContext,
    read_time,
)
from target_customerio.times import NANOSECONDS

PLATFORMS = ("ios", "android")
"""The kinds of devices that Customer.io takes (documented)."""

METRICS = ("opened", "converted", "delivered")
"""The events of a delivery that Customer.io takes (documented)."""


def device() -> StepKind:
    """Name the device of the person whom the item is about."""

    def step(draft: Draft) -> None:
        draft.item["device"] = {"token": _token(draft, "device.token", "token")}

    return StepKind(lambda _: step, requires=("device_token", "token"))


def new_device() -> StepKind:
    """Say what kind of device it is, which one that is added needs, and when it was last used."""

    def compile_step(context: StreamContext) -> Step:
        def step(draft: Draft) -> None:
            found = draft.item["device"]
            platform = draft.columns.pop("platform", None)
            found["platform"] = platform.strip().lower() if isinstance(platform, str) else ""
            if found["platform"] not in PLATFORMS:
                message = f"platform must be one of {', '.join(PLATFORMS)}"
                raise Refused(Rejection("invalid", "device.platform", message))
            last_used = draft.columns.pop("last_used", None)
            if last_used is not None:
                moment = read_time("device.last_used", last_used, context.counts)
                found["last_used"] = moment // NANOSECONDS

        return step

    return StepKind(compile_step, requires=("platform",), takes=("last_used",))


def delivery() -> StepKind:
    """Say which delivery the item is about."""

    def step(draft: Draft) -> None:
        text = identifier_text("id", draft.columns.pop("delivery_id", None) or "")
        if not text:
            raise Refused(Rejection("required", "identifiers.id", "delivery_id must have a value"))
        draft.item["identifiers"], draft.identifier = {"id": text}, f"delivery:{text}"

    return StepKind(lambda _: step, requires=("delivery_id",))


def on_device() -> StepKind:
    """Say on which device it happened to a delivery."""

    def step(draft: Draft) -> None:
        draft.item["attributes"] = {"device_token": _token(draft, "attributes.device_token")}

    return StepKind(lambda _: step, requires=("device_token",))


def metric() -> StepKind:
    """Name what happened to a delivery."""
    named = event_name(("event_name", "metric"))

    def compile_step(context: StreamContext) -> Step:
        name = t.cast("Step", named.compile(context))

        def step(draft: Draft) -> None:
            name(draft)
            if draft.item["name"] not in METRICS:
                message = f"the event of a delivery must be one of {', '.join(METRICS)}"
                raise Refused(Rejection("invalid", "name", message))

        return step

    return StepKind(compile_step, named.keys, requires=named.requires)


def _token(draft: Draft, field: str, *aliases: str) -> str:
    for column in ("device_token", *aliases):
        value = draft.columns.pop(column, None)
        if isinstance(value, str) and value.strip():
            return value
        if value is not None and not isinstance(value, str):
            raise Refused(Rejection("invalid", field, "the token of a device must be text"))
    raise Refused(Rejection("required", field, "device_token must have a value"))
