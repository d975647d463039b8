"""Writes the tables of the README from the code: `python -m tests.target.tables`."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from target_customerio.operations import EVENT_COLUMNS, IDENTIFY_COLUMNS, OPERATIONS
from target_customerio.target import TargetCustomerIO

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from target_customerio.identifiers import IdentifierColumn

README = Path(__file__).parents[2] / "target-customerio" / "README.md"
COLUMNS = {
    "person_identify": (IDENTIFY_COLUMNS, ""),
    "person_event": (EVENT_COLUMNS, "`event_name` (or `event`), `event_id`, `timestamp`"),
}


def settings() -> str:
    """Return the table of settings."""
    schema = json.loads(json.dumps(TargetCustomerIO.config_jsonschema))
    TargetCustomerIO.append_builtin_config(schema)
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, setting in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else ""
        if "default" in setting:
            value = setting["default"]
            default = f"`{value if isinstance(value, str) else json.dumps(value)}`"
        text = " ".join(setting["description"].split()).replace("|", "\\|")
        if "enum" in setting:
            text += f" One of {', '.join(f'`{one}`' for one in setting['enum'] if one)}."
        lines.append(f"| `{name}` | {default} | {text} |")
    return "\n".join(lines)


def operations() -> str:
    """Return the table of operations."""
    lines = [
        (
            "| operation | whom it is about: the first column that is not empty "
            "| other columns with a meaning |"
        ),
        "|---|---|---|",
    ]
    for name in OPERATIONS:
        candidates, others = COLUMNS[name]
        lines.append(f"| `{name}` | {_identifiers(candidates)} | {others} |")
    return "\n".join(lines)


def _identifiers(candidates: Iterable[IdentifierColumn]) -> str:
    return ", ".join(f"`{column}`" for column, _, identifies in candidates if identifies)


def filled(text: str) -> str:
    """Return a README with its tables as the code has them."""
    for name, table in (("settings", settings()), ("operations", operations())):
        begin, end = f"<!-- {name}", f"<!-- /{name} -->"
        head, _, rest = text.partition(begin)
        mark, _, rest = rest.partition("\n")
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}{mark}\n{table}\n{end}{tail}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
