"""Filters of capture on one row: constant conditions of the query that keep a changed row out of every result
row.

In an EAV table (entity, attribute, value) a query reads a few attributes out of hundreds: `attribute_id =
73`. A row that fails such a condition before and after a change was in no result row and is in none, so the
change needs no entry. This holds for a condition that keeps the row out of everything:

- a condition of WHERE or of an inner join's ON, on a table that no outer join in between can extend with
  NULL;
- a condition of an outer join's own ON, on a table of the side that may be NULL. Never a condition *above*
  such a join: `LEFT JOIN c … WHERE c.id IS NULL` asks for rows without a match, and any row of c may be one.

GROUP BY, windows, LIMIT, DISTINCT and subqueries see only the rows that WHERE keeps, so they change nothing
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Column
from cdc_daemon.analysis.model.conditions import (
    ENUM,
    Comparison,
    Condition,
    NullTest,
    all_of,
    any_of,
    comparable,
    negated,
)
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.scopes import Conjunct, Scope, Source

_OPERATORS: Mapping[type[Tree], tuple[str, str]] = {
    exp.EQ: ("=", "="),
    exp.NEQ: ("<>", "<>"),
    exp.LT: ("<", ">"),
    exp.LTE: ("<=", ">="),
    exp.GT: (">", "<"),
    exp.GTE: (">=", "<="),
}
"""As written, and with both sides changed over."""

TYPES: Mapping[exp.DType, str] = {
    exp.DType.SMALLINT: "int2",
    exp.DType.INT: "int4",
    exp.DType.BIGINT: "int8",
    exp.DType.DECIMAL: "numeric",
    exp.DType.BOOLEAN: "bool",
    exp.DType.TEXT: "text",
    exp.DType.VARCHAR: "text",
    exp.DType.BPCHAR: "bpchar",
    exp.DType.UUID: "uuid",
    exp.DType.DATE: "date",
    exp.DType.TIMESTAMP: "timestamp",
    exp.DType.TIMESTAMPTZ: "timestamptz",
}
"""What a constant's type is called in a condition."""
_TEXTS = frozenset({"text", "character varying"})
_MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
_RELATIVE = re.compile(r"\b(?:now|today|tomorrow|yesterday)\b", re.IGNORECASE)


def names_moments(query: str) -> bool:
    """Whether a query's text may contain a constant such as `'today'::date`.

    PostgreSQL replaces it by the day of the planning, but tomorrow the query means another day.
    """
    return _RELATIVE.search(query) is not None


def row_filter(scope: Scope, source: Source, *, moments: bool) -> Condition | None:
    """The condition of every row of a table that can matter in this SELECT; None if any row can.

    Args:
        moments: whether constants of date and time types may be trusted (see `names_moments`).
    """
    found = [
        condition
        for q in scope.conjuncts
        if q.sources == frozenset((source.uid,)) and keeps_out(scope, source, q)
        if (condition := _Reader(source, moments=moments).implied(q.tree)) is not None
    ]
    return all_of(found) if found else None


def keeps_out(scope: Scope, source: Source, q: Conjunct) -> bool:
    """Whether a row that fails the condition takes part in nothing, as if it were not there."""
    for join in scope.joins:
        for n in (0, 1):
            if source.uid not in join.sides[n]:
                continue
            if q.join is join and join.nullable[1 - n]:
                return False  # this join keeps the row without a match
            within = q.join is join or (q.span is not None and q.span <= join.sides[n])
            if join.nullable[n] and not within:
                return False  # above the join: the condition may see NULLs instead of the row
    return True


class _Reader:
    """Reads the tree of a condition on columns of one source."""

    def __init__(self, source: Source, *, moments: bool) -> None:
        self._source = source
        self._columns: Mapping[str, Column] = source.table.columns if source.table is not None else {}
        self._moments = moments

    def implied(self, tree: Tree) -> Condition | None:
        """A condition that is true wherever this one is true. Parts of an AND that can't be expressed are
        left out.
        """
        tree = tree.unnest()
        if isinstance(tree, exp.And):
            parts = [part for part in map(self.implied, _sides(tree)) if part is not None]
            return all_of(parts) if parts else None
        if isinstance(tree, exp.Or):
            operands = [self.implied(operand) for operand in _sides(tree)]
            known = [operand for operand in operands if operand is not None]
            return any_of(known) if len(known) == len(operands) else None
        return self._exact(tree)

    def _exact(self, tree: Tree) -> Condition | None:
        """The condition itself, with the same true, false and NULL."""
        tree = tree.unnest()
        if isinstance(tree, (exp.And, exp.Or)):
            parts = [self._exact(part) for part in _sides(tree)]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return all_of(known) if isinstance(tree, exp.And) else any_of(known)
        if isinstance(tree, exp.Not):
            condition = self._exact(tree.this)
            return None if condition is None else negated(condition)
        if isinstance(tree, exp.Is):
            return self._null_test(tree)
        if isinstance(tree, exp.Column):
            name = self._column(tree)
            boolean = name is not None and self._type(name) == "boolean"
            return Comparison(name, "=", "bool", ("true",)) if name is not None and boolean else None
        return self._comparison(tree)

    def _null_test(self, tree: exp.Is) -> Condition | None:
        name = self._column(tree.this.unnest())
        if name is None or not isinstance(tree.expression, exp.Null):
            return None
        return NullTest(name, negated=bool(tree.args.get("negate")))

    def _comparison(self, tree: Tree) -> Condition | None:
        operators = _OPERATORS.get(type(tree))
        if operators is None:
            return None
        for left, right, operator in (
            (tree.this, tree.expression, operators[0]),
            (tree.expression, tree.this, operators[1]),
        ):
            name = self._column(left.unnest())
            constants = list(_constants(right, operator)) if name is not None else []
            types = {constant[1] for constant in constants if constant is not None}
            if name is None or None in constants or len(types) != 1:
                continue
            (type_,) = types
            if type_ == ENUM and not (operator in {"=", "<>"} and self._is_of(name, right)):
                continue
            if comparable(self._type(name), type_) and (self._moments or type_ not in _MOMENTS):
                values = {constant[0] for constant in constants if constant is not None}
                return Comparison(name, operator, type_, tuple(sorted(values)))
        return None

    def _column(self, tree: Tree) -> str | None:
        """The name of a column in the catalogue.

        A cast that keeps the value is skipped: `varchar::text`, one integer type to another, a domain to its
        base type.
        """
        if isinstance(tree, exp.Cast) and tree.to.this in TYPES:
            name = self._column(tree.this.unnest())
            if name is None:
                return None
            same = self._type(name) in _TEXTS if tree.to.this is exp.DType.TEXT else self._is(name, tree.to)
            return name if same else None
        if not isinstance(tree, exp.Column) or isinstance(tree.this, exp.Star):
            return None
        name = self._source.real.get(tree.name)
        return None if name is None or self._columns[name].virtual else name

    def _type(self, name: str) -> str:
        return self._columns[name].comparison_type

    def _is_of(self, name: str, constants: Tree) -> bool:
        """Whether labels belong to the column's own enum type. A user's operator may compare two enums."""
        written = "." + self._columns[name].type
        kinds = [
            cast.to.args["kind"]
            for cast in constants.find_all(exp.Cast)
            if cast.to.this is exp.DType.USERDEFINED
        ]
        return all(written.endswith("." + _last_part(kind).sql(dialect="postgres")) for kind in kinds)

    def _is(self, name: str, type_: exp.DataType) -> bool:
        return not type_.expressions and comparable(self._type(name), TYPES[type_.this])


def _last_part(name: Tree) -> Tree:
    return name.expression if isinstance(name, exp.Dot) else name


def _sides(tree: exp.And | exp.Or) -> tuple[Tree, Tree]:
    return tree.this, tree.expression


def _constants(tree: Tree, operator: str) -> Iterator[tuple[str, str] | None]:
    """Yield value and type of each constant on one side: `73`, or `ANY (ARRAY[73, 74])`. None for anything
    else.
    """
    tree = tree.unnest()
    every = isinstance(tree, exp.Anonymous) and tree.name.upper() == "ALL" and len(tree.expressions) == 1
    if every or isinstance(tree, exp.Any):
        array = (tree.expressions[0] if every else tree.this).unnest()
        if isinstance(array, exp.Cast) and array.to.this is exp.DType.ARRAY:
            array = array.this.unnest()  # varchars as texts
        if isinstance(array, exp.Array) and array.expressions and operator == ("<>" if every else "="):
            yield from map(_constant, array.expressions)
        else:
            yield None
        return
    yield _constant(tree)


def _constant(tree: Tree) -> tuple[str, str] | None:
    tree = tree.unnest()
    if isinstance(tree, exp.Boolean):
        return ("true" if tree.this else "false"), "bool"
    if isinstance(tree, exp.Literal) and not tree.is_string:
        number = str(tree.this)
        return (number, "int4") if number.isdecimal() else (number, "numeric")
    if not isinstance(tree, exp.Cast) or tree.to.expressions:
        return None
    type_ = ENUM if tree.to.this is exp.DType.USERDEFINED else TYPES.get(tree.to.this)
    inner = tree.this.unnest()
    if type_ is None:
        return None
    if isinstance(inner, exp.Literal) and inner.is_string:
        return str(inner.this), type_
    value = _constant(inner)
    widened = value is not None and value[1] in {"int4", "int8"} and type_ in {"int2", "int8", "numeric"}
    return (value[0], type_) if value is not None and widened else None
