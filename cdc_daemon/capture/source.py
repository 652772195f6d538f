"""What capture must do for one source table, and the names of what it installs there."""

from __future__ import annotations

from dataclasses import dataclass

from cdc_daemon.analysis.catalogue import TableName
from cdc_daemon.analysis.conditions import Condition
from cdc_daemon.pg.session import object_name


@dataclass(frozen=True)
class Link:
    """A link column.

    Attributes:
        type: the column's own type, as `format_type` writes it.
        carried_as: schema-qualified internal name of the base type in which entries carry it.
        as_text: whether a cast is needed, because carried_as is text and the type is not.
    """

    name: str
    type: str
    carried_as: str
    as_text: bool

    @property
    def entry_column(self) -> str:
        """Its name in the changelog, which has a few columns of its own."""
        return f"{self.name}$link" if self.name in {"xid", "version_id", "changed_at", "rows"} else self.name


@dataclass(frozen=True)
class Source:
    """A source table as all feeds together want it captured.

    Attributes:
        relation: its oid.
        links: the columns that an entry carries, sorted by name.
        columns: the columns whose change matters, sorted; virtual generated ones replaced by their inputs.
        primary_key: pairs of column name and whether it must be compared as text; empty without a key.
        leaves: partitions and inheritance children, which need triggers of their own.
        filters: a row is captured if it fulfils one of them; None: every row is.
    """

    table: TableName
    relation: int
    links: tuple[Link, ...]
    columns: tuple[str, ...]
    primary_key: tuple[tuple[str, bool], ...]
    leaves: tuple[TableName, ...] = ()
    filters: tuple[Condition, ...] | None = None

    @property
    def changelog(self) -> str:
        return object_name("changelog", *self.table)

    @property
    def segments(self) -> tuple[str, str]:
        return f"{self.changelog}_0", f"{self.changelog}_1"

    @property
    def sequence(self) -> str:
        return f"{self.changelog}_version_id_seq"

    @property
    def function(self) -> str:
        return object_name("capture", *self.table)

    @property
    def triggered(self) -> tuple[TableName, ...]:
        """Every relation that carries the triggers: the table and what can be written past it."""
        return (self.table, *self.leaves)


TRIGGERS = ("insert", "update", "delete", "truncate")
