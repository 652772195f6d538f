"""The result of the analysis: how a changed row of each source table reaches the feed's entities."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.conditions import Condition
from cdc_daemon.verdicts import VERDICTS, Accepting


class RouteKind(StrEnum):
    """How precise a route is, best first."""

    DIRECT = "direct"
    JOIN = "join"
    PARTIAL = "partial"
    ALL = "all"


@dataclass(frozen=True)
class Visit:
    """A table that a route reads, and the columns by which it finds rows.

    Attributes:
        columns: those that are compared for equality, sorted.
        expressions: those over its columns that are, as they would stand in an index of it.
        constants: columns that are compared with a constant: an index may begin with them.
    """

    table: TableName
    columns: tuple[str, ...]
    expressions: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """A SELECT from the delta of one occurrence to values of some entity columns.

    Attributes:
        bound: the entity columns that it yields, in the entity's order; empty for `all`.
        sql: a SELECT that reads the relation `delta` (the occurrence's link columns under their own names
            and types, one row per changed row) and yields the bound columns under the entity columns' names,
            NULLs possible, duplicates possible. Empty for `all`.
        reason: why it is not better than it is, for `partial` and `all`.
        visits: the tables that it reads besides the delta.
        opaque: it reads subqueries, too, or goes through a recursion, of which statistics tell nothing.
    """

    kind: RouteKind
    bound: tuple[str, ...]
    sql: str
    reason: str | None = None
    visits: tuple[Visit, ...] = ()
    opaque: bool = False


@dataclass(frozen=True)
class JoinFilter:
    """A condition that every relevant changed row fulfils while no row of another table changes.

    Attributes:
        table: that other table.
        sql: a condition on a row `delta`.
    """

    table: TableName
    sql: str


@dataclass(frozen=True)
class Occurrence:
    """One occurrence of a source table in the query.

    Attributes:
        alias: the name it has in the query, to tell two occurrences of one table apart; inside a view, that
            view's name stands before it.
        links: the link columns that its routes need, sorted.
        columns: every column whose change can change a document or its membership, sorted.
        routes: their union reaches every entity that a changed row touches.
        line, column: 1-based location in the user's text; None where it can't be told. For a table inside a
            view: the view's.
        row_filter: what a row fulfils that can matter here; None if any row can.
        join_filters: what it fulfils besides, each while a table beside it stands still.
    """

    table: TableName
    alias: str
    links: tuple[str, ...]
    columns: tuple[str, ...]
    routes: tuple[Route, ...]
    line: int | None = None
    column: int | None = None
    row_filter: Condition | None = None
    join_filters: tuple[JoinFilter, ...] = ()

    @property
    def kind(self) -> RouteKind:
        """The kind of the least precise route, which decides what a change costs."""
        order = list(RouteKind)
        return max((route.kind for route in self.routes), key=order.index)

    @property
    def reason(self) -> str | None:
        """Why the occurrence is `partial` or `all`."""
        return next((route.reason for route in self.routes if route.kind == self.kind and route.reason), None)


@dataclass(frozen=True)
class Verdict:
    """A refusal or a warning about a construct.

    Attributes:
        name: one of `VERDICTS`.
        line, column: 1-based location in the user's text, where known.
        accepted: the feed's configuration allows it (`accept`).
    """

    name: str
    what: str
    hint: str
    line: int | None = None
    column: int | None = None
    accepted: bool = False

    @property
    def refusal(self) -> bool:
        """Whether the verdict keeps the feed from being installed."""
        return VERDICTS[self.name].refused and not self.accepted

    @property
    def unwatched(self) -> bool:
        """Whether the user accepted that some changes are not seen."""
        return self.accepted and VERDICTS[self.name].accepting is Accepting.UNWATCHED


@dataclass(frozen=True)
class Reading:
    """A view's definition, and the same as the analysis understood it."""

    definition: str
    understood: str


@dataclass(frozen=True)
class Analysis:
    """What a feed's query depends on.

    Attributes:
        definition: the query as it was analysed (`FeedQuery.definition`).
        search_path: see `FeedQuery.search_path`; routes are run with it.
        understood: the definition as the analysis read it, written anew; None if it could not be read. In the
        cross-check PostgreSQL compares it with the definition, so that nothing misread is followed.
        views: the same for each view that was looked into.
        nullable: the entity columns that nothing in the catalogue or the query keeps from being NULL. A
        document with such a NULL has no entity: the feed must stop, not lose it.
        unwatched: what it reads and no trigger can watch; no occurrence is there for it.
        unread: tables that only a CTE names which nothing reads: PostgreSQL records them for the query, and
        no change of them changes a document.
        lookups: the tables in which a recomputation looks an entity up; one with an index is enough.
        joined_lookups: the tables that a recomputation reaches from there, each by its own columns.
        unique_key: the catalogue proves that no two documents have one key.
        nullable_key: the key columns that nothing in the catalogue or the query keeps from being NULL.
        null_extended: the tables, as `schema.table`, a change of which may yield a NULL entity by an outer
        join alone; no route tells of it, for a route yields entities.
    """

    feed: str
    occurrences: tuple[Occurrence, ...]
    verdicts: tuple[Verdict, ...] = ()
    definition: str = ""
    understood: str | None = None
    views: tuple[Reading, ...] = ()
    nullable: tuple[str, ...] = ()
    null_extended: frozenset[str] = frozenset()
    unwatched: frozenset[TableName] = frozenset()
    unread: frozenset[TableName] = frozenset()
    lookups: tuple[Visit, ...] = ()
    joined_lookups: tuple[Visit, ...] = ()
    unique_key: bool = False
    nullable_key: tuple[str, ...] = ()
    search_path: str | None = "pg_catalog"
