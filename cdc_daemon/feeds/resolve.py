"""Composes routes into statements that find the entities of a delta."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.analysis.model.plan import JoinFilter, Route, RouteKind
from cdc_daemon.feeds.comparison import column, equals
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.text_form import array_parameter, collated_columns, from_text, texts
from cdc_daemon.pg.session import OWN_PATH
from cdc_daemon.pg.statements import statement

_AND = sql.SQL(" AND ")
_INTEGERS = {"smallint": 1 << 15, "integer": 1 << 31}
_UNION = sql.SQL("\nUNION ALL\n")


@dataclass(frozen=True)
class Entities:
    """A SELECT of entities in their own types, possibly with duplicates.

    Attributes:
        search_path: search path with which to run it: that of the user's query in it, or that of routes.
    """

    select: sql.Composed
    search_path: str


@dataclass(frozen=True)
class Path:
    """A route with the delta that it reads."""

    delta: sql.Composable
    route: Route


def narrowed(delta: sql.Composable, filters: Sequence[JoinFilter]) -> sql.Composable:
    """Return a delta without rows that can't count while the tables of these filters are unchanged."""
    if not filters:
        return delta
    conditions = (
        sql.SQL(each.sql.replace("%", "%%"))  # pyright: ignore[reportArgumentType] # rendered by the analysis
        for each in filters
    )
    return statement("feed.narrowed_delta", delta=delta, conditions=_AND.join(conditions))


def affected_entities(feed: FeedDefinition, paths: Sequence[Path]) -> Entities:
    """Return the entities that routes reach from their deltas (of `%(since)s`). No route may be `all`."""
    return Entities(_UNION.join(_path(feed, path) for path in paths), feed.definition_path)


def resolve(
    feed: FeedDefinition, affected: Entities, *, nullable: Container[str], limit: int
) -> sql.Composed:
    """Return a SELECT of these entities as text, each once, with the same search path.

    Args:
        limit: largest number of entities.
        nullable: entity columns whose NULLs are kept, because they may mean documents without an entity.
    """
    return statement(
        "feed.resolve",
        texts=texts(feed, feed.entity, of="a"),
        routes=affected.select,
        possible=possible(feed, nullable),
        limit=sql.Literal(limit),
    )


def without_entity(feed: FeedDefinition, nullable: Sequence[str]) -> sql.Composed:
    """Return a SELECT of up to three keys (JSON) of documents with a NULL in one of these entity columns."""
    return statement(
        "feed.without_entity",
        keys=columns(feed.identity, of="q"),
        query=feed.query(with_parameters=False),
        any_null=sql.SQL(" OR ").join(
            sql.SQL("{} IS NOT DISTINCT FROM NULL").format(sql.Identifier("q", name)) for name in nullable
        ),
    )


def add_to_backlog(feed: FeedDefinition, affected: Entities, *, keep_nulls: bool) -> sql.Composed:
    """Return an INSERT of these entities into the backlog, with the same search path.

    The statement returns their number, and the first and last position.

    Args:
        keep_nulls: whether a NULL entity raises (23502), because the query itself returns it. A route returns
            NULL for rows that reach no entity.
    """
    return statement(
        "feed.add_to_backlog",
        backlog=sql.Identifier(feed.backlog),
        columns=columns(feed.entity),
        entities=columns(feed.entity, of="a"),
        affected=affected.select,
        where=sql.SQL("") if keep_nulls else sql.SQL("WHERE ") + possible(feed, ()),
    )


def given(feed: FeedDefinition) -> Entities:
    """Return the entities of `entity_arrays`."""
    arrays = [array_parameter(feed, name, f"entity_{n}") for n, name in enumerate(feed.entity, start=1)]
    select = statement("verification.given", arrays=sql.SQL(", ").join(arrays), names=columns(feed.entity))
    return Entities(select, OWN_PATH)


def possible(feed: FeedDefinition, nullable: Container[str]) -> sql.Composed:
    """Return the condition that a row `a` can be an entity: not NULL, and in the range of the entity's type.

    PostgreSQL compares integers of different sizes without a cast, so a bigint link may be compared with an
    integer entity. A row with too large a number would stop the feed, although it reaches no document. A
    composite value with a NULL inside is an entity; for it both IS NULL and IS NOT NULL may be false.
    """
    conditions: list[sql.Composed] = []
    for name in feed.entity:
        column = sql.Identifier("a", name)
        limit = _INTEGERS.get(feed.types[name])
        condition = sql.SQL("{} IS DISTINCT FROM NULL").format(column)
        if limit is not None:
            bounds = column, sql.Literal(-limit), column, sql.Literal(limit - 1)
            condition = sql.SQL("{} OPERATOR(pg_catalog.>=) {} AND {} OPERATOR(pg_catalog.<=) {}").format(
                *bounds
            )
        if name not in nullable:
            conditions.append(condition)
        elif limit is not None:
            conditions.append(sql.SQL("({} IS NOT DISTINCT FROM NULL OR {})").format(column, condition))
    return _AND.join(conditions) if conditions else sql.SQL("TRUE").format()


def every_entity(feed: FeedDefinition) -> Entities:
    """Return all entities of the query and of the stored feed."""
    select = statement(
        "feed.every_entity",
        query_entities=columns(feed.entity, of="q"),
        query=feed.query(with_parameters=True),
        stored_entities=columns(feed.entity, of="s"),
        feed=sql.Identifier(feed.table),
    )
    return Entities(select, feed.search_path)


def own_entities(feed: FeedDefinition) -> Entities:
    """Return the entities that are stored or set aside, without running the feed's query."""
    select = statement(
        "feed.own_entities",
        stored_entities=columns(feed.entity, of="s"),
        feed=sql.Identifier(feed.table),
        failed_entities=sql.SQL(", ").join(
            from_text(feed, name, sql.SQL("e.entity[{}]").format(sql.Literal(n)))
            for n, name in enumerate(feed.entity, start=1)
        ),
        name=sql.Literal(feed.name),
    )
    return Entities(select, OWN_PATH)


def direct_entities(
    feed: FeedDefinition, table: tuple[str, str], links: Sequence[str], route: Route
) -> Entities:
    """Return the entities of all rows of a source table, by a direct route."""
    rows = statement("feed.every_row", links=columns(tuple(links), of="t"), table=sql.Identifier(*table))
    return Entities(_path(feed, Path(rows, route)), feed.definition_path)


def entities_where(feed: FeedDefinition, values: Mapping[str, str]) -> Entities:
    """Return the entities whose key or entity columns have these values (`%(value_<n>)s`)."""
    select = statement(
        "feed.entities_where",
        query_entities=columns(feed.entity, of="q"),
        query=feed.query(with_parameters=True),
        query_matches=_equal(feed, values, "q"),
        stored=stored_where(feed, values).select,
    )
    return Entities(select, feed.search_path)


def stored_where(feed: FeedDefinition, values: Mapping[str, str]) -> Entities:
    """Return such entities of stored documents alone."""
    select = statement(
        "feed.stored_where",
        stored_entities=columns(feed.entity, of="s"),
        feed=sql.Identifier(feed.table),
        stored_matches=_equal(feed, values, "s"),
    )
    return Entities(select, OWN_PATH)


def _equal(feed: FeedDefinition, values: Mapping[str, str], alias: str) -> sql.Composed:
    return _AND.join(equals(feed, name, alias, f"value_{n}") for n, name in enumerate(values, start=1))


def due(feed: FeedDefinition, *, limit: int) -> sql.Composed:
    """Return a SELECT of (entity as text …, its time, documents) of at most `limit` due documents."""
    return statement(
        "feed.due",
        texts=texts(feed, feed.entity, of="s"),
        entities=columns(feed.entity, of="s"),
        feed=sql.Identifier(feed.table),
        limit=sql.Literal(limit),
    )


def _path(feed: FeedDefinition, path: Path) -> sql.Composed:
    route = path.route
    text = sql.SQL(route.sql.replace("%", "%%"))  # pyright: ignore[reportArgumentType] # rendered by the analysis
    if route.kind is not RouteKind.PARTIAL:
        entities = collated_columns(feed, feed.entity, of="r")
        return statement("feed.route", delta=path.delta, route=text, entities=entities)

    def matches(alias: str) -> sql.Composed:
        # PostgreSQL pushes one ANY for each column down into the query. Together they may select more
        # entities than the pairs do; too many are allowed, too few are not.
        return _AND.join(
            sql.SQL("{} {} ANY (ARRAY(SELECT {} FROM bound))").format(
                column(feed, name, alias), feed.equal(name), column(feed, name, "bound")
            )
            for name in route.bound
        )

    return statement(
        "feed.partial_route",
        delta=path.delta,
        bound=collated_columns(feed, route.bound, of="r"),
        route=text,
        query_entities=columns(feed.entity, of="q"),
        query=feed.resolved_query(),
        query_matches=matches("q"),
        stored_entities=columns(feed.entity, of="s"),
        feed=sql.Identifier(feed.table),
        stored_matches=matches("s"),
    )


def next_of_backlog(feed: FeedDefinition, *, limit: int) -> sql.Composed:
    """Return a SELECT of at most `limit` (position, force, entity as text …) after position `%(after)s`."""
    return statement(
        "feed.next_of_backlog",
        texts=texts(feed, feed.entity, of="p"),
        backlog=sql.Identifier(feed.backlog),
        limit=sql.Literal(limit),
    )
