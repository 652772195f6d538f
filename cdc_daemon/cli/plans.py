"""Plans of feeds and steps of an install, as commands show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc_daemon.analysis.conditions import text
from cdc_daemon.analysis.plan import Occurrence, RouteKind, Verdict
from cdc_daemon.errors import ConfigurationError, FeedError
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.verdicts import Accepting
from cdc_daemon.workers.planning import FeedPlan, plan_feed


def plan_feeds(connection: Connection, settings: Settings, names: Sequence[str]) -> list[FeedPlan]:
    """The plans of several feeds.

    Raises:
        ConfigurationError: with a fault for each feed that can't be planned.
    """
    plans: list[FeedPlan] = []
    faults: list[tuple[str, str, str | None]] = []
    for name in names:
        try:
            plans.append(plan_feed(connection, settings, name))
        except FeedError as error:
            faults += error.faults(name)
    if faults:
        raise ConfigurationError(faults)
    return plans


def as_json(plans: Sequence[FeedPlan], steps: Sequence[Step]) -> dict[str, object]:
    """The output of `plan --json`."""
    objects: dict[str, list[str]] = {"create": [], "replace": [], "drop": []}
    for step in steps:
        objects[step.action].append(step.what)
    feeds = {
        plan.definition.name: {
            "key": plan.definition.key,
            "entity": plan.definition.entity,
            "occurrences": [_occurrence(occurrence) for occurrence in plan.analysis.occurrences],
            "verdicts": [_verdict(verdict) for verdict in plan.analysis.verdicts],
        }
        for plan in plans
    }
    return {"feeds": feeds, "objects": objects}


def _occurrence(occurrence: Occurrence) -> dict[str, object]:
    return {
        "table": str(occurrence.table),
        "alias": occurrence.alias,
        "kind": occurrence.kind,
        "links": occurrence.links,
        "columns": occurrence.columns,
        "rows": None if occurrence.row_filter is None else text(occurrence.row_filter),
        "reason": occurrence.reason,
        "routes": [
            {"kind": route.kind, "bound": route.bound, "sql": route.sql, "reason": route.reason}
            for route in occurrence.routes
        ],
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "name": verdict.name,
        "accepted": verdict.accepted,
        "unwatched": verdict.unwatched,
        "what": verdict.what,
        "hint": verdict.hint,
        "line": verdict.line,
        "column": verdict.column,
    }


def lines_of_plan(plan: FeedPlan) -> Iterator[str]:
    """One feed for people: each place where its query reads a table, and what a change there leads to."""
    definition = plan.definition
    entity = (
        "" if definition.entity == definition.key else f", recomputed by ({', '.join(definition.entity)})"
    )
    yield f"feed {definition.name}, key ({', '.join(definition.key)}){entity}"
    for occurrence in plan.analysis.occurrences:
        yield f"  {occurrence.table} as {occurrence.alias}: {occurrence.kind}"
        yield f"    used columns  {', '.join(occurrence.columns) or '-'}"
        yield f"    link columns  {', '.join(occurrence.links) or '-'}"
        if occurrence.row_filter is not None:
            yield f"    rows that count  {text(occurrence.row_filter)}"
        for route in occurrence.routes:
            bound = f"({', '.join(route.bound)})" if route.bound else "every entity"
            reason = f": {route.reason}" if route.reason else ""
            yield f"    {route.kind} to {bound}{reason}"
            if route.kind in {RouteKind.JOIN, RouteKind.PARTIAL}:
                yield from (f"      {line}" for line in route.sql.splitlines())
    for verdict in plan.analysis.verdicts:
        yield _verdict_line(verdict)


def _verdict_line(verdict: Verdict) -> str:
    place = f" at {verdict.line}:{verdict.column}" if verdict.line else ""
    if verdict.unwatched:
        return f"  accepted{place}: {verdict.what}; {Accepting.UNWATCHED} [{verdict.name}]"
    if verdict.accepted:
        return f"  accepted{place}: {verdict.what} [{verdict.name}]"
    return f"  warning{place}: {verdict.what} [{verdict.name}]. Try: {verdict.hint}"


def lines_of_steps(steps: Sequence[Step]) -> Iterator[str]:
    """Steps of an install for people, in their order."""
    width = max((len(step.action) for step in steps), default=0)
    for step in steps:
        yield f"  {step.action:<{width}}  {step.what}"
