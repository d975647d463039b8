"""Keeps rejected records as a Singer stream that can be piped in again once the cause is mended.

A record is written as it came in, after the SCHEMA of its stream, with the reason beside it as a
key of the message. Writing gathers; flushing makes it lasting, and comes before every STATE.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
import threading
import typing as t
from datetime import datetime, timezone
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # it has no types
import msgspec

from target_customerio.errors import RunEnded

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from target_customerio.items import Rejection, SourceRecord

PENDING_BYTES = 4_000_000
"""How much is gathered at most between two flushes."""

SUFFIX = ".singer.jsonl"


def utc_now() -> datetime:
    """Return the time of now."""
    return datetime.now(tz=timezone.utc)


def new_run_id(now: datetime) -> str:
    """Return an id of a run that no other run has, safe in a file's name."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


class Store(t.Protocol):
    """A place where bytes can be added and then last.

    Attributes:
        location: What the user shall look for.
        is_whole: Whether each addition is read by itself, so that it must hold its SCHEMA.
    """

    location: str
    is_whole: bool

    def add(self, content: bytes) -> None:
        """Add and make it last.

        Raises:
            Exception: It could not be written; the kind depends on the place.
        """

    def probe(self) -> None:
        """Write something and remove it again; raise as `add` does."""


class LocalFile:
    """One file in a local folder, readable by its owner alone, made at the first addition."""

    is_whole = False

    def __init__(self, folder: Path, run_id: str) -> None:
        self._path = folder / f"{run_id}{SUFFIX}"
        self._descriptor: int | None = None
        self.location = str(self._path)

    def add(self, content: bytes) -> None:
        """Append and wait until it is on the disk."""
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A file that is there already is never opened, least of all the one being read.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._descriptor = os.open(self._path, flags, 0o600)
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fsync(self._descriptor)

    def probe(self) -> None:
        """Write a file that vanishes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._path.parent) as file:
            file.write(b"\n")


class NumberedParts:
    """Numbered objects under a URL of fsspec, one an addition: objects cannot be appended to."""

    is_whole = True

    def __init__(self, url: str, run_id: str) -> None:
        self._files, folder = fsspec.core.url_to_fs(url)
        self._stem = f"{folder.rstrip('/')}/{run_id}"
        self._number = 0
        self.location = f"{self._files.unstrip_protocol(self._stem)}.*{SUFFIX}"

    def add(self, content: bytes) -> None:
        """Write the next part."""
        self._write(f"{self._stem}.{self._number + 1}{SUFFIX}", content)
        self._number += 1

    def probe(self) -> None:
        """Write an object and remove it."""
        name = f"{self._stem}.probe"
        self._write(name, b"\n")
        self._files.rm_file(name)

    def _write(self, name: str, content: bytes) -> None:
        # A path without a slash in front begins with a bucket. One that is not there is a mistake:
        # the folder's maker would make it, and personal data would lie where nobody looks.
        folder = name.rpartition("/")[0]
        if folder.startswith("/"):
            self._files.makedirs(folder, exist_ok=True)
        self._files.pipe_file(name, content)


class Rejects:
    """The rejected records of one run. Every method may be called from any thread."""

    def __init__(self, path: str, run_id: str, *, now: Callable[[], datetime] = utc_now) -> None:
        """Find the place; nothing is written before the first reject.

        Args:
            path: A local folder or a URL of fsspec.
            run_id: The id of the run.
            now: Tells the time.

        Raises:
            RunEnded: There is no such kind of place.
        """
        self.run_id = run_id
        self.count = 0
        self._now = now
        self._lock = threading.Lock()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._schemas: dict[str, bytes] = {}
        self._failure: RunEnded | None = None
        self._is_kept = False
        with self._explained():
            local = path.removeprefix("file://")
            self._store: Store = (
                NumberedParts(path, run_id) if "://" in local else LocalFile(Path(local), run_id)
            )

    @property
    def location(self) -> str | None:
        """Where the rejected records lie; None as long as none does."""
        return self._store.location if self._is_kept else None

    def write(self, record: SourceRecord, rejection: Rejection) -> None:
        """Take a rejected record over; `flush` makes it last.

        Raises:
            RunEnded: So much had gathered that it was flushed, and that failed.
        """
        origin = record.origin
        message = msgspec.json.decode(record.line, type=dict[str, msgspec.Raw])
        reason = {
            "operation": origin.operation,
            **msgspec.structs.asdict(rejection),
            "time": f"{self._now():%Y-%m-%dT%H:%M:%SZ}",
            "run_id": self.run_id,
        }
        message["rejection"] = msgspec.Raw(msgspec.json.encode(reason))
        with self._lock:
            self.count += 1
            if self._schemas.get(origin.stream) != origin.schema:
                self._schemas[origin.stream] = origin.schema
                self._add(origin.schema)
            self._add(msgspec.json.encode(message))
            if self._pending_bytes >= PENDING_BYTES:
                self._flush()

    def flush(self) -> None:
        """Make everything last that was written.

        Raises:
            RunEnded: It cannot be written.
        """
        with self._lock:
            self._flush()

    def check(self) -> None:
        """Prove that rejected records can be written.

        Raises:
            RunEnded: They cannot.
        """
        with self._lock, self._explained():
            self._store.probe()

    def _add(self, line: bytes) -> None:
        self._pending += (line, b"\n")
        self._pending_bytes += len(line) + 1

    def _flush(self) -> None:
        if self._failure is not None:  # what of it was written nobody knows
            raise self._failure
        if not self._pending:
            return
        try:
            with self._explained():
                self._store.add(b"".join(self._pending))
        except RunEnded as failure:
            self._failure = failure
            raise
        self._is_kept = True
        self._pending.clear()
        self._pending_bytes = 0
        if self._store.is_whole:
            self._schemas.clear()

    @contextlib.contextmanager
    def _explained(self) -> t.Iterator[None]:
        """Turn whatever a file system raises into one sentence."""
        try:
            yield
        except Exception as fault:  # noqa: BLE001 - each of fsspec's file systems has errors of its own
            cause = fault.strerror if isinstance(fault, OSError) else None
            raise self._unwritable(cause or type(fault).__name__) from None

    @staticmethod
    def _unwritable(cause: str) -> RunEnded:
        return RunEnded(
            f"Rejected records cannot be written ({cause}): check `rejected_records_path`. "
            "No STATE left that counts a lost record as done."
        )


class CountedRejects(Rejects):
    """Counts rejected records and keeps none, in a run that only plans."""

    @override
    def write(self, record: SourceRecord, rejection: Rejection) -> None:
        self.count += 1
