"""Nodes that sqlglot has no class for."""

from __future__ import annotations

from sqlglot import exp


class PrefixOperator(exp.Unary):
    """An operator before its operand: `@ a`, `|/ a`, `OPERATOR(other.!!) a`.

    `operator` is as in `exp.Operator`: its signs, or schema and signs joined by a dot.
    """

    arg_types = {"this": True, "operator": True}  # noqa: RUF012 # sqlglot's form


class Words(exp.Expression):  # pyright: ignore[reportPrivateImportUsage] # sqlglot's base
    """Expressions and keywords in a row, an argument of a call with a syntax of its own.

    `EXTRACT(year FROM ts)` is a call of EXTRACT with one argument: the words `year FROM ts`. Keywords and
    punctuation are `exp.Var`.
    """

    arg_types = {"expressions": True}  # noqa: RUF012 # sqlglot's form


class TableFunction(exp.Expression):  # pyright: ignore[reportPrivateImportUsage] # as above
    """XMLTABLE or JSON_TABLE; `columns` are the names of what its COLUMNS yields, in order."""

    arg_types = {"this": True, "expressions": True, "columns": True}  # noqa: RUF012 # sqlglot's form
