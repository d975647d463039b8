#!/usr/bin/env python3
"""A tap for a file that already holds Singer messages: it copies them to standard output.

Meltano runs it as the extractor `singer-file`: a source that is already a Singer file, such as an
export or the rejects of an earlier run, then goes through the same pipeline as any other. It needs
nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path


def main() -> None:
    """Copy the file that the setting `path` names.

    Raises:
        SystemExit: The file cannot be read; the message says which one.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="a JSON file with the setting path"
    )
    arguments, _ = (
        parser.parse_known_args()
    )  # Meltano may add a catalog and a state, which mean nothing here
    path = Path(json.loads(arguments.config.read_text(encoding="utf-8"))["path"])
    try:
        with path.open("rb") as messages:
            shutil.copyfileobj(messages, sys.stdout.buffer)
    except OSError as error:
        sys.exit(f"singer-file: cannot read {path}: {error.strerror}. Set SINGER_FILE_PATH.")


if __name__ == "__main__":
    main()
