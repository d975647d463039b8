"""Changes of a workspace from outside: rows come, change and go, parents vanish, options turn."""

from __future__ import annotations

import dataclasses
import typing as t

from customerio_simulator.options import OptionError, Options

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customerio_simulator.tables import Key, Row, Table
    from customerio_simulator.workspace import Workspace


class EditError(ValueError):
    """A change that the workspace cannot make; the text says why."""


class Editor:
    """Changes a workspace.

    Args:
        workspace: What to change.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._orders: dict[str, t.Callable[..., dict[str, list[Key]] | None]] = {
            "add": self.add,
            "change": self.change,
            "remove": self.remove,
            "vanish": self.vanish,
            "members": self.members,
            "options": self.options,
        }

    def edit(self, orders: Mapping[str, t.Any]) -> dict[str, list[Key]]:
        """Carry out several orders, each named like a method of this class, one after the other.

        Returns:
            The keys of added rows, by table.

        Raises:
            EditError: An unknown order, table, key or option.
        """
        added: dict[str, list[Key]] = {}
        for name, order in orders.items():
            if name not in self._orders:
                msg = f"There is no {name!r}; there are {', '.join(self._orders)}."
                raise EditError(msg)
            added |= self._orders[name](order) or {}
        return added

    def add(self, tables: Mapping[str, int | Sequence[Row]]) -> dict[str, list[Key]]:
        """Add rows.

        Args:
            tables: For each table how many rows to make up, or the fields of each row, which are
                laid over a made-up one. Made-up activities and messages happen now.
        """
        added: dict[str, list[Key]] = {}
        for name, rows in tables.items():
            table = self._table(name)
            patches: Sequence[Row] = [{}] * rows if isinstance(rows, int) else rows
            made = [merged(self._workspace.make_up(name), patch) for patch in patches]
            for row in made:
                table.add(row)
            added[name] = [row[table.key] for row in made]
        return added

    def change(self, tables: Mapping[str, Mapping[str, Row]]) -> None:
        """Change rows.

        Args:
            tables: For each table and key the fields to set; objects are merged.
        """
        for name, patches in tables.items():
            table = self._table(name)
            for text, patch in patches.items():
                key = self._key(table, text)
                table.replace(key, merged(table.get(key) or {}, patch))

    def remove(self, tables: Mapping[str, Sequence[Key]]) -> None:
        """Remove rows.

        Args:
            tables: For each table the keys of rows that go.
        """
        for name, keys in tables.items():
            table = self._table(name)
            for key in [self._key(table, each) for each in keys]:
                table.remove(key)
                if table is self._workspace.people.table:
                    self._workspace.people.removed.add(str(key))

    def vanish(self, tables: Mapping[str, Sequence[Key]]) -> None:
        """Let parents vanish: they stay listed, and what belongs to them answers 404.

        Args:
            tables: For each table the keys of the parents.
        """
        for name, keys in tables.items():
            table = self._table(name)
            self._workspace.vanished |= {(name, self._key(table, each)) for each in keys}

    def members(self, segments: Mapping[str, Sequence[str]]) -> None:
        """Set who belongs to segments.

        Args:
            segments: For each segment's id the internal ids of all members.
        """
        table = self._table("segments")
        for segment, cio_ids in segments.items():
            self._workspace.rosters[self._key(table, segment)] = list(cio_ids)

    def options(self, options: Mapping[str, t.Any]) -> None:
        """Change options; those that rows are generated from stay as they are.

        Args:
            options: The values by name.

        Raises:
            EditError: There is no such option, or it is one of those.
        """
        for each in dataclasses.fields(Options):
            if each.metadata["generated"] and each.name in options:
                msg = f"{each.name} cannot change while the workspace lives: add or remove rows."
                raise EditError(msg)
        try:
            changed = dataclasses.replace(self._workspace.options, **options)
        except (TypeError, OptionError) as error:
            raise EditError(str(error)) from error
        self._workspace.options = changed

    def _table(self, name: str) -> Table:
        tables = self._workspace.tables
        if name not in tables:
            msg = f"There is no table {name!r}; there are {', '.join(sorted(tables))}."
            raise EditError(msg)
        return tables[name]

    def _key(self, table: Table, key: Key) -> Key:
        """Return a key in the table's type: the keys of a JSON object are text."""
        for candidate in (key, int(key) if str(key).isdecimal() else key):
            if table.get(candidate) is not None:
                return candidate
        msg = f"There is no row with the {table.key} {key!r}."
        raise EditError(msg)


def merged(row: Row, patch: Row) -> Row:
    """Return a row with fields laid over it; objects are merged one level deep."""
    result = dict(row)
    for name, value in patch.items():
        known = result.get(name)
        both = isinstance(value, dict) and isinstance(known, dict)
        result[name] = known | value if both else value
    return result
