"""The log: a message stays one line that can be shown, whatever the names in it hold."""

from __future__ import annotations

import logging
import sys

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

LONGEST = 5_000
"""Characters of a message; the longest of ours names all operations."""


class OneLine(logging.Filter):
    """Writes what cannot be shown, such as the end of a line, as an escape; cuts what is too long.

    Streams, columns and keys are named by whoever wrote the input.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if len(text) > LONGEST or not text.isprintable():
            record.msg, record.args = _shown(text), None
        return True


def _shown(text: str) -> str:
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in cut)
