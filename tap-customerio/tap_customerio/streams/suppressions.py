"""Addresses that the e-mail service provider does not deliver to."""

from __future__ import annotations

import sys
import typing as t

from tap_customerio.pagination import offset
from tap_customerio.streams.base import CustomerIOStream
from tap_customerio.streams.schema import moment, record, text, text_key

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from tap_customerio.fetch import Chain
    from tap_customerio.shape import Record

SUPPRESSION_TYPES: t.Final = ("bounces", "blocks", "spam_reports", "invalid_emails")
"""Why the provider suppresses an address; each is a list of its own."""


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

    @override
    def chains(self) -> t.Sequence[Chain]:
        domains = self.tap.settings.esp_suppression_domains or ("",)
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
