"""The command line: settings in, exit code out, and in between no traceback and no value."""

from __future__ import annotations

import io
import os
import sys
import typing as t
from pathlib import Path

import click
from singer_sdk import Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import JSONSchemaValidator

from target_customerio import connection
from target_customerio.errors import RunEnded
from target_customerio.settings import describe_fault

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if t.TYPE_CHECKING:
    from singer_sdk.plugin_base import _ConfigInput

BOOLEANS = ("true", "false", "yes", "no", "on", "off", "1", "0")
"""What a variable of the environment says of a setting that is true or false. To the SDK all but
four words are false, `ture` for `dry_run` among them."""

MEANINGLESS = ("add_record_metadata", "load_method", "batch_size_rows")
"""Settings that the SDK adds for databases."""


class CommandLineTarget(Target):
    """A target that says in one sentence what is wrong, and never shows a setting's value."""

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        super().append_builtin_config(config_jsonschema)
        for name in MEANINGLESS:
            config_jsonschema["properties"].pop(name, None)

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
        """Do as the SDK does, but never show a value: it may be a secret in the wrong place."""
        self.append_builtin_config(self.config_jsonschema)
        # A null is a setting left out: some callers can say it no other way.
        self._config = {name: value for name, value in self._config.items() if value is not None}
        validator = JSONSchemaValidator(self.config_jsonschema)
        found = map(describe_fault, validator.iter_errors(self._config))
        try:
            faults = list(dict.fromkeys(found))  # one a missing setting, each names them all
        except AttributeError:  # the SDK's schema of `__else__` has a type in the place of a schema
            faults = ["The setting `stream_maps` must have `null` or `__NULL__` as `__else__`."]
        if faults and raise_errors:
            msg = " ".join(faults)
            raise ConfigValidationError(msg, errors=faults, schema=self.config_jsonschema)
        return faults

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        try:
            return super().cb_config(ctx, param, value)
        except OSError as fault:
            # The SDK looks for the file itself, and then has no word of the system for it.
            problem = f"cannot be read ({fault.strerror or 'No such file or directory'})"
        except (ValueError, TypeError, RecursionError):
            problem = "is not a JSON object"
        msg = f"A file of --config {problem}."
        raise click.ClickException(msg)

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        help_text = "Try credentials, region and the place of rejected records, and send nothing."
        command.params.append(click.Option(["--test"], is_flag=True, help=help_text))
        return command

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK's own target differs from its base
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: t.IO[str] | None = None,
        test: bool = False,
    ) -> None:
        """Run the target and exit: 0 if all went well, 1 if not, 143 or 130 after a signal."""
        try:
            given = file_input or (None if about or test else _stdin())
            super().invoke(
                about=about,
                about_format=about_format,
                config=config,
                file_input=io.StringIO(connection.SCHEMA_LINE) if test else given,
            )
        except RunEnded as end:
            cls.logger.error("%s", end)  # noqa: TRY400 - a sentence for the user, no traceback
            sys.exit(end.exit_code)
        except ConfigValidationError as fault:
            cls.logger.error("%s", " ".join(fault.errors))  # noqa: TRY400 - a sentence, as above
            sys.exit(1)
        except SingerSDKError as fault:
            cls.logger.error("%s", fault)  # noqa: TRY400 - as above
            sys.exit(1)
        except Exception as fault:  # noqa: BLE001 - whatever it is, a traceback may show a record
            cls.logger.error("%s", describe_defect(fault))  # noqa: TRY400 - as above
            sys.exit(1)


def _stdin() -> t.IO[str]:
    if sys.stdin is None:
        msg = "There is nothing to read: standard input is closed, and there is no --input."
        raise RunEnded(msg)
    return sys.stdin


def read_variable(prefix: str, name: str, setting: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a setting from the environment; nothing if it is not there.

    Args:
        prefix: What the names of the target's variables begin with.
        name: The setting.
        setting: Its schema.

    Raises:
        RunEnded: The variable cannot be read.
    """
    variable = f"{prefix}{name.upper()}"
    kinds = [kind for kind in setting.get("type", ["object"]) if kind != "null"]
    try:
        found = parse_environment_config({"properties": {name: setting}}, prefix)
    except (ValueError, RecursionError):
        msg = f"The environment variable {variable} must be JSON of the type {', '.join(kinds)}."
        raise RunEnded(msg) from None
    if found and kinds == ["boolean"] and os.environ[variable].lower() not in BOOLEANS:
        msg = f"The environment variable {variable} must be one of {', '.join(BOOLEANS)}."
        raise RunEnded(msg)
    return found


def describe_defect(fault: Exception) -> str:
    """Say where an error that nobody foresaw came up, without its text, which may hold a value."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        where = f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"An unforeseen {type(fault).__name__}{where} ended the run: please report it."
