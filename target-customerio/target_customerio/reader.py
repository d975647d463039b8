"""Reads Singer messages from bytes: one decoding a line, decimals exact, and no line in any log."""

from __future__ import annotations

import re
import sys
import typing as t
from collections import Counter
from decimal import Decimal
from itertools import accumulate, islice

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerReader

from target_customerio.errors import InvalidLine, RunEnded

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_customerio.signals import Signals

CHUNK_BYTES = 1_000_000
"""How much is asked of the input at once; a pipe gives what it has."""

IDLE_SECONDS = 1.0
"""How long the input may be silent before those who wait are asked whether they waited enough."""

DEEPEST = 100
"""Objects and arrays within each other in a line at most. What Customer.io keeps is far flatter,
and every Python follows that deep; how much deeper it can differs from one to the next."""

LONGEST_LINE = 100_000_000
"""A longer line would only fill the memory: an item holds 32,000 bytes, a row 10,000 at most."""

MOST_VALUES = 500_000
"""Values of a line at most: each takes some 100 bytes of memory, however short it is written."""
SURELY_FEW_VALUES = 2 * MOST_VALUES
"""Bytes of a line that need not be counted: a value has a comma after it."""

decode = msgspec.json.Decoder(float_hook=Decimal).decode


class MessageReader(GenericSingerReader[bytes]):
    """Hands the messages of the input to the target, one after the other.

    Attributes:
        line: The current line, without its line end.
        line_number: Its number, from 1.
        ended_by: What ended the reading before the input did; None if nothing.
        meanwhile: Called between two reads, and every so often while the input is silent.
    """

    def __init__(self, signals: Signals) -> None:
        """Read nothing yet.

        Args:
            signals: Tells when to stop, and interrupts a read that waits.
        """
        super().__init__()
        self.line = b""
        self.line_number = 0
        self.ended_by: RunEnded | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self._signals = signals

    @property
    @override
    def default_input(self) -> t.IO[bytes]:
        return sys.stdin.buffer

    @override
    def process_lines(
        self,
        file_input: t.IO[t.Any] | None,
        callbacks: t.Mapping[str, Callable[[dict[str, t.Any]], None]],
    ) -> t.Counter[str]:
        """Call back for every message until the input ends or something ends the run.

        Args:
            file_input: Where to read; standard input if None.
            callbacks: What to call by type of message.

        Returns:
            The number of messages by type.
        """
        counts = dict.fromkeys(map(str.__str__, callbacks), 0)
        handlers = {str.__str__(kind): callback for kind, callback in callbacks.items()}
        try:
            with self._signals.watched():
                for line in self._lines(file_input or self.default_input):
                    self.line = line
                    self.line_number += 1
                    if not line or line.isspace():
                        continue
                    message = self.deserialize_json(line)
                    kind = message["type"]
                    handle = handlers.get(kind)
                    if handle is None:
                        self.fail("has a message type that Singer does not know")
                    handle(message)
                    counts[kind] += 1
        except RunEnded as end:
            self.ended_by = end
        return Counter(counts)

    @override
    def deserialize_json(self, line: bytes) -> dict[str, t.Any]:
        """Return the message of a line.

        Raises:
            InvalidLine: The line is no Singer message.
        """
        if len(line) > SURELY_FEW_VALUES and _has_too_many_values(line):
            self.fail(f"holds more than {MOST_VALUES:,} values")
        # Without them it is shorter by their number, which is found faster so than by `count`.
        brackets = len(line) - len(line.replace(b"{", b"").replace(b"[", b""))
        if brackets > DEEPEST and _is_deep(line):
            self.fail("is nested too deep")
        try:
            message = decode(line)
        except UnicodeDecodeError:
            self.fail("is not UTF-8")
        except (ArithmeticError, msgspec.ValidationError):  # thousands of digits, or of exponents
            self.fail("holds a number that is too large to be read")
        except ValueError:  # msgspec's own errors are among them
            self.fail("is not JSON: it may be cut off, or hold NaN or half a character")
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            self.fail("is no Singer message")
        return message

    def fail(self, what: str, kind: type[InvalidLine] = InvalidLine) -> t.NoReturn:
        """End the run because of the current line.

        Args:
            what: What is wrong with it, without any value.
            kind: What to raise.

        Raises:
            InvalidLine: Always.
        """
        msg = f"Line {self.line_number:,} of the input {what}. Nothing after it was read."
        raise kind(msg)

    def _lines(self, source: t.IO[t.Any]) -> Iterator[bytes]:
        """Yield the lines of the input without their ends, as soon as each is whole."""
        signals = self._signals
        pieces: list[bytes] = []  # of a line that is not whole yet
        size = 0
        for chunk in self._chunks(source):
            first, *rest = chunk.split(b"\n")
            pieces.append(first)
            size += len(first)
            if size > LONGEST_LINE:
                self.line_number += 1
                self.fail(f"is longer than {LONGEST_LINE:,} bytes")
            if rest:
                yield b"".join(pieces)
                *whole, last = rest
                for line in whole:
                    if signals.received is not None:
                        signals.check()
                    yield line
                pieces, size = [last], len(last)
        if any(pieces):
            yield b"".join(pieces)

    def _chunks(self, source: t.IO[t.Any]) -> Iterable[bytes]:
        source = getattr(source, "buffer", source)
        read = getattr(source, "read1", source.read)
        descriptor = _descriptor(source)
        while True:
            self.meanwhile()
            while not (descriptor is None or self._signals.wait(descriptor, IDLE_SECONDS)):
                self.meanwhile()
            chunk = read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk.encode() if isinstance(chunk, str) else chunk


_STEPS = bytes.maketrans(b"{[]}", b"\x01\x01\xff\xff")  # 1 and -1 as signed bytes
_ELSE = bytes(set(range(256)) - set(b"{[]}"))
_STRING = re.compile(rb'"[^"]*"?')  # the last one may be cut off
_STRING_OR_COMMA = re.compile(rb'"[^"]*"?|,')


def _is_deep(line: bytes) -> bool:
    """Tell whether brackets outside of strings are nested too deep, also in a line that is cut."""
    steps = _STRING.sub(b"", _without_escapes(line)).translate(_STEPS, _ELSE)
    return any(depth > DEEPEST for depth in accumulate(memoryview(steps).cast("b")))


def _has_too_many_values(line: bytes) -> bool:
    """Tell whether there are too many commas outside of strings."""
    if line.count(b",") < MOST_VALUES:
        return False
    found = _STRING_OR_COMMA.finditer(_without_escapes(line))
    commas = (one for one in found if one[0] == b",")
    return next(islice(commas, MOST_VALUES - 1, None), None) is not None


def _without_escapes(line: bytes) -> bytes:
    """Let every string end at its first quote: to look beyond it takes memory for each escape."""
    return line.replace(rb"\\", b"").replace(rb"\"", b"")


def _descriptor(source: t.IO[t.Any]) -> int | None:
    try:
        return source.fileno()
    except (AttributeError, OSError):  # what lies in memory has none
        return None
