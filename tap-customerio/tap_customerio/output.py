"""Standard output: where the messages go, and what happens when nobody reads them any more."""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
import typing as t

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib.messages import StateMessage

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
    flushes when it has no more of them at hand. Each bears the time at which it was written.

    Attributes:
        unsettled: Whether anything has been written since the last STATE.

    Raises:
        SystemExit: With exit code 1, if there is no standard output.
    """

    unsettled: bool = False

    def __init__(self) -> None:
        super().__init__()
        if t.cast("object", sys.stdout) is None:  # closed before the program began
            logger.error("Standard output is closed: lead it to a target or a file.")
            raise SystemExit(1)

    @override
    def write_message(self, message: Message) -> None:
        self._write(self.format_message(message))
        self.unsettled = not isinstance(message, StateMessage)
        self.flush()

    def write_records(
        self, stream: str, records: t.Sequence[t.Mapping[str, t.Any]], version: int | None
    ) -> None:
        """Write RECORD messages; they may wait in the buffer.

        Args:
            stream: The name of their stream.
            records: What they hold.
            version: Their version, None if they have none.
        """
        shared: dict[str, t.Any] = {} if version is None else {"version": version}
        shared["time_extracted"] = dt.datetime.now(dt.timezone.utc)
        lines = (
            {"type": "RECORD", "stream": stream, "record": record, **shared} for record in records
        )
        self._write(encoder.encode_lines(lines))
        self.unsettled = self.unsettled or bool(records)

    def _write(self, lines: bytes | bytearray) -> None:
        try:
            written = sys.stdout.buffer.write(lines)
            # With PYTHONUNBUFFERED a signal can cut a write short.
            while written < len(lines):
                written += sys.stdout.buffer.write(lines[written:])
        except OSError as error:
            _give_up(error)

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
