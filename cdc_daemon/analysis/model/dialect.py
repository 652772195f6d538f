"""PostgreSQL's definitions as sqlglot trees, and trees as SQL."""

from __future__ import annotations

from typing import TypeAlias

from sqlglot import exp

from cdc_daemon.analysis.grammar import SyntaxFault, read_query, write

Tree: TypeAlias = exp.Expr


class Unreadable(Exception):
    """The text can't be parsed; `str()` gives the reason in one line."""


def parse(text: str) -> exp.Query:
    """Parse a definition that is one SELECT.

    Raises:
        Unreadable: it can't be parsed, or is not exactly one SELECT.
    """
    return _restored(_read(text))


def parse_with_reading(text: str) -> tuple[exp.Query, str]:
    """Parse a definition that is one SELECT, and return the tree and the text as it was understood.

    In that text every operator stands in parentheses. If PostgreSQL resolves it to the same definition, the
    tree has the structure of PostgreSQL's own.

    Raises:
        Unreadable: see `parse`.
    """
    tree = _read(text)
    reading = write(tree, explicit=True)
    return _restored(tree), reading


def _read(text: str) -> exp.Query:
    try:
        tree = read_query(text)
    except SyntaxFault as fault:
        raise Unreadable(str(fault)) from fault
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error
    if isinstance(tree, exp.Values):
        return exp.Subquery(this=tree)
    if not isinstance(tree, exp.Query):
        raise Unreadable(f"it is not a SELECT but {tree.key.upper()}")
    return tree


def _restored(tree: exp.Query) -> exp.Query:
    _restore_null_safe(tree)
    return tree


def _restore_null_safe(tree: Tree) -> None:
    """Write `a IS NOT DISTINCT FROM b` again.

    PostgreSQL's parser makes `NOT a IS DISTINCT FROM b` of it, and of rows `NOT (… OR …)`.
    """
    for negation in list(tree.find_all(exp.Not)):
        inner = negation.this.unnest()
        distinct: list[Tree] = list(inner.flatten()) if isinstance(inner, exp.Or) else [inner]
        if all(isinstance(each, exp.NullSafeNEQ) for each in distinct):
            first, *others = (exp.NullSafeEQ(this=each.this, expression=each.expression) for each in distinct)
            equal: Tree = first
            for other in others:
                equal = exp.And(this=equal, expression=other)
            negation.replace(exp.Paren(this=equal))


def render(tree: Tree, *, pretty: bool = False) -> str:
    """A tree as SQL for PostgreSQL."""
    return write(tree, pretty=pretty)


def quoted(name: str) -> exp.Identifier:
    """An identifier as it is spelled, quoted only where PostgreSQL would otherwise fold or misread it."""
    return exp.Identifier(
        this=name, quoted=not (name.isidentifier() and name.islower() and name.isascii()) or name in _RESERVED
    )


def column(table: str, name: str) -> exp.Column:
    """The column `table.name`, both as they are spelled."""
    return exp.Column(this=quoted(name), table=quoted(table))


def enclosed(tree: Tree) -> Tree:
    """A copy that can stand as an operand: in parentheses unless it is simple."""
    tree = tree.unnest().copy()
    simple = isinstance(tree, (exp.Column, exp.Literal, exp.Cast, exp.Null, exp.Anonymous))
    return tree if simple else exp.Paren(this=tree)


def spelled(identifier: Tree | str | None) -> str:
    """The name of an identifier in a definition, where PostgreSQL prints folded names without quotes."""
    return identifier.name if isinstance(identifier, exp.Expr) else str(identifier or "")


# Reserved in PostgreSQL (`pg_get_keywords()`, catcode R and T): as a bare name they end the parse.
_RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into
    is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on
    only or order outer overlaps placing primary references returning right select session_user similar some
    symmetric system_user table tablesample then to trailing true union unique user using variadic verbose
    when where window with between bigint bit boolean char character coalesce dec decimal exists extract float
    greatest grouping inout int integer interval json json_array json_arrayagg json_exists json_object
    json_objectagg json_query json_scalar json_serialize json_table json_value least merge_action national
    nchar none normalize nullif numeric out overlay position precision real row setof smallint substring time
    timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
    xmlparse xmlpi xmlroot xmlserialize xmltable""".split()  # noqa: SIM905 # as a list it would fill a page
)
