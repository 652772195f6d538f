"""Draws plans as a graph, table → route → feed, for Mermaid (https://mermaid.js.org) or Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc_daemon.analysis.model.plan import Occurrence, RouteKind
from cdc_daemon.analysis.report.forecast import Forecast, about
from cdc_daemon.workers.plan_costs import PlanCosts

Edge = tuple[str, str, str, RouteKind]
"""Table, feed, label of the arrow, and kind of the route."""


def mermaid(costs: Sequence[PlanCosts]) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart."""
    yield "flowchart LR"
    edges = list(_edges(costs))
    names = _numbered(edges)
    for name, number in names.items():
        kind, _, shown = name.partition(":")
        left, right = ("[(", ")]") if kind == "table" else ("([", "])")
        yield f'    n{number}{left}"{_mermaid_text(shown)}"{right}'
    for table, feed, label, kind in edges:
        arrow = "==>" if kind is RouteKind.ALL else "-->"
        ends = names[f"table:{table}"], names[f"feed:{feed}"]
        yield f'    n{ends[0]} {arrow}|"{_mermaid_text(label)}"| n{ends[1]}'


def dot(costs: Sequence[PlanCosts]) -> Iterator[str]:
    """Yield the lines of a Graphviz graph."""
    yield "digraph plan {"
    yield "    rankdir=LR;"
    edges = list(_edges(costs))
    for name, number in _numbered(edges).items():
        kind, _, shown = name.partition(":")
        shape = "cylinder" if kind == "table" else "note"
        yield f"    n{number} [shape={shape}, label={_dot_text(shown)}];"
    names = _numbered(edges)
    for table, feed, label, kind in edges:
        style = ", style=bold" if kind is RouteKind.ALL else ""
        ends = names[f"table:{table}"], names[f"feed:{feed}"]
        yield f"    n{ends[0]} -> n{ends[1]} [label={_dot_text(label)}{style}];"
    yield "}"


def _edges(costs: Sequence[PlanCosts]) -> Iterator[Edge]:
    for each in costs:
        found = zip(each.plan.analysis.occurrences, each.forecasts, strict=True)
        for occurrence, forecast in found:
            label = _label(occurrence, forecast)
            yield str(occurrence.table), each.plan.definition.name, label, occurrence.kind


def _label(occurrence: Occurrence, forecast: Forecast) -> str:
    way = str(occurrence.kind)
    over = dict.fromkeys(str(visit.table) for route in occurrence.routes for visit in route.visits)
    if over:
        way += f" over {', '.join(over)}"
    number = "" if forecast.worst is None else f"; at most about {about(forecast.worst)}"
    return f"{occurrence.alias}: {way}{number}"


def _numbered(edges: Sequence[Edge]) -> dict[str, int]:
    names = [f"table:{table}" for table, *_ in edges] + [f"feed:{feed}" for _, feed, *_ in edges]
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}


def _mermaid_text(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;")


def _dot_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
