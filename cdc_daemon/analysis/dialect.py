"""PostgreSQL's definitions as sqlglot trees and back, with function calls kept as they were written.

sqlglot knows functions and translates them: `round(avg(x), 2)` gains a CAST, `"left"(a, 1)` loses its quotes.
A statement that we derive must mean what the query means, so here its knowledge of functions is switched off;
which of them are aggregates is looked up in the catalogue instead.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, cast

import sqlglot
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

Tree: TypeAlias = exp.Expr

# Calls with a grammar of their own, which pg_get_viewdef prints in that grammar.
_SPELLED = {"CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION", "OVERLAY", "XMLTABLE", "NORMALIZE"}


# sqlglot's tables of parsers and generators are typed with a bare Callable.
_PARSERS = cast("dict[str, Any]", Postgres.Parser.FUNCTION_PARSERS)  # pyright: ignore[reportUnknownMemberType]


def _power(generator: Any, power: exp.Pow) -> str:
    """`a ^ b`, which sqlglot would write POWER(a, b)."""
    return str(generator.binary(power, "^"))


def _root(generator: Any, root: exp.Sqrt) -> str:
    """`|/ a`, which sqlglot would write SQRT(a); the call sqrt(a) is an anonymous function here."""
    return f"|/ {generator.sql(root, 'this')}"


def _not(generator: Any, negation: exp.Not) -> str:
    """`a !~ b`, which sqlglot reads as NOT a ~ b without parentheses."""
    match: object = negation.this
    operator = (
        "!~" if isinstance(match, exp.RegexpLike) else "!~*" if isinstance(match, exp.RegexpILike) else None
    )
    return str(generator.binary(match, operator) if operator else generator.not_sql(negation))


def _trim(generator: Any, trim: exp.Trim) -> str:
    """`TRIM(LEADING FROM a)`, which sqlglot would write LTRIM(a): to PostgreSQL another expression."""
    parts = [trim.args.get("position"), generator.sql(trim, "expression")]
    return f"TRIM({' '.join([*(str(part) for part in parts if part), 'FROM', generator.sql(trim, 'this')])})"


class Definition(Postgres):
    """The dialect that `pg_get_viewdef` writes."""

    class Parser(Postgres.Parser):  # type: ignore[valid-type,misc] # sqlglot makes it an attribute
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser for name, parser in _PARSERS.items() if name in _SPELLED
        }

        def _values_to_select(self, values: Any) -> Any:
            """VALUES as it stands; sqlglot would make SELECT * FROM (VALUES …) of it."""
            return values

        def _parse_function_call(self, *args: Any, **options: Any) -> Any:
            """`"substring"(a, 1)` is the function of that name, SUBSTRING(a FROM 1) a grammar of its own."""
            if self._curr.token_type is TokenType.IDENTIFIER:
                options["anonymous"] = True
            parsed: Any = super()._parse_function_call(*args, **options)  # pyright: ignore[reportUnknownMemberType]
            return parsed

        def _parse_unnest(self, with_alias: bool = True) -> None:
            """A function as any other: sqlglot's own reading of it knows no join in the same parentheses."""

        def _parse_using_identifiers(self) -> list[exp.Expr]:
            """`USING (id) AS j`, where sqlglot knows no name; columns of j are printed as the tables'."""
            columns: list[exp.Expr] = super()._parse_using_identifiers()
            if self._match(TokenType.ALIAS):
                columns[-1].meta["joined_as"] = self._parse_id_var()
            return columns

        def _parse_lateral(self) -> Any:
            """`LATERAL ROWS FROM (…)`, which sqlglot can't parse; the word changes nothing there."""
            if self._match_text_seq("LATERAL", "ROWS", "FROM"):
                self._retreat(self._index - 2)
                return self._parse_table()
            return super()._parse_lateral()

    class Generator(Postgres.Generator):  # type: ignore[valid-type,misc] # as above
        TRANSFORMS: ClassVar[dict[Any, Any]] = {
            **Postgres.Generator.TRANSFORMS,
            exp.Pow: _power,
            exp.Sqrt: _root,
            exp.Not: _not,
            exp.Trim: _trim,
        }

        def join_sql(self, expression: exp.Join, join_op: str | None = None) -> str:
            """With the name that USING gives to what it merged."""
            join: str = super().join_sql(expression, join_op)
            columns: list[exp.Expr] = expression.args.get("using") or []
            name = columns[-1].meta.get("joined_as") if columns else None
            return join if name is None else f"{join} AS {self.sql(name)}"

        def table_sql(self, expression: exp.Table, sep: str = " AS ") -> str:
            """WITH ORDINALITY before what is joined in the same parentheses; sqlglot writes it behind."""
            alone = expression.copy()
            joins: list[exp.Expr] = alone.args.pop("joins", None) or []
            laterals: list[exp.Expr] = alone.args.pop("laterals", None) or []
            table: str = super().table_sql(alone, sep)
            return "".join([table, *(self.sql(each) for each in (*joins, *laterals))])


class Unreadable(Exception):
    """The text can't be parsed; `str()` says why in one line."""


def parse(text: str) -> exp.Query:
    """The one SELECT that a definition holds.

    Raises:
        Unreadable: it can't be parsed, or is not exactly one SELECT.
    """
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect=Definition) if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise Unreadable(str(error).split("\n", 1)[0]) from error
    if len(trees) != 1:
        raise Unreadable(f"it holds {len(trees)} statements")
    tree = trees[0]
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        raise Unreadable(f"it is not a SELECT but {tree.key.upper()}")
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
    # Nothing that PostgreSQL writes is transformed while it is written, so it needs no copy of the tree.
    return tree.sql(dialect=Definition, pretty=pretty, normalize_functions=False, comments=False, copy=False)


def quoted(name: str) -> exp.Identifier:
    """An identifier exactly as spelled; quoted only where PostgreSQL would fold or misread it otherwise."""
    return exp.Identifier(
        this=name, quoted=not (name.isidentifier() and name.islower() and name.isascii()) or name in _RESERVED
    )


def column(table: str, name: str) -> exp.Column:
    """`table.name`, both as spelled."""
    return exp.Column(this=quoted(name), table=quoted(table))


def enclosed(tree: Tree) -> Tree:
    """A copy that can stand as an operand: in parentheses unless it is simple."""
    tree = tree.unnest().copy()
    simple = isinstance(tree, (exp.Column, exp.Literal, exp.Cast, exp.Null, exp.Anonymous))
    return tree if simple else exp.Paren(this=tree)


def spelled(identifier: Tree | str | None) -> str:
    """What an identifier of a definition names: PostgreSQL prints folded names without quotes."""
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
