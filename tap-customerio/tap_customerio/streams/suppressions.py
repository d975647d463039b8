"""Addresses that the e-mail service provider does not deliver to."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.errors import VanishedError
from tap_customerio.pagination import offset
from tap_customerio.streams.base import CustomerIOStream
from tap_customerio.streams.schema import moment, record, text, text_key

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain, End
    from tap_customerio.shape import Record

SUPPRESSION_TYPES: t.Final = ("bounces", "blocks", "spam_reports", "invalid_emails")
"""Why the provider suppresses an address; each is a list of its own."""

MISSING: t.Final = "missing"
"""The note that a list was not there: an earlier run may have met it."""


class EspSuppressions(CustomerIOStream):
    """E-mail addresses that the service provider suppresses, and why."""

    name = "esp_suppressions"
    calls = "1 for every 1,000 of each of the 4 types, at least 4; that for each domain"
    selected_by_default = False
    path = "/v1/esp/suppression/{suppression_type}"
    rows = "suppressions"
    page_size = 1000  # the maximum
    dialect = staticmethod(offset)
    primary_keys = ("suppression_type", "domain", "email")
    schema = record(
        text_key(
            "suppression_type", f"One of {', '.join(f'`{kind}`' for kind in SUPPRESSION_TYPES)}."
        ),
        text_key("domain", "Domain that was asked for, empty if none was."),
        text_key("email", "The address."),
        text("reason", "What the provider says about it."),
        text("status", "Status of the refused delivery, such as `550`."),
        moment("created", "When it was suppressed"),
    )

    @property
    @override
    def replaceable(self) -> bool:
        # Only a list of all domains holds all that there is.
        return super().replaceable and not self.tap.settings.esp_suppression_domains

    _lists: int = 0

    @override
    def chains(self) -> t.Sequence[Chain]:
        domains = self.tap.settings.esp_suppression_domains or ("",)
        self._lists = len(SUPPRESSION_TYPES) * len(domains)
        return [
            self.chain(
                ids={"suppression_type": kind},
                params={"domain": domain} if domain else {},
                subject=domain,
            )
            for kind in SUPPRESSION_TYPES
            for domain in domains
        ]

    @override
    def prepare(self, row: Record, chain: Chain) -> Record | None:
        row["domain"] = chain.subject
        return super().prepare(row, chain)

    @override
    def chain_ended(self, end: End) -> None:
        # The documents of some years know two of the types alone, and an empty list is a 200: a
        # list that is not there is one that this workspace has not. Without any, the stream fails.
        if isinstance(end.error, VanishedError) and self._lists > 1:
            self._lists -= 1
            self.progress.notes[MISSING] = "yes"
            self.logger.warning(
                "There is no list of %s%s here: it is skipped (reference %s).",
                end.chain.ids["suppression_type"],
                f" of the domain {end.chain.subject!a}" if end.chain.subject else "",
                end.error.reference or "none",
            )
            return
        super().chain_ended(end)

    @override
    def complete(self) -> bool:
        # No document says what a 404 means here: it is no reason to delete anything.
        return MISSING not in self.progress.notes
