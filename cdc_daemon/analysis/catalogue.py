"""What the analysis must know of the database, as plain values that somebody else reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class TableName(NamedTuple):
    """A table by its schema and name, both as the catalogue spells them (unquoted)."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


RelationKind = Literal["table", "materialized view", "foreign table", "system catalogue", "sequence"]
"""What a relation is to a feed; partitioned tables are tables. Only tables can be followed, views are looked
into."""


@dataclass(frozen=True)
class Column:
    """A column of a source table.

    Attributes:
        type: `format_type(atttypid, -1)`, schema-qualified unless in pg_catalog (`bpchar`, not `character`).
        carried_as: the built-in base type in which an entry carries it: `type` itself, or `text`.
        not_null: no NULL can be in it.
    """

    name: str
    type: str
    carried_as: str
    not_null: bool


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    references: TableName
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A relation that a feed reads.

    Attributes:
        oid: its pg_class.oid.
        columns: by name, in the table's order.
        primary_key: its columns, empty without one.
        unique_keys: column sets that are unique, not deferrable and without predicate (primary key included).
        indexes: the columns of each valid index without predicate, up to its first expression.
        kind: anything but `table` is refused; its columns are there so that the rest can be judged.
    """

    name: TableName
    oid: int
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    kind: RelationKind = "table"
    indexes: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class View:
    """A view: a query under a name.

    Attributes:
        oid: its pg_class.oid.
        definition: its query, resolved like `FeedQuery.definition`.
        columns: the names of its columns, in order.
    """

    name: TableName
    oid: int
    definition: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A function that a feed's query calls.

    Attributes:
        volatility: as declared (`pg_proc.provolatile`).
        kind: what it is to a SELECT; a procedure can't be called in one.
        returns_set: it may yield several rows for one call.
    """

    schema: str
    name: str
    volatility: Literal["immutable", "stable", "volatile"]
    kind: Literal["function", "aggregate", "window"] = "function"
    oid: int = 0
    returns_set: bool = False


@dataclass(frozen=True)
class Catalogue:
    """What the feed's query reads and calls.

    Attributes:
        tables: every relation but views.
        views: those that the query reads, and those that they read.
        dependencies: what PostgreSQL itself recorded for the query and these views (`pg_depend`): per
            relation, its columns.
    """

    tables: Mapping[TableName, Table] = field(default_factory=dict[TableName, Table])
    functions: tuple[Function, ...] = ()
    dependencies: Mapping[TableName, frozenset[str]] = field(default_factory=dict[TableName, frozenset[str]])
    views: Mapping[TableName, View] = field(default_factory=dict[TableName, View])


@dataclass(frozen=True)
class Output:
    """A column that the feed's query yields; `type` as in `Column.type`."""

    name: str
    type: str


@dataclass(frozen=True)
class FeedQuery:
    """One feed's query as the analysis takes it.

    Attributes:
        text: the user's SELECT, as in its file.
        definition: the same after PostgreSQL resolved every name (`pg_get_viewdef`, search_path pg_catalog).
        outputs: every output column, in order.
        key: output columns that identify a document.
        entity: output columns that identify the unit of recomputation.
    """

    feed: str
    text: str
    definition: str
    outputs: tuple[Output, ...]
    key: tuple[str, ...]
    entity: tuple[str, ...]
