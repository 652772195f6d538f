"""The output of `plan --json`. docs/reference.md describes it; programs rely on the names of its fields."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.analysis.model.catalogue import Catalogue
from cdc_daemon.analysis.model.conditions import text
from cdc_daemon.analysis.model.plan import Occurrence, Route, Verdict, Visit
from cdc_daemon.analysis.report.forecast import Forecast
from cdc_daemon.analysis.report.indexes import create_index, served
from cdc_daemon.feeds.explain import Explained
from cdc_daemon.pg.ddl import Step
from cdc_daemon.workers.plan_costs import PlanCosts


def as_json(costs: Sequence[PlanCosts], steps: Sequence[Step]) -> dict[str, object]:
    """Return the output: feeds by name, and the objects that `install` would create, replace or drop."""
    objects: dict[str, list[str]] = {"create": [], "replace": [], "drop": []}
    for step in steps:
        objects[step.action].append(step.what)
    return {"feeds": {each.plan.definition.name: _feed(each) for each in costs}, "objects": objects}


def _feed(costs: PlanCosts) -> dict[str, object]:
    definition, analysis, catalogue = costs.plan.definition, costs.plan.analysis, costs.plan.catalogue
    recompute = next((each for each in costs.explained if each.occurrence is None), None)
    return {
        "key": definition.key,
        "entity": definition.entity,
        "entities": costs.entities,
        "occurrences": [
            _occurrence(occurrence, forecast, costs)
            for occurrence, forecast in zip(analysis.occurrences, costs.forecasts, strict=True)
        ],
        "recompute": {
            "lookups": [_visit(visit, catalogue) for visit in analysis.lookups],
            "explain": None if recompute is None else _explained(recompute),
        },
        "verdicts": [_verdict(verdict) for verdict in analysis.verdicts],
    }


def _occurrence(occurrence: Occurrence, forecast: Forecast, costs: PlanCosts) -> dict[str, object]:
    return {
        "table": str(occurrence.table),
        "alias": occurrence.alias,
        "line": occurrence.line,
        "column": occurrence.column,
        "kind": occurrence.kind,
        "reason": occurrence.reason,
        "links": occurrence.links,
        "columns": occurrence.columns,
        "rows": None if occurrence.row_filter is None else text(occurrence.row_filter),
        "rows_while_unchanged": [
            {"table": str(each.table), "rows": each.sql} for each in occurrence.join_filters
        ],
        "forecast": {
            "typical": forecast.typical,
            "worst": forecast.worst,
            "not_analysed": [str(table) for table in forecast.not_analysed],
            "guessed": forecast.guessed,
        },
        "routes": [_route(route, costs) for route in occurrence.routes],
    }


def _route(route: Route, costs: PlanCosts) -> dict[str, object]:
    explained = next((each for each in costs.explained if each.route is route), None)
    return {
        "kind": route.kind,
        "bound": route.bound,
        "sql": route.sql,
        "reason": route.reason,
        "visits": [_visit(visit, costs.plan.catalogue) for visit in route.visits],
        "explain": None if explained is None else _explained(explained),
    }


def _visit(visit: Visit, catalogue: Catalogue) -> dict[str, object]:
    table = catalogue.tables.get(visit.table)
    indexed = None if table is None else served(visit, table)
    return {
        "table": str(visit.table),
        "columns": visit.columns,
        "expressions": visit.expressions,
        "indexed": indexed,
        "create_index": create_index(visit, table) if table is not None and not indexed else None,
    }


def _explained(explained: Explained) -> dict[str, object]:
    return {
        "cost": explained.cost,
        "rows": explained.rows,
        "flags": explained.flags,
        "failed": explained.failed,
        "plan": explained.plan,
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "name": verdict.name,
        "refused": verdict.refusal,
        "accepted": verdict.accepted,
        "unwatched": verdict.unwatched,
        "what": verdict.what,
        "hint": verdict.hint,
        "line": verdict.line,
        "column": verdict.column,
    }
