#!/usr/bin/env python3
"""Write the settings of tap and target into meltano.yml and .env.example, from the plugins' own.

A block in those files goes from the line `# settings of <plugin>` to `# end of settings`; all else
is left alone. With `--check` nothing is written, and the exit code says whether all is in order.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import click
from click.testing import CliRunner

from tap_customerio.tap import TapCustomerIO
from target_customerio.target import TargetCustomerIO

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.plugin_base import PluginBase

    Setting = dict[str, t.Any]

ROOT = Path(__file__).resolve().parent.parent
PLUGINS: tuple[type[PluginBase], ...] = (TapCustomerIO, TargetCustomerIO)


def settings_of(plugin: type[PluginBase]) -> dict[str, Setting]:
    """Ask a plugin for its settings, the SDK's own included, as `--about` shows them."""
    about = CliRunner().invoke(plugin.cli, ["--about", "--format=json"], catch_exceptions=False)
    return t.cast("dict[str, Setting]", json.loads(about.stdout)["settings"]["properties"])


def kind_of(setting: Setting) -> str:
    """Name a setting's type as Meltano does."""
    types = [setting["type"]] if isinstance(setting["type"], str) else setting["type"]
    if "enum" in setting:
        return "options"
    if setting.get("format") == "date-time":
        return "date_iso8601"
    return next(str(name) for name in types if name != "null")


def meltano_lines(plugin: type[PluginBase]) -> Iterator[str]:
    """Write a plugin's settings as a list in YAML; JSON's texts are YAML's too."""
    yield "settings:"
    for name, setting in settings_of(plugin).items():
        label = setting.get("title") or name.replace("_", " ").capitalize()
        yield f"  - name: {name}"
        yield f"    label: {json.dumps(label, ensure_ascii=False)}"
        description = " ".join(setting["description"].split())
        yield f"    description: {json.dumps(description, ensure_ascii=False)}"
        yield f"    kind: {kind_of(setting)}"
        yield f"    sensitive: {json.dumps(setting.get('secret', False))}"
        if "enum" in setting:
            yield "    options:"
            for value in filter(None, setting["enum"]):
                yield f"      - {{label: {value}, value: {value}}}"
        if setting.get("default") not in (None, [], {}):
            yield f"    value: {json.dumps(setting['default'], ensure_ascii=False)}"


def environment_lines(plugin: type[PluginBase]) -> Iterator[str]:
    """Write a plugin's settings as variables, each a comment with its default."""
    prefix = plugin.name.replace("-", "_").upper()
    for name, setting in settings_of(plugin).items():
        default = setting.get("default")
        text = default if isinstance(default, str) else json.dumps(default)
        yield f"# {prefix}_{name.upper()}={'' if default is None else text}"


WRITERS = {"meltano.yml": meltano_lines, ".env.example": environment_lines}


def written(path: Path) -> str:
    """Return a file's text with the blocks of all plugins as they should be."""
    text = path.read_text(encoding="utf-8")
    for plugin in PLUGINS:
        opening = f"# settings of {plugin.name}\n"
        before, _, rest = text.partition(opening)
        indent = before.rpartition("\n")[2]
        _, closing, after = rest.partition(f"{indent}# end of settings\n")
        block = "".join(f"{indent}{line}\n" for line in WRITERS[path.name](plugin))
        text = f"{before}{opening}{block}{closing}{after}"
    return text


@click.command()
@click.option("--check", is_flag=True, help="Only say whether the files are as they should be.")
def main(*, check: bool) -> None:
    """Write the settings of tap and target into meltano.yml and .env.example."""
    for name in WRITERS:
        path, text = ROOT / name, written(ROOT / name)
        if not check:
            path.write_text(text, encoding="utf-8")
        elif text != path.read_text(encoding="utf-8"):
            sys.exit(f"{name} does not hold the plugins' settings: run `make settings`.")


if __name__ == "__main__":
    main()
