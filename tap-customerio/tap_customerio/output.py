"""Standard output: where the messages go, and what happens when nobody reads them any more."""

from __future__ import annotations

import logging
import os
import sys
import typing as t

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib.messages import RecordMessage

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message

logger = logging.getLogger("tap-customerio")


class Output(MsgSpecWriter):
    """Writes each message as a line.

    Records wait in the buffer until `flush` or a message of another kind; whoever writes records
    flushes when it has no more of them at hand.
    """

    @override
    def write_message(self, message: Message) -> None:
        line = self.format_message(message)
        try:
            written = sys.stdout.buffer.write(line)
            # With PYTHONUNBUFFERED a signal can cut a write short.
            while written < len(line):
                written += sys.stdout.buffer.write(line[written:])
        except OSError as error:
            _give_up(error)
        if not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Hand on what was written."""
        try:
            sys.stdout.buffer.flush()
        except OSError as error:
            _give_up(error)


def _give_up(error: OSError) -> t.NoReturn:
    """End the program: there is nowhere to write to.

    Raises:
        SystemExit: With exit code 1.
    """
    if not isinstance(error, BrokenPipeError):  # a reader that left needs no explanation
        logger.error("Standard output cannot be written to: %s.", error.strerror)
    # The interpreter flushes once more at its end, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(1) from error
