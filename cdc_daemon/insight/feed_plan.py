"""How changes reach the documents of a feed: the plan as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdc_daemon.analysis.model.catalogue import Catalogue
from cdc_daemon.analysis.model.conditions import text
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind, Verdict, Visit
from cdc_daemon.analysis.report.forecast import Forecast, about
from cdc_daemon.analysis.report.indexes import create_index, served
from cdc_daemon.workers.plan_costs import PlanCosts


@dataclass(frozen=True)
class PlannedVisit:
    """A table in which a route, or a recomputation, looks rows up.

    Attributes:
        columns: columns or expressions by which; empty if it reads every row.
        indexed: whether an index serves; None for a view, or if it reads every row.
        create_index: a statement that makes the missing index.
    """

    table: str
    columns: Sequence[str]
    indexed: bool | None
    create_index: str | None


@dataclass(frozen=True)
class PlannedRoute:
    """A route from a changed row to the entities.

    Attributes:
        kind: `direct`, `join`, `partial` or `all`.
        bound: the entity columns that it yields; empty if every entity is affected.
        reason: why it is no better; None if it is as good as can be.
    """

    kind: str
    bound: Sequence[str]
    sql: str
    reason: str | None
    visits: Sequence[PlannedVisit]


@dataclass(frozen=True)
class PlannedOccurrence:
    """A place where the query reads a table.

    Attributes:
        alias: the name in the query.
        line, column: where in the query; None if the query reads the table through a view.
        kind: the kind of its worst route.
        links, columns: columns that the trigger captures, and those whose change counts.
        rows: the condition that a changed row must fulfil to count; None: every row counts.
        reach: how many entities a changed row reaches, in words; `typical` and `worst` are the numbers.
    """

    table: str
    alias: str
    line: int | None
    column: int | None
    kind: str
    links: Sequence[str]
    columns: Sequence[str]
    rows: str | None
    reach: str
    typical: float | None
    worst: float | None
    routes: Sequence[PlannedRoute]


@dataclass(frozen=True)
class PlannedVerdict:
    """What the analysis says of a construct of the query (see `Verdict`).

    Attributes:
        level: `refused`, `accepted`, or `warning`.
    """

    name: str
    level: str
    what: str
    hint: str
    line: int | None
    column: int | None


@dataclass(frozen=True)
class PlannedFeed:
    """The plan of a feed.

    Attributes:
        entities: about how many it has, as the planner estimates; None if it can't.
        query: the SELECT as it is written.
        lookups: where a recomputation of an entity looks rows up.
        missing_indexes: statements that make the indexes that routes and recomputations lack.
    """

    key: Sequence[str]
    entity: Sequence[str]
    entities: float | None
    query: str
    occurrences: Sequence[PlannedOccurrence]
    lookups: Sequence[PlannedVisit]
    verdicts: Sequence[PlannedVerdict]
    missing_indexes: Sequence[str]


def planned_feed(costs: PlanCosts) -> PlannedFeed:
    """Return a plan with its costs as plain values."""
    definition, analysis, catalogue = costs.plan.definition, costs.plan.analysis, costs.plan.catalogue
    occurrences = [
        _occurrence(occurrence, forecast, catalogue)
        for occurrence, forecast in zip(analysis.occurrences, costs.forecasts, strict=True)
    ]
    lookups = [_visit(visit, catalogue) for visit in analysis.lookups]
    visits = [*(visit for place in occurrences for route in place.routes for visit in route.visits), *lookups]
    missing = dict.fromkeys(visit.create_index for visit in visits if visit.create_index is not None)
    return PlannedFeed(
        definition.key,
        definition.entity,
        costs.entities,
        definition.text,
        occurrences,
        lookups,
        [_verdict(verdict) for verdict in analysis.verdicts],
        list(missing),
    )


def reached(occurrence: Occurrence, forecast: Forecast) -> str:
    """Return in words how many entities one changed row reaches."""
    if occurrence.kind is RouteKind.ALL:
        return "every entity" if forecast.worst is None else f"every entity, about {entities(forecast.worst)}"
    if forecast.not_analysed:
        tables = ", ".join(table.quoted for table in forecast.not_analysed)
        return f"a number that can't be told: no statistics; run ANALYZE {tables}"
    if forecast.guessed and forecast.typical is not None:
        return f"about {entities(forecast.typical)}, as PostgreSQL's planner guesses"
    if forecast.typical is None or forecast.worst is None:
        return "a number that statistics don't tell (the route passes a subquery, a view or an expression)"
    typical, worst = about(forecast.typical), about(forecast.worst)
    more = "" if typical == worst else f", at worst {worst}"
    return f"about {entities(forecast.typical)}{more}"


def entities(number: float) -> str:
    """Return a rounded number of entities in words."""
    shown = about(number)
    return f"{shown} entity" if shown == "1" else f"{shown} entities"


def _occurrence(occurrence: Occurrence, forecast: Forecast, catalogue: Catalogue) -> PlannedOccurrence:
    return PlannedOccurrence(
        str(occurrence.table),
        occurrence.alias,
        occurrence.line or None,
        occurrence.column or None,
        str(occurrence.kind),
        occurrence.links,
        occurrence.columns,
        None if occurrence.row_filter is None else text(occurrence.row_filter),
        reached(occurrence, forecast),
        forecast.typical,
        forecast.worst,
        [_route(route, catalogue) for route in occurrence.routes],
    )


def _route(route: Route, catalogue: Catalogue) -> PlannedRoute:
    visits = [_visit(visit, catalogue) for visit in route.visits]
    return PlannedRoute(str(route.kind), route.bound, route.sql, route.reason, visits)


def _visit(visit: Visit, catalogue: Catalogue) -> PlannedVisit:
    by = (*visit.columns, *visit.expressions)
    table = catalogue.tables.get(visit.table)
    indexed = None if table is None or not by else served(visit, table)
    wanted = create_index(visit, table) if table is not None and indexed is False else None
    return PlannedVisit(str(visit.table), by, indexed, wanted)


def _verdict(verdict: Verdict) -> PlannedVerdict:
    level = "refused" if verdict.refusal else "accepted" if verdict.accepted else "warning"
    return PlannedVerdict(verdict.name, level, verdict.what, verdict.hint, verdict.line, verdict.column)
