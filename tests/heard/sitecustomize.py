"""Keeps a copy of what a Python says on standard error whose PYTHONPATH names this folder."""

import os
import sys
from pathlib import Path


class Heard:
    """Standard error, heard by somebody else too."""

    def __init__(self, stream, copy):
        self._stream, self._copy = stream, copy

    def write(self, text):
        self._copy.write(text)
        return self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


folder = Path(os.environ["HEARD_FOLDER"])
if folder.is_dir():  # a process may outlive the session that started it
    copy = (folder / f"{os.getpid()}.log").open("a", buffering=1, encoding="utf-8")
    sys.stderr = Heard(sys.stderr, copy)
