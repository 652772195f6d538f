"""The analysis of one feed's query: read, derive, filter, judge, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from cdc_daemon.analysis.capture_filters.join_filters import FoundFilter, join_filters
from cdc_daemon.analysis.capture_filters.row_filters import names_moments, row_filter
from cdc_daemon.analysis.completed import completed, table_locations
from cdc_daemon.analysis.derive.membership import is_null
from cdc_daemon.analysis.derive.partial_route import best
from cdc_daemon.analysis.derive.route_builder import Fragment, Statement, statement
from cdc_daemon.analysis.derive.scope_plan import Demand
from cdc_daemon.analysis.derive.walk import walk
from cdc_daemon.analysis.derive.work_limit import Work
from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery, TableName
from cdc_daemon.analysis.model.conditions import Condition, any_of
from cdc_daemon.analysis.model.dialect import Unreadable, parse, parse_with_reading
from cdc_daemon.analysis.model.plan import Analysis, Occurrence, Route, RouteKind
from cdc_daemon.analysis.model.scopes import (
    WHOLE_ROW,
    Body,
    Scope,
    Source,
    scopes_of,
)
from cdc_daemon.analysis.read.build import Builder
from cdc_daemon.analysis.read.context import BuildContext, NotUnderstood
from cdc_daemon.analysis.read.functions import Functions
from cdc_daemon.analysis.read.nullability import output_never_null
from cdc_daemon.analysis.report.reasons import reason
from cdc_daemon.analysis.source_text import Location, Locations, SqlText, tables_read


def analyse(query: FeedQuery, catalogue: Catalogue) -> Analysis:
    """Derive the routes from every table of a query to the feed's entities.

    Args:
        query: the feed's query. `definition` is analysed; `text` gives verdicts their locations.
        catalogue: it must hold every table that the definition reads.

    Returns:
        The occurrences of all tables, in order. If the query is not understood, or the analysis
        fails by a defect of its own, each occurrence has the route `all`.

    Raises:
        FeedError: the query reads a system column.
    """
    read = attempted(lambda: _read(query), str)
    if isinstance(read, str):
        return completed(_everything(query, catalogue, read, None), query, catalogue, None, None)
    tree, understood = read
    text = BuildContext(query.feed, catalogue, Functions(catalogue))
    body = attempted(lambda: _built(text, tree), str)
    if isinstance(body, str):
        return completed(_everything(query, catalogue, body, understood), query, catalogue, tree, None)
    analysis = attempted(
        lambda: replace(_routed(query, tree, text, body), understood=understood),
        lambda failure: _everything(query, catalogue, failure, understood),
    )
    return completed(analysis, query, catalogue, tree, body)


def _read(query: FeedQuery) -> tuple[exp.Query, str] | str:
    """The tree of the definition and the text as it was understood, or the reason why it can't be parsed."""
    try:
        return parse_with_reading(query.definition)
    except Unreadable as error:
        return f"the query can't be parsed: {error}"


def _built(text: BuildContext, tree: exp.Query) -> Body | str:
    """The scopes of a query, or the reason why it is not understood."""
    try:
        return Builder(text).build(tree.copy())
    except (NotUnderstood, Unreadable) as reason:
        return str(reason)


def _routed(query: FeedQuery, tree: exp.Query, text: BuildContext, body: Body) -> Analysis:
    """The analysis with the routes of every table."""
    positions = {name: n for n, name in reversed(list(enumerate(body.names)))}
    collected: dict[int, _Collected] = {}
    beside = Locations(SqlText(query.text), SqlText(query.definition))
    moments = not names_moments(query.text)
    for scope in scopes_of(body):
        for source in scope.sources.values():
            if source.table is not None:
                found = collected.setdefault(source.origin, _Collected(source, beside))
                found.columns |= _columns(scope, source)
                found.filters.append(row_filter(scope, source, moments=moments))
                found.join_filters.append(join_filters(scope, source))

    overlooked = _overlooked(text, collected)
    for found in collected.values():
        if found.source.table is not None and found.source.table.name in overlooked:
            found.filters.append(None)
    null_extended: set[str] = set()
    entity = frozenset(positions[name] for name in query.entity)
    work = Work()
    # First all routes, then their statements: those of an exhausted occurrence are never used.
    routes = list(best(walk(body, Demand(entity, entity), work)))
    for route in routes:
        fragment, values = route.fragment, route.values
        if work.exhausted(fragment.source.origin):
            continue
        bound = {name: values[positions[name]].tree for name in query.entity if positions[name] in values}
        if any(map(is_null, bound.values())):
            if fragment.source.table is not None:
                null_extended.add(str(fragment.source.table.name))
            continue
        collected[fragment.source.origin].add(
            query, body, positions, fragment, statement(fragment, bound), tuple(bound)
        )
    for origin, found in collected.items():
        if work.exhausted(origin):
            found.give_up()
    locations = table_locations(query, tree)
    occurrences = tuple(found.occurrence(locations.get(found.source.read_at)) for found in collected.values())
    nullable = tuple(name for name in query.entity if not output_never_null(body, positions[name]))
    return Analysis(
        query.feed,
        _number_aliases(occurrences),
        (),
        query.definition,
        views=tuple(text.readings.values()),
        nullable=nullable,
        null_extended=frozenset(null_extended) if nullable else frozenset(),
        unread=_unread(text),
    )


_NO_WAY = "no row of it reaches an entity by what the query says; taken as all to be safe"

_TOO_MANY_WAYS = (
    "more ways lead from it than are followed: through windows, DISTINCT ON, grouping sets or NOT IN of "
    "queries that stand in one another. PARTITION all of them BY one column, or by the entity"
)


@dataclass
class _Collected:
    """The results for one occurrence of a table."""

    source: Source
    locations: Locations
    columns: set[str] = field(default_factory=set[str])
    routes: list[tuple[Route, Statement]] = field(default_factory=list[tuple[Route, Statement]])
    filters: list[Condition | None] = field(default_factory=list[Condition | None])
    join_filters: list[frozenset[FoundFilter]] = field(default_factory=list[frozenset[FoundFilter]])

    def add(
        self,
        query: FeedQuery,
        body: Body,
        positions: dict[str, int],
        fragment: Fragment,
        made: Statement,
        bound: tuple[str, ...],
    ) -> None:
        if made.unconditional:
            bound = ()
        missing = [name for name in query.entity if name not in bound]
        outputs = [positions[name] for name in missing]
        why = reason(fragment, body, outputs, missing, self.locations) if missing else None
        if not bound:
            route = Route(RouteKind.ALL, (), "", why)
        else:
            whole = RouteKind.DIRECT if made.direct else RouteKind.JOIN
            kind = RouteKind.PARTIAL if missing else whole
            route = Route(kind, bound, made.sql, why, made.visits, made.opaque)
        if any(old.bound == bound and before.includes(made) for old, before in self.routes):
            return
        self.routes = [
            (old, before) for old, before in self.routes if not (old.bound == bound and made.includes(before))
        ]
        self.routes.append((route, made))

    def give_up(self) -> None:
        """Replace the routes by `all`, because some routes were not followed."""
        route = Route(RouteKind.ALL, (), "", _TOO_MANY_WAYS)
        self.routes = [(route, statement(Fragment(self.source), {}))]

    def occurrence(self, location: Location | None) -> Occurrence:
        every = [route for route, _ in self.routes if route.kind is RouteKind.ALL]
        kept = [(route, made) for route, made in self.routes if not every or route is every[0]]
        table = self.source.table
        if table is None:
            raise AssertionError("only tables are collected")
        links: set[str] = set()
        for route, made in kept:
            if route.kind is not RouteKind.ALL:
                links |= made.links
        narrowed = [] if every else self._join_filters()
        links.update(*(found.links for found in narrowed))
        return Occurrence(
            table.name,
            self.source.alias,
            tuple(sorted(links)),
            tuple(sorted(self.columns | links)),
            tuple(route for route, _ in kept) or (Route(RouteKind.ALL, (), "", _NO_WAY),),
            line=location.line if location else None,
            column=location.column if location else None,
            row_filter=self._row_filter(),
            join_filters=tuple(found.filter for found in narrowed),
        )

    def _join_filters(self) -> list[FoundFilter]:
        """The filters that hold in each SELECT that reads the table: a CTE that is read twice has two."""
        first, *others = self.join_filters
        return sorted(first.intersection(*others), key=lambda found: found.filter.sql)

    def _row_filter(self) -> Condition | None:
        known = [condition for condition in self.filters if condition is not None]
        return any_of(known) if len(known) == len(self.filters) else None


def _overlooked(text: BuildContext, collected: Mapping[int, _Collected]) -> set[TableName]:
    """The tables with more occurrences than the analysis followed. Every row of them is captured."""
    missed = {name for origin, name in text.occurrences.items() if origin not in collected}
    views = text.catalogue.views.keys() & missed
    return missed if views <= text.readings.keys() else set(text.catalogue.tables)


def _unread(text: BuildContext) -> frozenset[TableName]:
    """The tables that only unused CTEs name, looking into views."""
    found: set[TableName] = set()
    waiting = list(text.unread)
    while waiting:
        name = waiting.pop()
        view = text.catalogue.views.get(name)
        if name not in found and view is not None:
            try:
                waiting += [TableName(node.db, node.name) for node in tables_read(parse(view.definition))]
            except Unreadable:
                return frozenset()
        found.add(name)
    return frozenset(found).difference(text.occurrences.values())


def _columns(scope: Scope, source: Source) -> set[str]:
    return {source.real[name] for name in scope.used[source.uid] if name != WHOLE_ROW}


def _number_aliases(occurrences: Sequence[Occurrence]) -> tuple[Occurrence, ...]:
    """Number the occurrences of one table that have the same alias in different subqueries."""
    numbers: dict[str, int] = {}
    result: list[Occurrence] = []
    for occurrence in occurrences:
        numbers[occurrence.alias] = numbers.get(occurrence.alias, 0) + 1
        number = numbers[occurrence.alias]
        alias = occurrence.alias if number == 1 else f"{occurrence.alias}#{number}"
        result.append(replace(occurrence, alias=alias))
    return tuple(result)


def _everything(query: FeedQuery, catalogue: Catalogue, reason: str, understood: str | None) -> Analysis:
    """The analysis of a query that is not understood: every column of every table leads to all entities."""
    route = Route(RouteKind.ALL, (), "", reason)
    occurrences = tuple(
        Occurrence(name, str(name), (), tuple(sorted(table.columns)), (route,))
        for name, table in catalogue.tables.items()
    )
    return Analysis(query.feed, occurrences, (), query.definition, understood, nullable=query.entity)
