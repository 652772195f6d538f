"""What capture must do for one source table, and the names of what it installs there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdc_daemon.analysis.catalogue import TableName
from cdc_daemon.analysis.conditions import Condition, columns_of
from cdc_daemon.capture.names import CaptureNames

_OWN_COLUMN = re.compile(r"(?:xid|version_id|changed_at|rows)(?:\$link)*")


@dataclass(frozen=True)
class Link:
    """A link column.

    Attributes:
        type: the column's own type, as `format_type` writes it.
        carried_as: schema-qualified internal name of the base type in which entries carry it.
        as_text: the value's text is carried, because the type is not a built-in base type.
        in_arrays: an array of such texts is read back at once, as an array of the type.
        collation: of the column, as in `Column.collation`; an array has none.
    """

    name: str
    type: str
    carried_as: str
    as_text: bool
    in_arrays: bool = False
    collation: str = ""

    @property
    def entry_column(self) -> str:
        """Its name in the changelog, which has a few columns of its own."""
        return f"{self.name}$link" if _OWN_COLUMN.fullmatch(self.name) else self.name


@dataclass(frozen=True)
class Source:
    """A source table as all feeds together want it captured.

    Attributes:
        relation: its oid.
        names: of its changelog and its capture function.
        links: the columns that an entry carries, sorted by name.
        columns: the columns whose change matters, sorted; virtual generated ones replaced by their inputs.
        primary_key: pairs of column name and whether it must be compared as text; empty without a key.
        types: pairs of column name and schema-qualified internal type, sorted: those links, key columns and
            columns of filters that have a built-in base type.
        collations: pairs of column name and collation, sorted: columns of filters that are read from their
            text and have a collation of their own.
        leaves: partitions and inheritance children, at any depth.
        partitioned: the tables that it is a partition of, at any depth.
        inherited: the tables that it inherits from otherwise.
        filters: a row is captured if it fulfils one of them; None: every row is.
    """

    table: TableName
    relation: int
    names: CaptureNames
    links: tuple[Link, ...]
    columns: tuple[str, ...]
    primary_key: tuple[tuple[str, bool], ...]
    leaves: tuple[TableName, ...] = ()
    partitioned: tuple[TableName, ...] = ()
    inherited: tuple[TableName, ...] = ()
    filters: tuple[Condition, ...] | None = None
    types: tuple[tuple[str, str], ...] = ()
    collations: tuple[tuple[str, str], ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """Every column that the capture function reads, sorted."""
        filtered = (name for condition in self.filters or () for name in columns_of(condition))
        keys = (name for name, _ in self.primary_key)
        return tuple(sorted({*self.columns, *(link.name for link in self.links), *keys, *filtered}))

    @property
    def pinned(self) -> bool:
        """Whether the capture function has to run with a search path of its own."""
        return any(map(needs_pinned_path, self.read))

    @property
    def changelog(self) -> str:
        return self.names.changelog

    @property
    def segments(self) -> tuple[str, str]:
        return f"{self.changelog}_0", f"{self.changelog}_1"

    @property
    def sequence(self) -> str:
        return f"{self.changelog}_version_id_seq"

    @property
    def function(self) -> str:
        return self.names.function

    @property
    def triggered(self) -> tuple[tuple[TableName, str], ...]:
        """Every relation that carries triggers, with their events.

        A statement fires the triggers of the relation that it names, whichever table its rows lie in.
        TRUNCATE fires those of every relation that it empties. No row that is inserted into a table lands in
        one that inherits from it, unless that is a partition.
        """
        of_relations: list[tuple[TableName, tuple[str, ...]]] = [
            *((table, TRIGGERS) for table in (self.table, *self.leaves)),
            *((table, ("insert", "update", "delete")) for table in self.partitioned),
            *((table, ("update", "delete")) for table in self.inherited),
        ]
        return tuple((table, event) for table, events in of_relations for event in events)


def needs_pinned_path(column: str) -> bool:
    """Whether this name alone could mean a variable of the capture function once the column is gone.

    Those are plpgsql's own (`found`, `tg_op`, …) and ours (`cdc_…`). Such a column is read as
    `cdc_table.found`, which PostgreSQL tries as a function then: with the search path pinned it finds none.
    """
    return column in {"found", "old", "new"} or column.startswith(("tg_", "cdc_"))


TRIGGERS = ("insert", "update", "delete", "truncate")
