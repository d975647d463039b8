"""The README's tables, made from the code: `python -m tests.tap.tables` writes them anew."""

from __future__ import annotations

import copy
import re
from pathlib import Path

from tap_customerio.streams import STREAMS
from tap_customerio.streams.base import FanOutStream
from tap_customerio.tap import TapCustomerIO

README = Path(__file__).parents[2] / "tap-customerio" / "README.md"


def settings_table() -> str:
    """A row for each setting, the SDK's own included."""
    schema = copy.deepcopy(TapCustomerIO.config_jsonschema)
    TapCustomerIO.append_builtin_config(schema)
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, setting in schema["properties"].items():
        shown = "required" if name in schema["required"] else _literal(setting.get("default"))
        text = " ".join(setting["description"].split())
        if "minimum" in setting:
            text += f" From {setting['minimum']} to {setting['maximum']}."
        if "enum" in setting:
            text += f" One of {', '.join(map(_literal, filter(None, setting['enum'])))}."
        rows.append(f"| `{name}` | {shown} | {text} |")
    return "\n".join(rows)


def streams_table() -> str:
    """A row for each stream."""
    rows = [
        "| stream | key | replication | selected | calls | what it holds |",
        "|---|---|---|---|---|---|",
    ]
    for stream in STREAMS:
        keys = ", ".join(f"`{key}`" for key in stream.primary_keys)
        bookmark = stream.replication_key
        method = f"incremental on `{bookmark}`" if isinstance(bookmark, str) else "full table"
        calls = stream.calls
        if issubclass(stream, FanOutStream):
            calls += f"; and the list of `{stream.parent.name}`"
        summary = str(stream.__doc__).partition("\n")[0]
        selected = "yes" if stream.selected_by_default else "no"
        rows.append(f"| `{stream.name}` | {keys} | {method} | {selected} | {calls} | {summary} |")
    return "\n".join(rows)


def _literal(value: object) -> str:
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def written(text: str) -> str:
    """The README with its tables made anew."""
    for name, table in (("settings", settings_table()), ("streams", streams_table())):
        text = re.sub(
            rf"(<!-- {name}:[^\n]*-->\n).*?(<!-- /{name} -->)",
            lambda found, table=table: f"{found[1]}{table}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
