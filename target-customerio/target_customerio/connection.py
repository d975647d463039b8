"""The connection test: what a run needs from outside, tried without sending a record."""

from __future__ import annotations

import typing as t

from target_customerio.api import DeliveryStopped
from target_customerio.errors import RunEnded

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.rejects import Rejects

STREAM = "meltano_test_stream"
"""The stream that Meltano's `config test` sends; it asks for the test and is never sent."""

SCHEMA_LINE = f'{{"type":"SCHEMA","stream":"{STREAM}","schema":{{"properties":{{}}}}}}\n'
"""All that asking for the test takes."""


class Track(t.Protocol):
    """What the test needs of the Track API."""

    def check(self) -> str:
        """Prove the credentials and return the region that Customer.io names."""


class App(t.Protocol):
    """What the test needs of the App API."""

    def segments(self) -> object:
        """Read something harmless."""


def check_connection(  # noqa: PLR0913 - what is tried, each with a meaning of its own
    track: Track,
    rejects: Rejects,
    app: App | None,
    region: str,
    tell: Callable[[str], object],
    *,
    needs_app: bool,
) -> None:
    """Try everything, and tell of each thing whether it works.

    Args:
        track: The Track API with its credentials.
        rejects: Where rejected records will lie.
        app: The App API with its key; None if no key is set.
        region: The setting.
        tell: Receives a sentence for each thing that works. None holds the word "error", which
            Meltano would take for a failure.
        needs_app: Whether a run cannot do without the App API.

    Raises:
        RunEnded: Something does not work; the text says what to change for each.
    """

    def credentials() -> str:
        named = track.check()
        if region != "auto" and named and named != region:
            msg = f"The workspace lies in the region `{named}`: set `region` to that."
            raise RunEnded(msg)
        return f"Customer.io takes the Track API credentials (region: {named or region})."

    def store() -> str:
        rejects.check()
        return "Rejected records can be kept."

    def app_key() -> str:
        if app is None and needs_app:
            msg = "No App API key is set, and `streams` needs one: set `app_api_key`."
            raise RunEnded(msg)
        if app is None:
            return "No App API key is set; only segments and collections need one."
        app.segments()
        return "Customer.io takes the App API key."

    problems = [_try(check, tell) for check in (credentials, store, app_key)]
    if any(problems):
        raise RunEnded(" ".join(filter(None, problems)))


def _try(check: Callable[[], str], tell: Callable[[str], object]) -> str:
    """Make one check and return what is wrong; an empty text if nothing is."""
    try:
        tell(f"✓ {check()}")
    except (DeliveryStopped, RunEnded) as problem:
        return str(problem)
    return ""
