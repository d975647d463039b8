"""The edge between the program and its user: every end is one line and an exit code.

0: everything was read. 1: something was not; the log says what. 128 and the number of a signal:
stopped by it (143 for SIGTERM, 130 for SIGINT).
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import traceback
import typing as t

from singer_sdk.exceptions import ConfigurationError, ConfigValidationError, MappingError
from singer_sdk.plugin_base import SingerCommand

from tap_customerio.errors import RunError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    import click

logger = logging.getLogger("tap-customerio")


class Stopped(SystemExit):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        self.signal_name = signal.Signals(number).name
        super().__init__(128 + number)


class Command(SingerCommand):
    """The command line, without tracebacks."""

    @override
    def invoke(self, ctx: click.Context) -> t.Any:
        logging.captureWarnings(capture=True)
        # The SDK's own says once more, in general, that the configuration is wrong.
        return super(SingerCommand, self).invoke(ctx)

    @override
    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        try:
            return super().main(*args, **kwargs)
        except ConfigValidationError as error:
            for line in error.errors:
                logger.error("%s", line)  # noqa: TRY400 - a traceback explains nothing here
        except (ConfigurationError, MappingError) as error:
            logger.error("%s", error)  # noqa: TRY400 - as above
        except RunError as error:
            logger.error("%s.", error)  # noqa: TRY400 - as above
        except Exception as error:  # noqa: BLE001 - the last resort before the user
            # The text of an unforeseen error may hold a value from a record: its place does not.
            place = traceback.extract_tb(error.__traceback__)[-1]
            logger.error(  # noqa: TRY400 - as above
                "Unexpected %s at %s:%s. This is a defect: please report it.",
                type(error).__name__,
                place.filename.rpartition("/")[2],
                place.lineno,
            )
        sys.exit(1)


def read_json(name: str, text: str) -> dict[str, t.Any]:
    """Read a file's JSON object.

    Args:
        name: The option that named the file.
        text: Its content.

    Raises:
        ConfigurationError: With one sentence, if it is something else.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"The file of {name} is not JSON (line {error.lineno}, column {error.colno})."
        raise ConfigurationError(msg) from error
    if not isinstance(found, dict):
        msg = f"The file of {name} must hold a JSON object."
        raise ConfigurationError(msg)
    return found
