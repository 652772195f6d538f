"""Prints a feed's plan: each place where its query reads a table, and the route of a change there."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.model.catalogue import Catalogue
from cdc_daemon.analysis.model.conditions import text
from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind, Verdict, Visit
from cdc_daemon.analysis.report.forecast import Forecast, about
from cdc_daemon.analysis.report.indexes import create_index, served
from cdc_daemon.analysis.stages import stages
from cdc_daemon.feeds.explain import Explained
from cdc_daemon.insight.feed_plan import entities, reached
from cdc_daemon.verdicts import Accepting
from cdc_daemon.workers.plan_costs import PlanCosts
from cdc_daemon.workers.planning import FeedPlan


def lines_of_plan(costs: PlanCosts) -> Iterator[str]:
    """Yield the lines of one feed's plan."""
    definition, analysis, catalogue = costs.plan.definition, costs.plan.analysis, costs.plan.catalogue
    entity = "" if definition.entity == definition.key else f", entity ({', '.join(definition.entity)})"
    number = "" if costs.entities is None else f", about {entities(costs.entities)}"
    yield f"feed {definition.name}, key ({', '.join(definition.key)}){entity}{number}"
    for occurrence, forecast in zip(analysis.occurrences, costs.forecasts, strict=True):
        explained = [each for each in costs.explained if each.occurrence is occurrence]
        yield from _occurrence(occurrence, forecast, catalogue, explained)
    if analysis.lookups:
        yield "  recomputing an entity"
        for visit in analysis.lookups:
            yield f"    looks it up in {_lookup(visit, catalogue)}"
    for each in costs.explained:
        if each.occurrence is None:
            if not analysis.lookups:
                yield "  recomputing an entity"
            yield from _plan(each)
    for verdict in analysis.verdicts:
        yield _verdict(verdict)


def lines_of_stages(plan: FeedPlan) -> Iterator[str]:
    """Yield what each stage of the analysis made of one feed's query."""
    yield f"feed {plan.definition.name}"
    for number, (name, lines) in enumerate(stages(plan.analysis, plan.catalogue), start=1):
        yield f"{number}. {name}"
        yield from (f"   {line}" for line in lines or ("none",))


def _occurrence(
    occurrence: Occurrence, forecast: Forecast, catalogue: Catalogue, explained: list[Explained]
) -> Iterator[str]:
    place = f" at {occurrence.line}:{occurrence.column}" if occurrence.line else ""
    yield f"  {occurrence.table} as {occurrence.alias}{place}: {occurrence.kind}"
    yield f"    used columns  {', '.join(occurrence.columns) or '-'}"
    yield f"    link columns  {', '.join(occurrence.links) or '-'}"
    if occurrence.row_filter is not None:
        yield f"    rows that count  {text(occurrence.row_filter)}"
    for beside in occurrence.join_filters:
        yield f"    rows that count while {beside.table} does not change  {beside.sql}"
    yield f"    one changed row reaches {reached(occurrence, forecast)}"
    for route in occurrence.routes:
        yield from _route(route, catalogue)
        for each in explained:
            if each.route is route:
                yield from _plan(each)


def _route(route: Route, catalogue: Catalogue) -> Iterator[str]:
    bound = f"({', '.join(route.bound)})" if route.bound else "every entity"
    reason = f": {route.reason}" if route.reason else ""
    yield f"    {route.kind} to {bound}{reason}"
    if route.kind in {RouteKind.JOIN, RouteKind.PARTIAL}:
        yield from (f"      {line}" for line in route.sql.splitlines())
    for visit in route.visits:
        yield f"      visits {_lookup(visit, catalogue)}"


def _lookup(visit: Visit, catalogue: Catalogue) -> str:
    """Return a table, the columns by which its rows are found, and whether an index serves the look-up."""
    by = ", ".join((*visit.columns, *visit.expressions))
    found = f"{visit.table} by {by}" if by else f"every row of {visit.table}"
    table = catalogue.tables.get(visit.table)
    if table is None:
        return f"{found} (a view)"
    if not by or served(visit, table):
        return f"{found}, with an index" if by else found
    return f"{found}, without an index: {create_index(visit, table)}"


def _plan(explained: Explained) -> Iterator[str]:
    if explained.failed is not None:
        yield f"      explain: not planned: {explained.failed}"
        return
    rows = about(explained.rows)
    yield f"      explain: cost {explained.cost:,.0f}, about {rows} {'row' if rows == '1' else 'rows'}"
    for flag in explained.flags:
        yield f"      explain: {flag}"


def _verdict(verdict: Verdict) -> str:
    place = f" at {verdict.line}:{verdict.column}" if verdict.line else ""
    if verdict.unwatched:
        return f"  accepted{place}: {verdict.what}; {Accepting.UNWATCHED} [{verdict.name}]"
    if verdict.accepted:
        return f"  accepted{place}: {verdict.what} [{verdict.name}]"
    return f"  warning{place}: {verdict.what} [{verdict.name}]. Try: {verdict.hint}"
