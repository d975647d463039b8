"""Runs the vendor's source of 2024 against another host; runs where it is installed.

Its host is part of its manifest, and nothing else of it is changed.

Run it with `python airbyte_customer_io.py URL read --config FILE --catalog FILE`.
"""

from __future__ import annotations

import sys
import typing as t

# No part of this project's environment.
from airbyte_cdk.entrypoint import launch  # type: ignore[import-not-found]
from source_customer_io import SourceCustomerIo  # type: ignore[import-not-found]


class LocalSource(SourceCustomerIo):  # type: ignore[misc]  # not known here
    """The source with the host of the command line."""

    def _read_and_parse_yaml_file(self, path_to_yaml_file: str) -> dict[str, t.Any]:
        manifest: dict[str, t.Any] = super()._read_and_parse_yaml_file(path_to_yaml_file)
        manifest["definitions"]["base_requester"]["url_base"] = f"{sys.argv[1]}/v1"
        return manifest


# The framework looks for the manifest beside the module of the class.
LocalSource.__module__ = SourceCustomerIo.__module__

if __name__ == "__main__":
    launch(LocalSource(), sys.argv[2:])
