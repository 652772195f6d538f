"""How capture works for a source table, and the names of the objects that it installs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.conditions import Condition, columns_of
from cdc_daemon.capture.names import CaptureNames

_OWN_COLUMN = re.compile(r"(?:xid|version_id|changed_at|rows|cdc\$(?:operation|application|user))(?:\$link)*")


@dataclass(frozen=True)
class Link:
    """A link column.

    Attributes:
        type: the column's own type, as `format_type` writes it.
        carried_as: schema-qualified internal name of the base type in which entries carry the value.
        as_text: whether entries carry the value's text, because the type is not a built-in base type.
        in_arrays: whether an array of such texts can be converted at once into an array of the type.
        collation: collation of the column, as in `Column.collation`; an array has none.
    """

    name: str
    type: str
    carried_as: str
    as_text: bool
    in_arrays: bool = False
    collation: str = ""

    @property
    def entry_column(self) -> str:
        """Name of the link's column in the changelog. It differs from the changelog's own columns."""
        return f"{self.name}$link" if _OWN_COLUMN.fullmatch(self.name) else self.name


@dataclass(frozen=True)
class Source:
    """How a source table must be captured for all feeds together.

    Attributes:
        relation: oid of the table.
        names: names of its changelog and its capture function.
        links: the columns that an entry carries, sorted by name.
        columns: the columns whose change counts, sorted. Virtual generated columns are replaced by their
            inputs.
        primary_key: pairs of a column name and whether to compare the column as text; empty without a key.
        types: pairs of a column name and a schema-qualified internal type, sorted: links, key columns and
            filter columns that have a built-in base type.
        collations: pairs of a column name and a collation, sorted: filter columns that are compared by their
            text and have a collation of their own.
        leaves: partitions and inheritance children, at any depth.
        partitioned: the tables of which it is a partition, at any depth.
        inherited: the tables from which it inherits otherwise.
        filters: conditions, of which a captured row fulfils at least one; None captures every row.
        context: whether entries carry the application_name and the session user of the writer.
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
    context: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that the capture function reads, sorted."""
        filtered = (name for condition in self.filters or () for name in columns_of(condition))
        keys = (name for name, _ in self.primary_key)
        return tuple(sorted({*self.columns, *(link.name for link in self.links), *keys, *filtered}))

    @property
    def pinned(self) -> bool:
        """Whether the capture function needs a pinned search path."""
        return any(map(needs_pinned_path, self.read))

    @property
    def changelog(self) -> str:
        """Name of the changelog."""
        return self.names.changelog

    @property
    def segments(self) -> tuple[str, str]:
        """Names of the changelog's two segments."""
        return f"{self.changelog}_0", f"{self.changelog}_1"

    @property
    def sequence(self) -> str:
        """Name of the sequence of the changelog's `version_id`."""
        return f"{self.changelog}_version_id_seq"

    @property
    def function(self) -> str:
        """Name of the capture function."""
        return self.names.function

    @property
    def triggered(self) -> tuple[tuple[TableName, str], ...]:
        """All relations that need triggers, with the events.

        A statement fires the triggers of the relation that it names, whichever table holds the rows. TRUNCATE
        fires those of every relation that it empties. An INSERT into a table puts no row into a table that
        inherits from it, unless that is a partition.
        """
        of_relations: list[tuple[TableName, tuple[str, ...]]] = [
            *((table, TRIGGERS) for table in (self.table, *self.leaves)),
            *((table, ("insert", "update", "delete")) for table in self.partitioned),
            *((table, ("update", "delete")) for table in self.inherited),
        ]
        return tuple((table, event) for table, events in of_relations for event in events)


def needs_pinned_path(column: str) -> bool:
    """Whether a column's name could mean a variable of the capture function after the column is dropped.

    These are plpgsql's own variables (`found`, `tg_op`, …) and ours (`cdc_…`). The function reads such a
    column as `cdc_table.found`. If the column is dropped, PostgreSQL looks for a function of that name. With
    a pinned search path it finds none.
    """
    return column in {"found", "old", "new"} or column.startswith(("tg_", "cdc_"))


TRIGGERS = ("insert", "update", "delete", "truncate")
