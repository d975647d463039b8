"""Messages: what was delivered to whom, and what came of it."""

from __future__ import annotations

import collections
import sys
import typing as t

from tap_customerio import times
from tap_customerio.pagination import start_token
from tap_customerio.state import WindowBookmark, plan_windows
from tap_customerio.streams.base import CustomerIOStream
from tap_customerio.streams.schema import (
    deduplicate_id,
    flag,
    free_object,
    identifiers,
    integer,
    moment,
    moments,
    record,
    text,
    text_key,
)

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain
    from tap_customerio.state import Window


class Messages(CustomerIOStream):
    """Deliveries of every kind of message, in windows of the time when they were created."""

    name = "messages"
    calls = "1 for every 1,000, at least 1 for each window"
    path = "/v1/messages"
    rows = "messages"
    page_size = 1000  # the maximum
    dialect = staticmethod(start_token)
    primary_keys = ("id",)
    replication_key = "created"
    schema = record(
        text_key("id", "Id of the delivery."),
        deduplicate_id(),
        text("type", "Channel, such as `email`, `webhook`, `twilio` or `push`."),
        text("customer_id", "Id of the person; `customer_identifiers` says more."),
        identifiers("customer_identifiers", "Who it went to; of deleted people only `cio_id`."),
        text("recipient", "Address that it went to."),
        text("subject", "Subject of an e-mail."),
        integer("campaign_id", "Id of the campaign that sent it."),
        integer("action_id", "Id of the action that sent it."),
        integer("parent_action_id", "Id of the action that this action belongs to."),
        integer("broadcast_id", "Id of the broadcast that sent it."),
        integer("newsletter_id", "Id of the newsletter that sent it."),
        integer("content_id", "Id of the newsletter's variant."),
        integer("transactional_message_id", "Id of the transactional message that sent it."),
        integer("msg_template_id", "Id of its template."),
        integer("message_template_id", "Id of its template, by its later name."),
        text("trigger_event_id", "Id of the event that triggered it (ULID)."),
        moments("metrics", "When each thing first happened to it, such as `sent` or `opened`"),
        moment("created", "When it was created"),
        text("failure_message", "Why it failed."),
        flag("forgotten", "Whether Customer.io no longer keeps its content."),
        free_object("tracked_responses", "Answers to an in-app survey."),
    )

    _bookmark: WindowBookmark
    _left: collections.Counter[Window]

    @property
    @override
    def replaceable(self) -> bool:
        return False  # the API keeps six months at most

    @override
    def chains(self) -> t.Sequence[Chain]:
        state = self.stream_state if self.incremental else None
        windows = plan_windows(self.tap.settings, state, self.tap.started)
        if windows:
            self.logger.info(
                "Reading messages from %s to %s in %d windows.",
                times.to_text(windows[0].start),
                times.to_text(windows[-1].end),
                len(windows),
            )
        self._bookmark = WindowBookmark(state, self.replication_key, windows)
        self._bookmark.begin()
        passes = self._passes()
        self._left = collections.Counter({window: len(passes) for window in windows})
        return [
            self.chain(
                params={"start_ts": window.start, "end_ts": window.end, **params}, subject=window
            )
            for window in windows
            for params in passes
        ]

    def _passes(self) -> t.Sequence[dict[str, str]]:
        """What is asked of each window: drafts come alone or not at all."""
        settings = self.tap.settings
        wanted = {"get_tracked_responses": "true"} if settings.include_tracked_responses else {}
        drafts = [{**wanted, "drafts": "true"}] if settings.include_drafts else []
        return [wanted, *drafts]

    @override
    def chain_done(self, chain: Chain) -> None:
        self._left[chain.subject] -= 1
        if not self._left[chain.subject] and self._bookmark.whole(chain.subject):
            self.write_state()

    @override
    def finished(self) -> None:
        self._bookmark.finish()
