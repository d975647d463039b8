"""Writes the tables of the README from the code: `python -m tests.target.tables`."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from target_customerio.operations import EVENT_COLUMNS, MEMBER_COLUMNS, OPERATIONS, PERSON_COLUMNS
from target_customerio.target import TargetCustomerIO

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

README = Path(__file__).parents[2] / "target-customerio" / "README.md"
PEOPLE = {"person": PERSON_COLUMNS, "person of an event": EVENT_COLUMNS, "member": MEMBER_COLUMNS}


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
    lines = ["| operation | required | optional | every other column |", "|---|---|---|---|"]
    for name, operation in OPERATIONS.items():
        required = "; ".join(_choice(step.requires) for step in operation.steps if step.requires)
        takes = dict.fromkeys(column for step in operation.steps for column in step.takes)
        rest = next((step.rest for step in operation.steps if step.rest), "never sent")
        lines.append(f"| `{name}` | {required} | {_listed(takes)} | {rest} |")
    return "\n".join(lines)


def _choice(columns: Sequence[str]) -> str:
    """Name columns of which one suffices; those of a person are named once, above the table."""
    for word, person in PEOPLE.items():
        if tuple(columns) == tuple(one.column for one in person if one.identifies):
            return word
    return " or ".join(f"`{column}`" for column in columns)


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns)


def people() -> str:
    """Return what the table of operations calls a person."""
    return "\n".join(
        f"- **{word}**: the first of {_listed(one.column for one in person if one.identifies)} "
        "that is not empty"
        for word, person in PEOPLE.items()
    )


def filled(text: str) -> str:
    """Return a README with its tables as the code has them."""
    tables = {"settings": settings(), "people": people(), "operations": operations()}
    for name, table in tables.items():
        begin, end = f"<!-- {name}", f"<!-- /{name} -->"
        head, _, rest = text.partition(begin)
        mark, _, rest = rest.partition("\n")
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}{mark}\n{table}\n{end}{tail}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
