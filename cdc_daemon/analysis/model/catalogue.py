"""The analysis's view of the database, as plain values. `feeds.catalogue` reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class TableName(NamedTuple):
    """The schema and name of a table, unquoted."""

    schema: str
    name: str

    def __str__(self) -> str:
        return dotted(*self)

    @property
    def quoted(self) -> str:
        """The name as people write it in a statement."""
        return ".".join(map(quoted_name, self))


def dotted(*names: str) -> str:
    """Return a qualified name for people and storage. `a` and `b.c` give another text than `a.b` and `c`."""
    return ".".join(_quoted(name) if "." in name or '"' in name else name for name in names)


def quoted_name(name: str) -> str:
    """Return an identifier as people write it in a statement: quoted where it must be."""
    plain = name.isascii() and name.isidentifier() and name.islower() and name not in _RESERVED
    return name if plain else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_RESERVED_WORDS = (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check "
    "collate collation column concurrently constraint create cross current_catalog current_date "
    "current_role current_schema current_time current_timestamp current_user default deferrable desc "
    "distinct do else end except false fetch for foreign freeze from full grant group having ilike in "
    "initially inner intersect into is isnull join lateral leading left like limit localtime "
    "localtimestamp natural not notnull null offset on only or order outer overlaps placing primary "
    "references returning right select session_user similar some symmetric system_user table "
    "tablesample then to trailing true union unique user using variadic verbose when where window with"
)
_RESERVED = frozenset(_RESERVED_WORDS.split())
"""Keywords that name no table or column unless they are quoted."""


RelationKind = Literal[
    "table", "temporary table", "materialized view", "foreign table", "system catalogue", "sequence"
]
"""What a relation is to a feed; partitioned tables are tables. Only tables can be followed, views are looked
into."""


IDENTICAL = frozenset(
    {
        "smallint",
        "integer",
        "bigint",
        "oid",
        "uuid",
        "boolean",
        "date",
        "timestamp without time zone",
        "timestamp with time zone",
    }
)
"""Types whose values are identical when `=` says that they are equal, so that any function of them is, too.
Not: numeric (1.0 = 1.00), float8 (-0 = 0), interval, citext, text under a nondeterministic collation."""

TEXTS = frozenset({"text", "character varying"})
"""Types of text; whether equal ones are identical depends on their collation."""


@dataclass(frozen=True)
class Column:
    """A column of a source table.

    Attributes:
        type: `format_type(atttypid, -1)`, schema-qualified unless in pg_catalog (`bpchar`, not `character`).
        carried_as: the built-in base type in which an entry carries it: `type` itself, or `text`.
        not_null: no NULL can be in it.
        virtual: it is computed when it is read, so capture does not see it.
        compared_as: the type as which its values compare: a domain's base type, `enum`, or empty for `type`.
        collation: by which its values are compared, as it stands in a statement; empty for the database's.
        deterministic: values that its collation calls equal have the same bytes.
    """

    name: str
    type: str
    carried_as: str
    not_null: bool
    virtual: bool = False
    compared_as: str = ""
    collation: str = ""
    deterministic: bool = True

    @property
    def as_text(self) -> bool:
        """Whether changelog entries hold the value's text."""
        return self.carried_as != self.type

    @property
    def comparison_type(self) -> str:
        """The type with which conditions compare the column."""
        return self.compared_as or self.type


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of a table."""

    columns: tuple[str, ...]
    references: TableName
    referenced_columns: tuple[str, ...]
    oid: int = 0


@dataclass(frozen=True)
class Table:
    """A relation that a feed reads.

    Attributes:
        oid: its pg_class.oid.
        columns: by name, in the table's order.
        primary_key: its columns, empty without one.
        unique_keys: column sets that are unique, not deferrable and without predicate (primary key included).
        indexes: the columns of each valid index without predicate, up to its first expression.
        index_expressions: the first expression of each such index that begins with one.
        partitioned: it has partitions, so no index of it can be built concurrently.
        rows: about how many, by the statistics; None where nobody knows.
        kind: anything but `table` is refused; its columns are there so that the rest can be judged.
        readable: the role may SELECT the columns that the query uses.
        row_security: `active` where it applies to the role, `forced` where it does although the role owns the
            table; else empty.
        unlogged: a crash empties it.
        foreign_parts: its partitions that are foreign tables, at any depth.
        numbered_keys: the unique keys by the columns' numbers (pg_attribute.attnum).
    """

    name: TableName
    oid: int
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    kind: RelationKind = "table"
    indexes: tuple[tuple[str, ...], ...] = ()
    readable: bool = True
    row_security: str = ""
    unlogged: bool = False
    foreign_parts: tuple[str, ...] = ()
    index_expressions: tuple[str, ...] = ()
    partitioned: bool = False
    rows: float | None = None
    numbered_keys: tuple[tuple[int, ...], ...] = ()

    def has_key_in(self, columns: Collection[str]) -> bool:
        """Whether these columns, by name, include a unique key."""
        return any(key and set(key) <= set(columns) for key in self.unique_keys)

    @property
    def watchable(self) -> bool:
        """Whether a trigger on the relation sees its changes."""
        return self.kind == "table"


@dataclass(frozen=True)
class View:
    """A view: a query under a name.

    Attributes:
        oid: its pg_class.oid.
        definition: its query, resolved like `FeedQuery.definition`.
        columns: the names of its columns, in order.
        readable: the role may SELECT from it.
    """

    name: TableName
    oid: int
    definition: str
    columns: tuple[str, ...]
    readable: bool = True


@dataclass(frozen=True)
class Function:
    """A function that a feed's query calls.

    Attributes:
        volatility: as declared (`pg_proc.provolatile`).
        kind: what it is to a SELECT; a procedure can't be called in one.
        returns_set: it may yield several rows for one call.
        arguments: the types of its parameters, as in `Column.type`.
        language: `pg_language.lanname`.
        body: its source, for functions in SQL and procedural languages.
        reads: relations recorded for its body (`BEGIN ATOMIC`).
        extension: the one that it belongs to.
        executable: the role may call it.
    """

    schema: str
    name: str
    volatility: Literal["immutable", "stable", "volatile"]
    kind: Literal["function", "aggregate", "window"] = "function"
    oid: int = 0
    returns_set: bool = False
    arguments: tuple[str, ...] = ()
    language: str = "internal"
    body: str = ""
    reads: tuple[TableName, ...] = ()
    extension: str | None = None
    executable: bool = True

    def __str__(self) -> str:
        """As PostgreSQL writes a call of it."""
        return self.name if self.schema == "pg_catalog" else f"{self.schema}.{self.name}"

    @property
    def compiled(self) -> bool:
        """Whether the source of the function is outside the database."""
        return self.language in ("c", "internal")


@dataclass(frozen=True)
class ForeignCode:
    """Code that a feed runs and that a role owns which is not trusted.

    Attributes:
        name: as people call it, a function with its arguments.
        definition: a digest of what it holds.
    """

    kind: Literal["view", "function", "domain", "operator"]
    name: str
    owner: str
    definition: str
    oid: int

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Code:
    """The objects of users that run with the daemon's rights when documents are computed.

    Attributes:
        functions, views, types, operators: by oid.
        foreign: those that a role owns which is not trusted.
        names, symbols: names, and names of operators, that stand in the query and in the bodies.
        schemas: where these names are looked for, whether they exist or not.
    """

    functions: tuple[int, ...] = ()
    views: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    operators: tuple[int, ...] = ()
    foreign: tuple[ForeignCode, ...] = ()
    names: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """The relations that a feed's query reads, and the functions that it calls.

    Attributes:
        tables: every relation but views.
        views: those that the query reads, and those that they read.
        dependencies: what PostgreSQL itself recorded for the query and these views (`pg_depend`): per
            relation, its columns.
        role: who reads, as it stands in a statement.
        code: what may run when documents are made.
        named_types: types in the query whose values are written as names of the catalogue (`regclass`).
        collated_domains: domains that have a collation of their own, as in `Column.type`, with it and with
            whether it is deterministic.
        creators: schemas of the search path in which untrusted roles may create, with these roles, as they
            stand in a statement.
        makers: the same for schemas that are not there: roles that may make them.
    """

    tables: Mapping[TableName, Table] = field(default_factory=dict[TableName, Table])
    functions: tuple[Function, ...] = ()
    dependencies: Mapping[TableName, frozenset[str]] = field(default_factory=dict[TableName, frozenset[str]])
    views: Mapping[TableName, View] = field(default_factory=dict[TableName, View])
    role: str = "cdc"
    code: Code = Code()
    creators: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    named_types: tuple[str, ...] = ()
    collated_domains: Mapping[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])
    makers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True)
class Output:
    """An output column of a feed's query.

    Attributes:
        type: as in `Column.type`.
        qualified: the type's name with its schema; empty where the server was not asked.
        equal, greater: the operators that its values are compared with, each with its schema.
        collation: as in `Column.collation`.
        compared_as: the enum of a domain over one, which has no operators of its own; else empty.
    """

    name: str
    type: str
    qualified: str = ""
    equal: str = "OPERATOR(pg_catalog.=)"
    greater: str = "OPERATOR(pg_catalog.>)"
    collation: str = ""
    compared_as: str = ""


@dataclass(frozen=True)
class FeedQuery:
    """The input of the analysis: one feed's query.

    Attributes:
        text: the user's SELECT, as in its file.
        definition: the same after PostgreSQL resolved every name (`pg_get_viewdef`, search_path pg_catalog).
        outputs: every output column, in order.
        key: output columns that identify a document.
        entity: output columns that identify the unit of recomputation.
        reads: tables that it declares for its functions; None if it declares nothing.
        search_path: the schemas with which the definition, and what is derived from it, means what the text
            means: pg_catalog, and those of operators that the server prints without their schema. None if no
            such path was found.
    """

    feed: str
    text: str
    definition: str
    outputs: tuple[Output, ...]
    key: tuple[str, ...]
    entity: tuple[str, ...]
    reads: tuple[TableName, ...] | None = None
    search_path: str | None = "pg_catalog"
