"""Standard output: where the messages go, and what happens when nobody reads them any more."""

from __future__ import annotations

import logging
import os
import sys
import typing as t

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib.messages import RecordMessage, StateMessage

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.helpers.types import TapState
    from singer_sdk.singerlib.encoding.simple import Message

logger = logging.getLogger("tap-customerio")


class Output(MsgSpecWriter):
    """Writes each message as a line.

    Records wait in the buffer until `flush` or a message of another kind; whoever writes records
    flushes when it has no more of them at hand.

    Attributes:
        unsettled: Whether anything has been written since the last STATE.
    """

    unsettled: bool = False

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
        self.unsettled = not isinstance(message, StateMessage)
        if not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Hand on what was written."""
        try:
            sys.stdout.buffer.flush()
        except OSError as error:
            _give_up(error)


class States(StateWriter):
    """Writes STATE where something has been written since the last one, or the state is another.

    The SDK's own writer goes by the state alone; but a target takes a STATE as the word that the
    records before it count, so that records whose state says the same need one as well.
    """

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._output = output

    @override
    def write_state(self, state: TapState) -> None:
        if self._output.unsettled:
            self._last_emitted_state = None
        super().write_state(state)


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
