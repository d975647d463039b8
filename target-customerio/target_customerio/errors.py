"""How a run ends before its input does: one sentence for the user and an exit code."""

from __future__ import annotations

from singer_sdk.exceptions import RecordsWithoutSchemaException


class RunEnded(Exception):  # noqa: N818 - an end that was asked for is no error
    """The run stops reading. The text says in a sentence what to change, without any value."""

    exit_code = 1


class InvalidLine(RunEnded):
    """The input is no Singer stream from this line on."""


class RecordBeforeSchema(InvalidLine, RecordsWithoutSchemaException):
    """A RECORD came before the SCHEMA of its stream; the SDK has a name for that."""


class Interrupted(RunEnded):
    """A signal asked the run to end.

    Args:
        signal_number: Which signal, e.g. 15 for SIGTERM.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(
            f"Ended by signal {signal_number}: what had been read was delivered, and nothing else."
        )
        self.exit_code = 128 + signal_number
