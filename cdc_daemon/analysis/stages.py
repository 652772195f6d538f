"""The result of each stage of the analysis as lines of text, for contributors and for bug reports."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from cdc_daemon.analysis.model.catalogue import Catalogue
from cdc_daemon.analysis.model.conditions import text as text_of
from cdc_daemon.analysis.model.dialect import Unreadable, parse, render
from cdc_daemon.analysis.model.plan import Analysis
from cdc_daemon.analysis.model.scopes import Body, Conjunct, Recursion, Scope, Source, fold, joined
from cdc_daemon.analysis.read.build import Builder
from cdc_daemon.analysis.read.context import BuildContext, NotUnderstood
from cdc_daemon.analysis.read.functions import Functions

Stage = tuple[str, tuple[str, ...]]
"""A stage's name, and the lines that show what it made."""


def stages(analysis: Analysis, catalogue: Catalogue) -> Iterator[Stage]:
    """Yield each stage of a feed's analysis with its result, in the order in which the stages run.

    Args:
        analysis: the feed's analysis.
        catalogue: the catalogue from which it was made.
    """
    yield "definition", tuple(analysis.definition.strip().splitlines())
    yield "scopes", tuple(_read(analysis, catalogue))
    yield "routes", tuple(_routes(analysis))
    yield "filters", tuple(_filters(analysis))
    yield "verdicts", tuple(f"{each.name}: {each.what}" for each in analysis.verdicts)


def _read(analysis: Analysis, catalogue: Catalogue) -> Iterator[str]:
    try:
        tree = parse(analysis.definition)
        body = Builder(BuildContext(analysis.feed, catalogue, Functions(catalogue))).build(tree)
    except (NotUnderstood, Unreadable) as error:
        yield f"not read: {error}"
        return
    yield from _body(body, "")


def _body(body: Body, indent: str) -> Iterator[str]:
    return fold(
        body,
        select=lambda scope: _scope(scope, indent),
        arms=lambda union, arms: chain(
            [f"{indent}set operation of {len(arms)}"], (f"  {line}" for line in joined(union, arms))
        ),
        recursion=lambda recursion: _recursion(recursion, indent),
    )


def _recursion(recursion: Recursion, indent: str) -> Iterator[str]:
    yield f"{indent}recursion {recursion.itself}, base"
    yield from _body(recursion.base, f"{indent}  ")
    yield f"{indent}recursion {recursion.itself}, step"
    yield from _body(recursion.step, f"{indent}  ")


def _scope(scope: Scope, indent: str) -> Iterator[str]:
    yield f"{indent}select"
    for source in scope.sources.values():
        yield f"{indent}  source {_source(source)}"
        if source.body is not None:
            yield from _body(source.body, f"{indent}    ")
    for join in scope.joins:
        arms = (
            f"{', '.join(sorted(names))}{' or NULL' if nullable else ''}"
            for names, nullable in zip(join.sides, join.nullable, strict=True)
        )
        yield f"{indent}  outer join of {' with '.join(arms)}"
    for condition in scope.conjuncts:
        yield f"{indent}  condition {_condition(condition)}"
    for name, output in zip(scope.names, scope.outputs, strict=True):
        yield f"{indent}  output {name}: {_one_line(render(output))}"


def _source(source: Source) -> str:
    what = "a query" if source.table is None else str(source.table.name)
    if source.item is None:
        what = "a subquery"
    outer = ", ".join(sorted(f"{ref.source}.{ref.column}" for ref in source.outer))
    return f"{source.uid}: {what}{f', which refers to {outer}' if outer else ''}"


def _condition(condition: Conjunct) -> str:
    where = "" if condition.join is None else ", of an outer join"
    implied = ", implied by a key" if condition.implied else ""
    return f"{_one_line(render(condition.tree))}{where}{implied}"


def _routes(analysis: Analysis) -> Iterator[str]:
    for occurrence in analysis.occurrences:
        for route in occurrence.routes:
            bound = ", ".join(route.bound) or "every entity"
            yield f"{occurrence.table} as {occurrence.alias}: {route.kind} to {bound}"
            yield from (f"  {line}" for line in route.sql.splitlines())
            if route.reason:
                yield f"  because {route.reason}"


def _filters(analysis: Analysis) -> Iterator[str]:
    for occurrence in analysis.occurrences:
        name = f"{occurrence.table} as {occurrence.alias}"
        if occurrence.row_filter is not None:
            yield f"{name}: {text_of(occurrence.row_filter)}"
        for beside in occurrence.join_filters:
            yield f"{name}, while {beside.table} does not change: {_one_line(beside.sql)}"


def _one_line(sql: str) -> str:
    return " ".join(sql.split())
