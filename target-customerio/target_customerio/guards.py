"""What keeps a run from taking away more than was meant."""

from __future__ import annotations

from target_customerio.errors import RunEnded


class Deletions:
    """Counts what takes people or objects away for good, and ends the run before it is too much."""

    def __init__(self, limit: int | None) -> None:
        """Start without any.

        Args:
            limit: How many a run may send; None to count only.
        """
        self.count = 0
        self._limit = limit

    def note(self, stream: str, operation: str) -> None:
        """Count one that is about to be sent.

        Args:
            stream: The stream that asks for it.
            operation: What it asks for.

        Raises:
            RunEnded: The run may send no more.
        """
        self.count += 1
        if self._limit is None or self.count <= self._limit:
            return
        msg = (
            f"Stopped before delete number {self.count:,} (stream '{stream}', {operation}): the "
            f"{self._limit:,} before it were sent, this one and all that follows were not. If that "
            "many are meant, raise `max_deletes`; `dry_run` counts them without sending."
        )
        raise RunEnded(msg)
