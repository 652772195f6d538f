"""Estimates the costs of a plan: forecasts from statistics and, if requested, PostgreSQL's own plans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cdc_daemon.analysis.report.forecast import Forecast, forecast
from cdc_daemon.feeds.explain import Explained, explain, planned_rows
from cdc_daemon.feeds.statistics import expected_entities, read_statistics
from cdc_daemon.pg.session import Connection
from cdc_daemon.workers.planning import FeedPlan


@dataclass(frozen=True)
class PlanCosts:
    """A feed's plan with estimates of its costs.

    Attributes:
        entities: estimated number of the feed's entities; None if it is unknown.
        forecasts: one for each occurrence, in their order.
        explained: plans of each route except `all`, for one changed row, and of the recomputation of an
            entity; empty unless requested.
    """

    plan: FeedPlan
    entities: float | None
    forecasts: tuple[Forecast, ...]
    explained: tuple[Explained, ...] = ()


def plan_costs(connection: Connection, plan: FeedPlan, *, explained: bool = False) -> PlanCosts:
    """Read statistics for a plan and, if requested, EXPLAIN its statements. Changes nothing."""
    tables = plan.catalogue.tables
    statistics = read_statistics(connection, tables.values())
    # Without statistics of the tables that hold the entities, the planner's number is arbitrary.
    holders = {visit.table for visit in plan.analysis.lookups} or set(tables)
    known = all(statistics[name].rows is not None for name in holders if name in statistics)
    entities = expected_entities(connection, plan.definition) if known else None
    forecasts = tuple(
        forecast(
            occurrence,
            plan.catalogue,
            statistics,
            entities,
            partial(planned_rows, connection, occurrence, search_path=plan.definition.definition_path),
        )
        for occurrence in plan.analysis.occurrences
    )
    rows = {name: found.rows for name, found in statistics.items()}
    plans = explain(connection, plan.definition, plan.analysis, rows) if explained else []
    return PlanCosts(plan, entities, forecasts, tuple(plans))
