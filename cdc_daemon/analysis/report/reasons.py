"""The reason why a route binds less than the entity: the construct, its location, and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.derive.route_builder import Fragment
from cdc_daemon.analysis.model.dialect import Tree, render
from cdc_daemon.analysis.model.scopes import Body, Conjunct, Construct, Recursion, Scope, Source, fold
from cdc_daemon.analysis.source_text import Location, Locations

_LONGEST = 60


def reason(
    fragment: Fragment, body: Body, outputs: Sequence[int], missing: Sequence[str], locations: Locations
) -> str:
    """The reason why a route does not yield some columns of the entity.

    Args:
        outputs: the positions of these columns among the outputs of `body`.
        missing: their names.
    """
    if fragment.notes:
        return "; ".join(_told(note, locations) for note in fragment.notes)
    computed = [name for n, name in zip(outputs, missing, strict=True) if not _bindable(body, n)]
    if computed:
        return (
            f"{', '.join(computed)} is not a value of single rows (an aggregate, a window or a subquery): "
            "name columns of rows in `entity`, as a rule those of GROUP BY"
        )
    return _unconnected(body, fragment.source, ", ".join(missing))


def _told(note: Construct | str, locations: Locations) -> str:
    if isinstance(note, str):
        return note
    location = location_of(note, locations)
    return f"{note.what}{f' at {location.line}:{location.column}' if location else ''} {note.remedy}"


def location_of(construct: Construct, locations: Locations) -> Location | None:
    """The place of a construct in the user's text; None if it is unknown, or in a view."""
    if construct.node is None:
        return None
    if construct.words:
        return locations.of_keyword(construct.words, construct.node)
    return locations.of_call(construct.node)


def _unconnected(body: Body, changed: Source, wanted: str) -> str:  # noqa: PLR0911 # one for each reason
    """The reason why no condition leads from a table to the entity, looked for from the inside out."""
    for scope, source in reversed(_nesting(body, changed)):
        tied = [q for q in scope.conjuncts if source.uid in q.sources and len(q.sources) > 1]
        others = [each for each in scope.sources.values() if each is not source and not each.subquery]
        if source.subquery and not source.outer and not source.left:
            return (
                f"no condition ties the subquery that reads {changed.alias} to a row around it, so a change "
                "concerns every one: compare a column in it for equality with one of the query around "
                "(WHERE …), or keep its value in a table that a key of the entity refers to"
            )
        if source.subquery and source.left and any(map(_is_whole_row, source.left)):
            return (
                f"no condition leads from {changed.alias} to {wanted}: the subquery that reads it is "
                "compared with a whole row, and IN is not followed column by column: use EXISTS with an "
                "equality of the whole rows in its WHERE"
            )
        if source.subquery and source.left:
            return (
                f"no condition leads from {changed.alias} to {wanted}: what the subquery that reads it is "
                "compared with is computed of many rows, so that none tells which values come and go: "
                "compare with columns of single rows (EXISTS with an equality in its WHERE)"
            )
        if scope.correlated(source):
            return (
                f"nothing where {source.alias} reads {changed.alias} refers to a row around it, so a change "
                "concerns every one: compare a column there for equality with one of the query around"
            )
        chosen = [each for each in scope.subquery_equalities if source.uid in each.condition.sources]
        if chosen and not tied:
            return (
                f"no condition leads from {changed.alias} to {wanted} but one with a subquery, which chooses "
                f"among rows that {changed.alias} does not name: compare a column of {source.alias} for "
                f"equality with one that belongs to {wanted} as well"
            )
        if source.table is None and tied and _is_group_key(source, tied[0]):
            return (
                f"no condition leads from {changed.alias} to {wanted}: {source.alias} is joined by "
                f"{_shown(tied[0].tree)}, whose side of {source.alias} stands for a group of values that are "
                "equal and may be written in several ways: put the condition into the WHERE of a LATERAL "
                "subquery, or join by an equality"
            )
        if source.table is None and tied:
            return (
                f"no condition leads from {changed.alias} to {wanted}: {source.alias} is joined by "
                f"{_shown(tied[0].tree)}, whose side of {source.alias} is computed of many rows: join it by "
                "a column that a row of it has, as a rule one of its GROUP BY"
            )
        if not tied and others and not source.outer:
            named = ", ".join(dict.fromkeys(each.alias for each in others))
            return (
                f"no condition joins {source.alias} with {named} (a cross join): compare a column of "
                f"{source.alias} for equality with one that belongs to {wanted}, or yield a key of "
                f"{source.alias} and name it in `entity`"
            )
    alias = changed.alias
    return (
        f"no condition of the query leads from {alias} to {wanted}: compare a column of {alias} for equality "
        f"with one that belongs to {wanted}, or yield a key of {alias} and name it in `entity`"
    )


def _is_whole_row(tree: Tree) -> bool:
    at = tree.unnest()
    return isinstance(at, exp.Column) and isinstance(at.this, exp.Star)


def _is_group_key(source: Source, condition: Conjunct) -> bool:
    """Whether all columns of a derived table in a condition are columns of its GROUP BY."""
    body = source.body
    group = body.select.args.get("group") if isinstance(body, Scope) and body.select is not None else None
    if group is None or not isinstance(body, Scope):
        return False
    keys = {render(key) for key in group.expressions}
    named = [ref.column for ref in condition.refs if ref.source == source.uid]
    return bool(named) and all(
        name in source.columns and render(body.outputs[source.columns.index(name)]) in keys for name in named
    )


_Nesting: TypeAlias = list[tuple[Scope, Source]]


def _nesting(body: Body, changed: Source) -> _Nesting:
    """The SELECTs around a table, outermost first, each with its source that holds the table."""

    def within(scope: Scope) -> _Nesting:
        for source in scope.sources.values():
            inside = [] if source.body is None else _nesting(source.body, changed)
            if inside or source is changed:
                return [(scope, source), *inside]
        return []

    return fold(
        body,
        select=within,
        arms=lambda _, arms: next((each for each in arms if each), _Nesting()),
        recursion=lambda body: _nesting(body.base, changed) or _nesting(body.step, changed),
    )


def _shown(tree: Tree) -> str:
    text = render(tree.unnest())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _bindable(body: Body, n: int) -> bool:
    """Whether an output is a value of single rows, looking into derived tables."""

    def in_select(scope: Scope) -> bool:
        output = scope.outputs[n].unnest()
        source = scope.sources.get(output.table) if isinstance(output, exp.Column) else None
        if source is not None and source.body is not None and output.name in source.columns:
            return _bindable(source.body, source.columns.index(output.name))
        return scope.bindable[n]

    def in_recursion(body: Recursion) -> bool:
        return n < len(body.step.outputs) and _bindable(body.base, n) and _bindable(body.step, n)

    return fold(body, select=in_select, arms=lambda _, arms: all(arms), recursion=in_recursion)
