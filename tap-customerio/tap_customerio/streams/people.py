"""People: who they are, what they want, and which objects they belong to."""

from __future__ import annotations

import decimal
import json
import sys
import typing as t

import msgspec
from singer_sdk import typing as th

from tap_customerio import progress
from tap_customerio.answers import UNREADABLE, decode
from tap_customerio.fetch import Chain
from tap_customerio.pagination import start_token
from tap_customerio.streams.base import CustomerIOStream
from tap_customerio.streams.schema import (
    flag,
    free_object,
    identifiers,
    moment,
    record,
    text,
    text_key,
)
from tap_customerio.streams.search import PAGE, SearchStream, identify

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.helpers import types

    from tap_customerio.answers import Answer
    from tap_customerio.fetch import Row
    from tap_customerio.report import Tally
    from tap_customerio.shape import Record

AT_ONCE: t.Final = 100
"""People whose attributes one call returns (documented)."""

EVERYONE: t.Final = {"and": [{"attribute": {"field": "cio_id", "operator": "exists"}}]}
"""The filter that everyone matches."""

PREFERENCES: t.Final[t.Mapping[str, str]] = {
    "chosen": "cio_subscription_preferences",
    "computed": "_cio_subscription_preferences_computed",
}
"""Where the attributes hold the preferences, as JSON text."""

PERSON: t.Final = (
    text_key("cio_id", "Customer.io's own id of the person, the only one that never changes."),
    text("id", "Id of the person, null if unset."),
    text("email", "E-mail address of the person, null if unset or not an identifier here."),
)


class PeopleStream(SearchStream):
    """A stream that goes through all people, or those that the settings narrow it to."""

    path = "/v1/customers"
    rows = "identifiers"
    found_by = "cio_id"

    @override
    def chains(self) -> t.Sequence[Chain]:
        return [self.search("/v1/customers", {"filter": self._filter()})]

    def _filter(self) -> t.Mapping[str, object]:
        settings = self.tap.settings
        parts: list[t.Mapping[str, object]] = []
        if settings.people_segment_id is not None:
            parts.append({"segment": {"id": settings.people_segment_id}})
        if settings.people_filter:
            parts.append(settings.people_filter)
        return parts[0] if len(parts) == 1 else {"and": parts} if parts else EVERYONE

    @property
    @override
    def replaceable(self) -> bool:
        return super().replaceable and self._filter() is EVERYONE


class AttributesStream(PeopleStream):
    """A stream of what the attributes of people say, read for 100 people at a time."""

    calls = "11 for every 1,000 people"

    @override
    def details(self, found: t.Sequence[str], subject: str) -> t.Sequence[Chain]:
        return [
            Chain(
                "/v1/customers/attributes",
                "customers",
                params={"id_type": "cio_id"},
                body={"ids": found[start : start + AT_ONCE]},
            )
            for start in range(0, len(found), AT_ONCE)
        ]

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        # The documents wrap each in `customer`, the API does not.
        wrapped = row.get("customer")
        return identify(wrapped if isinstance(wrapped, dict) else row)


class People(AttributesStream):
    """Everyone in the workspace, with all attributes and devices."""

    name = "people"
    primary_keys = ("cio_id",)
    schema = record(
        *PERSON,
        identifiers("identifiers", "All its identifiers."),
        free_object("attributes", "Its attributes; every value is text."),
        free_object("timestamps", "When each attribute was last changed (Unix seconds)."),
        flag("unsubscribed", "Whether the person unsubscribed from everything."),
        th.Property(
            "devices",
            th.ArrayType(
                th.ObjectType(
                    text("id", "Token of the device."),
                    text("platform", "`ios` or `android`."),
                    moment("last_used", "When it was last used"),
                    free_object("attributes", "Attributes of the device."),
                    additional_properties=True,
                )
            ),
            description="Devices that can get push notifications.",
        ),
    )

    _preferences: PeopleSubscriptionPreferences | None = None

    @override
    def companions(self) -> t.Sequence[CustomerIOStream]:
        preferences = self.tap.stream(PeopleSubscriptionPreferences)
        self._preferences = preferences if preferences.joins(self) else None
        return [] if self._preferences is None else [self._preferences]

    @override
    def records_made(self, records: t.Sequence[Record], chain: Chain) -> None:
        if self._preferences is not None:
            self._preferences.hand_on(records)


class PeopleSubscriptionPreferences(AttributesStream):
    """What each person wants to get, topic by topic.

    The attributes of people say so. Where people are read as well, each of them brings this
    stream's record along, and there is nothing left to read.
    """

    name = "people_subscription_preferences"
    calls = "11 for every 1,000 people, none if `people` is read as well"
    primary_keys = ("cio_id",)
    schema = record(
        *PERSON,
        flag("unsubscribed", "Whether the person unsubscribed from everything."),
        free_object("chosen", "What the person chose: for each topic whether it is wanted."),
        free_object("computed", "What follows from the choices and the defaults of the topics."),
    )

    _joined: bool = False
    _tally: Tally

    def joins(self, people: People) -> bool:
        """Find out whether the records come along with people.

        Args:
            people: The stream of people.

        Returns:
            Whether this stream is read, and goes on where the other one does; if not, it is read
            alone.
        """
        here, there = (stream.stream_state.get(progress.KEY) for stream in (self, people))
        self._joined = bool(self.selected) and here == there
        return self._joined

    @override
    def begin(self, version: int | None) -> None:
        super().begin(version)
        if self._joined:
            super()._write_schema_message()
            self._tally = self.tap.report.along(self.name)

    def hand_on(self, people: t.Sequence[Record]) -> None:
        """Write the records that people bring along.

        Args:
            people: Records of people.
        """
        self.write([self.shape(_preferences(person)) for person in people])
        self._tally.rows += len(people)

    # What the SDK does when it is this stream's turn.

    @override
    def _write_schema_message(self) -> None:
        if not self._joined:
            super()._write_schema_message()

    @override
    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> t.Generator[Record, t.Any, t.Any]:
        if not self._joined:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        with self.get_record_counter() as counter:
            counter.increment(self._tally.rows)

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        return _preferences(t.cast("Record", super().prepare(row, chain)))


def _preferences(person: Record) -> Record:
    found = person.get("attributes")
    attributes = found if isinstance(found, dict) else {}
    return {
        **{name: person.get(name) for name in ("cio_id", "id", "email", "unsubscribed")},
        **{name: _topics(attributes.get(held)) for name, held in PREFERENCES.items()},
    }


def _topics(preferences: object) -> object:
    """The part of preferences that says what is wanted; None if there is none."""
    if isinstance(preferences, str):
        try:
            preferences = json.loads(preferences)
        except UNREADABLE:
            return None
    return preferences.get("topics") if isinstance(preferences, dict) else None


class PeopleRelationships(PeopleStream):
    """The objects that each person is related to."""

    name = "people_relationships"
    calls = "1 for each person, and 1 for every 1,000"
    primary_keys = ("cio_id", "object_type_id", "cio_object_id")
    schema = record(
        text_key("cio_id", "Customer.io's own id of the person."),
        text_key("object_type_id", "Type of the object."),
        text_key("cio_object_id", "Customer.io's own id of the object."),
        text("object_id", "Id of the object."),
        free_object("attributes", "Attributes of the relationship; every value is text."),
        free_object("timestamps", "When each attribute was last changed (Unix seconds)."),
    )

    @override
    def details(self, found: t.Sequence[str], subject: str) -> t.Sequence[Chain]:
        return [
            Chain(
                "/v1/customers/{person}/relationships",
                "cio_relationships",
                ids={"person": f"cio_{cio_id}"},
                params={"id_type": "cio_id", "limit": PAGE},
                dialect=start_token,
                subject=cio_id,
            )
            for cio_id in found
        ]

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        identify(row).pop("identifiers", None)
        row["cio_id"] = chain.subject
        return row


class Optouts(CustomerIOStream):
    """Channels that people do not want messages on, and the senders they mean."""

    name = "optouts"
    calls = "1 for every 1,000 people who opted out"
    selected_by_default = False
    path = "/v1/optouts"
    rows = "optouts"
    page_size = 1000  # the maximum
    dialect = staticmethod(start_token)
    primary_keys = ("cio_id", "channel", "from")
    schema = record(
        text_key("cio_id", "Customer.io's own id of the person."),
        text_key("channel", "`sms` or `whatsapp`."),
        text_key("from", "Sender that the person opted out of, empty for all."),
        text("customer_id", "Id of the person, null if unset."),
    )

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        found = "a person whose `optouts` are no list of objects"
        people = [decode(_PERSON, row, chain.call, found) for row in answer.rows(chain.rows)]
        return [
            {
                **optout,
                "cio_id": person.cio_id,
                "customer_id": person.customer_id,
                "from": optout.get("from") or "",
            }
            for person in people
            if person is not None
            for optout in person.optouts or []
        ]


class _Person(msgspec.Struct):
    cio_id: t.Any = None
    customer_id: t.Any = None
    optouts: list[dict[str, t.Any]] | None = None


_PERSON = msgspec.json.Decoder(_Person | None, float_hook=decimal.Decimal)
