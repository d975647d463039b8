"""Starts a program as its command would: `python -m torture.launch PROGRAM BYTES …`.

`hasty-tap` is the tap with small pages and a STATE after each, so that a small workspace has as
many places to be cut at as a large one. BYTES is how large a file may grow, as on a disk that is
full then; 0 is no limit.
"""

from __future__ import annotations

import resource
import sys
import typing as t


def tap() -> t.Any:  # noqa: ANN401 - a command of click
    """Return the command of the tap."""
    from tap_customerio.tap import TapCustomerIO  # noqa: PLC0415 - only one program is loaded

    return TapCustomerIO.cli


def hasty_tap() -> t.Any:  # noqa: ANN401 - a command of click
    """Return the command of the tap in small steps."""
    from tap_customerio import reading  # noqa: PLC0415 - as above
    from tap_customerio.streams import activities, people, search  # noqa: PLC0415 - as above

    # Constants of the product, which it has no settings for.
    vars(reading)["STATE_SECONDS"] = 0.0
    vars(people)["AT_ONCE"] = 10
    vars(search)["PAGE"] = 100
    activities.Activities.page_size = 10
    return tap()


def target() -> t.Any:  # noqa: ANN401 - a command of click
    """Return the command of the target."""
    from target_customerio.target import TargetCustomerIO  # noqa: PLC0415 - as above

    return TargetCustomerIO.cli


PROGRAMS = {"tap": tap, "hasty-tap": hasty_tap, "target": target}

if __name__ == "__main__":
    _, program, file_bytes, *arguments = sys.argv
    if int(file_bytes):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_bytes), int(file_bytes)))
    sys.argv = [program, *arguments]
    PROGRAMS[program]()()
