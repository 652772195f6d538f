"""The precedence of PostgreSQL's operators, from the lowest to the highest (gram.y)."""

from __future__ import annotations

from sqlglot import exp

from cdc_daemon.analysis.grammar.nodes import PrefixOperator

OR, AND, NOT, IS, COMPARE, RANGE, OPERATOR, ADD, MULTIPLY, POWER, AT, COLLATE, SIGN, CAST = range(1, 15)

_LEVELS: dict[type[exp.Expr], int] = {
    exp.Or: OR,
    exp.And: AND,
    exp.Not: NOT,
    exp.Is: IS,
    exp.NullSafeEQ: IS,
    exp.NullSafeNEQ: IS,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), COMPARE),
    **dict.fromkeys((exp.Between, exp.In, exp.Like, exp.ILike, exp.SimilarTo, exp.Escape), RANGE),
    exp.DPipe: OPERATOR,
    exp.Operator: OPERATOR,
    PrefixOperator: OPERATOR,
    exp.Add: ADD,
    exp.Sub: ADD,
    **dict.fromkeys((exp.Mul, exp.Div, exp.Mod), MULTIPLY),
    exp.Pow: POWER,
    exp.AtTimeZone: AT,
    exp.Collate: COLLATE,
    exp.Neg: SIGN,
}


def level(tree: exp.Expr) -> int | None:
    """Return the precedence of the operator at the root of an expression; None if it is no operator."""
    return _LEVELS.get(type(tree))
