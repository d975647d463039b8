"""Objects, such as companies or courses, and who is related to them."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.errors import UnreadableAnswerError
from tap_customerio.pagination import start_token
from tap_customerio.streams.base import FanOutStream, ParentStream
from tap_customerio.streams.schema import (
    flag,
    free_object,
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
    from tap_customerio.answers import Answer
    from tap_customerio.fetch import Chain, Row
    from tap_customerio.shape import Record


class ObjectTypes(ParentStream):
    """Kinds of objects."""

    name = "object_types"
    path = "/v1/object_types"
    rows = "types"
    primary_keys = ("id",)
    schema = record(
        text_key("id", "Id of the type, as text."),
        text("name", "Name, in the plural."),
        text("singular_name", "Name of one of them."),
        text("slug", "Name in addresses."),
        text("singular_slug", "Name of one of them in addresses."),
        flag("enabled", "Whether it is in use."),
        text("icon", "Name of its icon."),
    )


class ObjectsStream(SearchStream, FanOutStream):
    """A stream that goes through all objects, type by type.

    Attributes:
        about: What is asked of each object: the last part of the path.
    """

    parent = ObjectTypes
    parent_key = "object_type_id"
    path = "/v1/objects"
    rows = "identifiers"
    found_by = "cio_object_id"
    about: t.ClassVar[str]

    @override
    def chains(self) -> t.Sequence[Chain]:
        return [self._search(str(row["id"])) for row in self.parents()]

    def _search(self, kind: str) -> Chain:
        there = {"field": "cio_object_id", "operator": "exists", "type_id": kind}
        everything = {"and": [{"object_attribute": there}]}
        return self.search("/v1/objects", {"object_type_id": kind, "filter": everything}, kind)

    @override
    def details(self, found: t.Sequence[str], subject: str) -> t.Sequence[Chain]:
        return [self._detail(subject, cio_object_id) for cio_object_id in found]

    def _detail(self, kind: str, cio_object_id: str) -> Chain:
        return self.chain(
            path=f"/v1/objects/{{object_type_id}}/{{cio_object_id}}/{self.about}",
            ids={"object_type_id": kind, "cio_object_id": cio_object_id},
            params={"id_type": "cio_object_id"},
        )


class Objects(ObjectsStream):
    """All objects, with their attributes."""

    name = "objects"
    calls = "1 for each object, and 1 for every 1,000 of a type"
    about = "attributes"
    primary_keys = ("object_type_id", "cio_object_id")
    schema = record(
        text_key("object_type_id", "Type of the object, as text."),
        text_key("cio_object_id", "Customer.io's own id of the object."),
        text("object_id", "Id of the object."),
        free_object("attributes", "Its attributes; every value is text."),
        free_object("timestamps", "When each attribute was last changed (Unix seconds)."),
    )

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        if "object" not in answer.envelope:
            raise UnreadableAnswerError(chain.call, "no `object`")
        return [answer.envelope["object"]]

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        identify(row).pop("identifiers", None)
        return super().prepare(row, chain)


class ObjectRelationships(ObjectsStream):
    """The people who are related to each object."""

    name = "object_relationships"
    calls = "1 for each object and every 1,000 people of it, and 1 for every 1,000 of a type"
    about = "relationships"
    page_size = PAGE
    dialect = staticmethod(start_token)
    primary_keys = ("object_type_id", "cio_object_id", "cio_id")
    schema = record(
        text_key("object_type_id", "Type of the object, as text."),
        text_key("cio_object_id", "Customer.io's own id of the object."),
        text_key("cio_id", "Customer.io's own id of the person."),
        text("id", "Id of the person, null if unset."),
        text("email", "E-mail address of the person, null if unset or not an identifier here."),
        flag("object_type_disabled", "Whether the type is not in use."),
    )

    @override
    def unpack(self, answer: Answer, chain: Chain) -> t.Sequence[Row]:
        return answer.rows("cio_relationships")

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        identify(row).pop("identifiers", None)
        return super().prepare(row, chain)
