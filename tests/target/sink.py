"""The target in this process with a Customer.io that takes everything: quick, for properties."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import msgspec
from singer_sdk.plugin_base import _ConfigInput

from target_customerio.answers import Answer
from target_customerio.api import TrackClient
from target_customerio.target import TargetCustomerIO

if TYPE_CHECKING:
    from collections.abc import Iterable

decode = msgspec.json.Decoder(float_hook=Decimal).decode
COUNTS = re.compile(r": ([\d,]+) records, ([\d,]+) accepted, ([\d,]+) rejected$")


QUICK = {
    "site_id": "site",
    "track_api_key": "key",
    "requests_per_second": 0,
    "max_concurrency": 2,
    "max_rejected_percent": 100,
}


class Outcome(NamedTuple):
    """What came of one run.

    Attributes:
        exit_code: How it ended.
        states: The values of STATE that left, a line each.
        log: Every line of the log, down to debug, each of them with its level.
        bodies: What was sent.
        rejects: The lines of the rejects file.
    """

    exit_code: int
    states: list[bytes]
    log: list[str]
    bodies: list[bytes]
    rejects: list[bytes]

    @property
    def items(self) -> list[dict[str, Any]]:
        """What was sent, item by item, numbers as they were written."""
        return [item for body in self.bodies for item in decode(body)["batch"]]

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """The rejected records with the reasons beside them."""
        return [one for line in self.rejects if "rejection" in (one := decode(line))]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.log if line.startswith("ERROR ")]

    @property
    def counts(self) -> tuple[int, ...]:
        """Records, accepted and rejected, as the summary has them."""
        found = [map(_number, match.groups()) for match in map(COUNTS.search, self.log) if match]
        return tuple(map(sum, zip(*found, strict=True))) or (0, 0, 0)


def _number(text: str) -> int:
    return int(text.replace(",", ""))


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, entry: logging.LogRecord) -> None:
        self.lines.append(f"{entry.levelname} {entry.getMessage()}")


@contextlib.contextmanager
def _logged():
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def pour(lines: Iterable[bytes], **settings: Any) -> Outcome:
    """Pipe lines into the target and return what came of them."""
    bodies: list[bytes] = []

    def send(_client: TrackClient, body: bytes) -> Answer:
        bodies.append(body)
        return Answer(200)

    output, exit_code = io.StringIO(), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(TrackClient, "send", send),
        _logged() as log,
    ):
        config = _ConfigInput(config={**QUICK, "rejected_records_path": folder, **settings})
        with contextlib.redirect_stdout(output):
            try:
                TargetCustomerIO.invoke(config=config, file_input=io.BytesIO(b"\n".join(lines)))
            except SystemExit as end:
                exit_code = end.code
        rejects = [line for file in Path(folder).iterdir() for line in _lines(file.read_bytes())]
    return Outcome(exit_code, _lines(output.getvalue().encode()), log, bodies, rejects)


def _lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def schema(stream: object, of: object, keys: object = (), **others: object) -> bytes:
    """Return a SCHEMA message."""
    message = {"type": "SCHEMA", "stream": stream, "schema": of, "key_properties": keys, **others}
    return json.dumps(message).encode()


def columns(**schemas: object) -> dict[str, Any]:
    """Return the schema of a stream."""
    return {"type": "object", "properties": schemas}


def record(stream: str, value: object) -> bytes:
    """Return a RECORD message; bytes are taken for the record as it stands in the line."""
    encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b'{"type":"RECORD","stream":%s,"record":%s}' % (json.dumps(stream).encode(), encoded)


def state(value: bytes) -> bytes:
    """Return a STATE message with a value as it stands in the line."""
    return b'{"type":"STATE","value":%s}' % value
