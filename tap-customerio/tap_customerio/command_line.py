"""The command line: settings in, and every end is one line and an exit code.

0: everything was read. 1: something was not; the log says what. 128 and the number of a signal:
stopped by it (143 for SIGTERM, 130 for SIGINT).
"""

from __future__ import annotations

import abc
import json
import logging
import os
import pathlib
import signal
import sys
import traceback
import typing as t

import click
from singer_sdk import Tap
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigurationError, ConfigValidationError, MappingError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import JSONSchemaValidator, SingerCommand, _ConfigInput
from singer_sdk.singerlib import Catalog
from singer_sdk.tap_base import CliTestOptionValue

from tap_customerio import settings
from tap_customerio.errors import RunError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

logger = logging.getLogger("tap-customerio")

BOOLEANS: t.Final = ("true", "false", "yes", "no", "on", "off", "1", "0")
"""What a variable of the environment says of a setting that is true or false. To the SDK all but
four words are false, `ture` among them."""


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


class CommandLineTap(Tap, abc.ABC):
    """A tap that says in one sentence what is wrong, and never shows a setting's value."""

    @abc.abstractmethod
    def run(self) -> None:
        """Sync all streams, and exit if not all is well.

        Raises:
            SystemExit: With the exit code, if it is not 0.
        """

    @abc.abstractmethod
    def check(self, say: t.Callable[[str], None]) -> bool:
        """Test the connection.

        Args:
            say: Takes a tick or a sentence for each check.

        Returns:
            Whether all is well.
        """

    @classproperty
    @override
    def _env_var_config(cls) -> dict[str, t.Any]:  # noqa: N805 - a property of the class
        """Do as the SDK does, but name the variable that cannot be read, and never its value."""
        cls.append_builtin_config(cls.config_jsonschema)
        config: dict[str, t.Any] = {}
        for name, setting in cls.config_jsonschema["properties"].items():
            config |= read_variable(cls._env_var_prefix, name, setting)
        return config

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        given = {name: value for name, value in self._config.items() if value is not None}
        self.append_builtin_config(self.config_jsonschema)
        # Fills in the defaults, but only once the nulls are gone.
        validator = JSONSchemaValidator(self.config_jsonschema)
        found = list(validator.iter_errors(given))
        self._config = given
        faulty = {str(step) for fault in found for step in list(fault.absolute_path)[:1]}
        rest = {name: value for name, value in given.items() if name not in faulty}
        faults = [settings.describe_fault(fault) for fault in found] + settings.problems(rest)
        if faults and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=faults, schema=self.config_jsonschema)
        return faults

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as in the SDK, each plugin has its own options
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: t.IO[str] | None = None,
        catalog: t.IO[str] | None = None,
    ) -> None:
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        config = config or _ConfigInput()
        tap = cls(
            config=config.config,
            parse_env_config=config.parse_env,
            state=None if state is None else _read_state(state),
            catalog=None if catalog is None else _read_catalog(catalog),
        )
        tap.run()

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        found = _ConfigInput()
        for path in value:
            if path == "ENV":
                found.parse_env = True
                continue
            try:
                with pathlib.Path(path).open(encoding="utf-8") as file:
                    found.config |= read_json("--config", file)
            except OSError as error:
                msg = f"The file of --config cannot be read: {path}"
                raise ConfigurationError(msg) from error
        return found

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        if value != CliTestOptionValue.All.value:
            super().cb_test(ctx, param, value)
            return
        config: _ConfigInput = ctx.params.get("config", _ConfigInput())
        tap = cls(config=config.config, parse_env_config=config.parse_env)
        ctx.exit(0 if tap.check(click.echo) else 1)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        test = next(option for option in command.params if option.name == "test")
        t.cast("click.Option", test).help = (
            "Check the region and read one page each of campaigns and segments; --test=schema "
            "writes the schemas and reads nothing."
        )
        return Command(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=cls.logger,
        )


def read_variable(prefix: str, name: str, setting: dict[str, t.Any]) -> dict[str, t.Any]:
    """Read a setting from the environment.

    Args:
        prefix: What the variables of the tap begin with.
        name: The name of the setting.
        setting: Its JSON Schema.

    Returns:
        The setting by its name; nothing if the environment does not have it.

    Raises:
        ConfigurationError: If the variable cannot be read.
    """
    variable = f"{prefix}{name.upper()}"
    types = setting.get("type", "object")
    kinds = [kind for kind in ([types] if isinstance(types, str) else types) if kind != "null"]
    try:
        found = parse_environment_config({"properties": {name: setting}}, prefix)
    except (ValueError, RecursionError) as error:
        msg = f"The environment variable {variable} must be JSON of the type {', '.join(kinds)}."
        raise ConfigurationError(msg) from error
    if found and kinds == ["boolean"] and os.environ[variable].lower() not in BOOLEANS:
        msg = f"The environment variable {variable} must be one of {', '.join(BOOLEANS)}."
        raise ConfigurationError(msg)
    return found


def read_json(name: str, file: t.IO[str]) -> dict[str, t.Any]:
    """Read a file's JSON object.

    Args:
        name: The option that named the file.
        file: The file.

    Raises:
        ConfigurationError: With one sentence, if it is something else.
    """
    try:
        found = json.load(file)
    except json.JSONDecodeError as error:
        msg = f"The file of {name} is not JSON (line {error.lineno}, column {error.colno})."
        raise ConfigurationError(msg) from error
    except (ValueError, RecursionError) as error:
        found = "it is no UTF-8, nests too deep or has an endless number"
        msg = f"The file of {name} cannot be read: {found}."
        raise ConfigurationError(msg) from error
    if not isinstance(found, dict):
        msg = f"The file of {name} must hold a JSON object."
        raise ConfigurationError(msg)
    return found


def _read_state(file: t.IO[str]) -> dict[str, t.Any]:
    found = read_json("--state", file)
    if found and "bookmarks" not in found:
        msg = (
            "The file of --state holds no `bookmarks`, so that all would be read again: it must "
            "hold the value of the last STATE message, without the message around it."
        )
        raise ConfigurationError(msg)
    bookmarks = found.get("bookmarks", {})
    if not isinstance(bookmarks, dict) or not all(
        isinstance(of_stream, dict) for of_stream in bookmarks.values()
    ):
        msg = "The file of --state is none of this tap's: `bookmarks` must hold an object a stream."
        raise ConfigurationError(msg)
    return found


def _read_catalog(file: t.IO[str]) -> Catalog:
    found = read_json("--catalog", file)
    try:
        return Catalog.from_dict(found)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        msg = "The file of --catalog is no Singer catalog: make one with --discover."
        raise ConfigurationError(msg) from error
