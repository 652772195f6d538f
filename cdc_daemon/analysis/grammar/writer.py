"""Writes trees as PostgreSQL's text, which gram.y reads as the same tree.

sqlglot's own writer translates between databases; here each node is written in the form that it was read
from, with parentheses where its operator would bind otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.generators.postgres import PostgresGenerator

from cdc_daemon.analysis.grammar import precedence
from cdc_daemon.analysis.grammar.cursor import Tree
from cdc_daemon.analysis.grammar.nodes import PrefixOperator, TableFunction, Words

_TYPES = {
    exp.DType.FLOAT: "REAL",
    exp.DType.DOUBLE: "DOUBLE PRECISION",
}
_NOT_ASSOCIATIVE = frozenset({precedence.IS, precedence.COMPARE, precedence.RANGE})
_FIELD_OF = (exp.Paren, exp.Subquery, exp.Bracket, exp.Dot, exp.Identifier)
_SUBSCRIPT_OF = (exp.Column, exp.Paren, exp.Subquery, exp.Bracket)
_FREE = (Words, TableFunction, PrefixOperator, exp.Between)


def write(tree: Tree, *, pretty: bool = False, explicit: bool = False) -> str:
    """Return a tree as text.

    Args:
        explicit: put every operator in parentheses, also where PostgreSQL would read the same without them.
            The text then says how the tree is built, and a tree that was built wrongly gives another one.
    """
    if explicit:
        tree = tree.copy()
        for inner in list(tree.find_all(exp.SetOperation)):
            if isinstance(inner.parent, exp.SetOperation):
                inner.replace(exp.Subquery(this=inner.copy()))
    generator = _Explicit if explicit else _Writer
    # Nothing is transformed while it is written, so it needs no copy of the tree.
    return generator(dialect=Postgres, pretty=pretty, normalize_functions=False, comments=False).generate(
        tree, copy=False
    )


def text_of(value: str) -> str:
    """Return a string constant that does not depend on standard_conforming_strings."""
    quoted = value.replace("'", "''")
    if "\\" not in quoted:
        return f"'{quoted}'"
    doubled = quoted.replace("\\", "\\\\")
    return f"E'{doubled}'"


def _literal(writer: _Writer, tree: Tree) -> str:
    if not tree.is_string:
        return str(tree.this)
    text = text_of(tree.this)
    # Lines are indented afterwards; those inside a string are not.
    return text.replace("\n", writer.SENTINEL_LINE_BREAK) if writer.pretty else text


def _always(text: str) -> Callable[[_Writer, Tree], str]:
    def written(_writer: _Writer, _tree: Tree) -> str:
        return text

    return written


def _bits(kind: str) -> Callable[[_Writer, Tree], str]:
    def written(_writer: _Writer, tree: Tree) -> str:
        return f"{kind}'{tree.this}'"

    return written


def _word(_writer: _Writer, tree: Tree) -> str:
    return str(tree.this)


def _cast(writer: _Writer, tree: Tree) -> str:
    return f"CAST({writer.sql(tree, 'this')} AS {writer.sql(tree, 'to')})"


def _before(word: str) -> Callable[[_Writer, Tree], str]:
    def written(writer: _Writer, tree: Tree) -> str:
        return f"{word}{writer.sql(tree, 'this')}"

    return written


def _infix(sign: str) -> Callable[[_Writer, Tree], str]:
    def written(writer: _Writer, tree: Tree) -> str:
        return f"{writer.sql(tree, 'this')} {sign} {writer.sql(tree, 'expression')}"

    return written


def _operator(writer: _Writer, tree: Tree) -> str:
    return f"{writer.sql(tree, 'this')} {_sign(tree)} {writer.sql(tree, 'expression')}"


def _prefix_operator(writer: _Writer, tree: Tree) -> str:
    return f"{_sign(tree)} {writer.sql(tree, 'this')}"


def _sign(tree: Tree) -> str:
    operator = str(tree.args["operator"])
    return f"OPERATOR({operator.removeprefix('.')})" if "." in operator else operator


def _test(writer: _Writer, tree: Tree) -> str:
    return f"{writer.sql(tree, 'this')} IS {_negated(tree)}{writer.sql(tree, 'expression')}"


def _negated(tree: Tree) -> str:
    return "NOT " if tree.args.get("negate") else ""


def _like(writer: _Writer, tree: Tree) -> str:
    words: dict[type[Tree], str] = {exp.Like: "LIKE", exp.ILike: "ILIKE", exp.SimilarTo: "SIMILAR TO"}
    word = words[type(tree)]
    return f"{writer.sql(tree, 'this')} {_negated(tree)}{word} {writer.sql(tree, 'expression')}"


def _between(writer: _Writer, tree: Tree) -> str:
    symmetric = "SYMMETRIC " if tree.args.get("symmetric") else ""
    value, low, high = (writer.sql(tree, part) for part in ("this", "low", "high"))
    return f"{value} {_negated(tree)}BETWEEN {symmetric}{low} AND {high}"


def _in(writer: _Writer, tree: Tree) -> str:
    query = tree.args.get("query")
    members = writer.sql(query) if query is not None else f"({writer.expressions(tree, flat=True)})"
    return f"{writer.sql(tree, 'this')} {_negated(tree)}IN {members}"


def _quantified(word: str) -> Callable[[_Writer, Tree], str]:
    def written(writer: _Writer, tree: Tree) -> str:
        operand = writer.sql(tree, "this")
        return f"{word} {operand if isinstance(tree.this, (exp.Paren, exp.Subquery)) else f'({operand})'}"

    return written


def _at_time_zone(writer: _Writer, tree: Tree) -> str:
    local = isinstance(tree.args["zone"], exp.Var)
    return f"{writer.sql(tree, 'this')} AT {'LOCAL' if local else 'TIME ZONE ' + writer.sql(tree, 'zone')}"


def _bracket(writer: _Writer, tree: Tree) -> str:
    array = writer.sql(tree, "this")
    array = array if isinstance(tree.this, _SUBSCRIPT_OF) else f"({array})"
    return f"{array}[{writer.expressions(tree, flat=True)}]"


def _dot(writer: _Writer, tree: Tree) -> str:
    owner = writer.sql(tree, "this")
    owner = owner if isinstance(tree.this, _FIELD_OF) else f"({owner})"
    return f"{owner}.{writer.sql(tree, 'expression')}"


def _slice(writer: _Writer, tree: Tree) -> str:
    return f"{writer.sql(tree, 'this')}:{writer.sql(tree, 'expression')}"


def _distinct(writer: _Writer, tree: Tree) -> str:
    on = tree.args.get("on")
    if on is not None:
        return f"DISTINCT ON ({writer.expressions(on, flat=True)})"
    members = writer.expressions(tree, flat=True)
    return f"DISTINCT {members}" if members else "DISTINCT"


def _ordered(writer: _Writer, tree: Tree) -> str:
    descending, first = bool(tree.args.get("desc")), bool(tree.args.get("nulls_first"))
    nulls = f" NULLS {'FIRST' if first else 'LAST'}" if first != descending else ""
    return f"{writer.sql(tree, 'this')}{' DESC' if descending else ''}{nulls}"


def _words(writer: _Writer, tree: Tree) -> str:
    return " ".join(writer.sql(part) for part in tree.expressions)


def _table_function(writer: _Writer, tree: Tree) -> str:
    return f"{tree.this}({_words(writer, tree)})"


def _lock(writer: _Writer, tree: Tree) -> str:
    kinds = {(True, False): "UPDATE", (True, True): "NO KEY UPDATE", (False, False): "SHARE"}
    kind = kinds.get((bool(tree.args["update"]), bool(tree.args.get("key"))), "KEY SHARE")
    of = f" OF {writer.expressions(tree, flat=True)}" if tree.expressions else ""
    waiting: bool | None = tree.args.get("wait")
    wait = "" if waiting is None else " NOWAIT" if waiting else " SKIP LOCKED"
    return f"FOR {kind}{of}{wait}"


def _fetch(writer: _Writer, tree: Tree) -> str:
    count = tree.args.get("count")
    number = "" if count is None else f" ({writer.sql(count.unnest())})"
    ties = tree.args["limit_options"].args.get("with_ties")
    return f"{writer.seg('FETCH FIRST')}{number} ROWS {'WITH TIES' if ties else 'ONLY'}"


def _frame(writer: _Writer, tree: Tree) -> str:
    bounds = [_bound(writer, tree, which) for which in ("start", "end") if tree.args.get(which) is not None]
    extent = f"BETWEEN {' AND '.join(bounds)}" if len(bounds) == 2 else bounds[0]
    exclude = tree.args.get("exclude")
    return f"{tree.args['kind']} {extent}{f' EXCLUDE {writer.sql(exclude)}' if exclude else ''}"


def _bound(writer: _Writer, tree: Tree, which: str) -> str:
    side = tree.args.get(f"{which}_side")
    return f"{writer.sql(tree, which)}{f' {side}' if side else ''}"


def _type(writer: _Writer, tree: Tree) -> str:
    if tree.this is exp.DType.ARRAY:
        return f"{writer.expressions(tree, flat=True)}[]"
    kind = tree.args.get("kind")
    name = (
        writer.sql(kind) if isinstance(kind, exp.Expr) else kind or _TYPES.get(tree.this) or tree.this.value
    )
    sizes = f"({writer.expressions(tree, flat=True)})" if tree.expressions else ""
    collation = tree.args.get("collate")
    return f"{name}{sizes}{f' COLLATE {writer.sql(collation)}' if collation else ''}"


def _recursion(writer: _Writer, tree: Tree) -> str:
    columns, name = writer.expressions(tree.this, flat=True), writer.sql(tree, "expression")
    if tree.args["kind"] != "CYCLE":
        return f"SEARCH {tree.args['kind']} FIRST BY {columns} SET {name}"
    to, default = writer.sql(tree, "to"), writer.sql(tree, "default")
    marks = f" TO {to} DEFAULT {default}" if to else ""
    return f"CYCLE {columns} SET {name}{marks} USING {writer.sql(tree, 'using')}"


def _cte(writer: _Writer, tree: Tree) -> str:
    materialized = tree.args.get("materialized")
    hint = "" if materialized is None else f"{'' if materialized else 'NOT '}MATERIALIZED "
    clauses = "".join(f" {writer.sql(tree, part)}" for part in ("search", "cycle") if tree.args.get(part))
    return f"{writer.sql(tree, 'alias')} AS {hint}{writer.wrap(tree)}{clauses}"


# sqlglot's table of writers is typed with a bare Callable.
_WRITERS = cast("dict[Any, Any]", PostgresGenerator.TRANSFORMS)


class _Writer(PostgresGenerator):
    """Writes trees.

    Attributes:
        EXPLICIT: every operator is written in parentheses.
    """

    EXPLICIT: ClassVar[bool] = False
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **_WRITERS,
        exp.Add: _infix("+"),
        exp.All: _quantified("ALL"),
        exp.And: _infix("AND"),
        exp.Any: _quantified("ANY"),
        exp.AtTimeZone: _at_time_zone,
        exp.Between: _between,
        exp.BitString: _bits("B"),
        exp.Bracket: _bracket,
        exp.CTE: _cte,
        exp.Cast: _cast,
        exp.Collate: _infix("COLLATE"),
        exp.CurrentDate: _always("CURRENT_DATE"),
        exp.CurrentTime: _always("CURRENT_TIME"),
        exp.CurrentTimestamp: _always("CURRENT_TIMESTAMP"),
        exp.DPipe: _infix("||"),
        exp.DataType: _type,
        exp.Distinct: _distinct,
        exp.Div: _infix("/"),
        exp.Dot: _dot,
        exp.EQ: _infix("="),
        exp.Escape: _infix("ESCAPE"),
        exp.Fetch: _fetch,
        exp.GT: _infix(">"),
        exp.GTE: _infix(">="),
        exp.HexString: _bits("X"),
        exp.ILike: _like,
        exp.In: _in,
        exp.Is: _test,
        exp.Kwarg: _infix("=>"),
        exp.LT: _infix("<"),
        exp.LTE: _infix("<="),
        exp.Like: _like,
        exp.Literal: _literal,
        exp.Localtime: _always("LOCALTIME"),
        exp.Localtimestamp: _always("LOCALTIMESTAMP"),
        exp.Lock: _lock,
        exp.Mod: _infix("%"),
        exp.Mul: _infix("*"),
        exp.NEQ: _infix("<>"),
        exp.Neg: _before("-"),
        exp.Not: _before("NOT "),
        exp.NullSafeEQ: _infix("IS NOT DISTINCT FROM"),
        exp.NullSafeNEQ: _infix("IS DISTINCT FROM"),
        exp.Operator: _operator,
        exp.Or: _infix("OR"),
        exp.Ordered: _ordered,
        exp.Overlaps: _infix("OVERLAPS"),
        exp.Pow: _infix("^"),
        exp.RecursiveWithSearch: _recursion,
        exp.SimilarTo: _like,
        exp.Slice: _slice,
        exp.Sub: _infix("-"),
        exp.Var: _word,
        exp.Variadic: _before("VARIADIC "),
        exp.WindowSpec: _frame,
        PrefixOperator: _prefix_operator,
        TableFunction: _table_function,
        Words: _words,
    }

    def sql(self, expression: str | Tree | None, key: str | None = None, comment: bool = True) -> str:
        """Return a node's text, in parentheses if it is an operand that needs them."""
        text: str = super().sql(expression, key, comment)
        if key is None and isinstance(expression, exp.Expr) and self._needs_parentheses(expression):
            return f"({text})"
        return text

    def _needs_parentheses(self, tree: Tree) -> bool:
        own = precedence.level(tree)
        parent = tree.parent
        if own is None or parent is None or isinstance(parent, (exp.Paren, exp.Escape)):
            return False
        if self.EXPLICIT or isinstance(parent, _FREE):
            return True
        outer = precedence.level(parent)
        if outer is None:
            return False
        if tree.arg_key == "this" and not isinstance(parent, exp.Neg):
            return own < outer or (own == outer and own in _NOT_ASSOCIATIVE)
        return own <= outer

    def join_sql(self, expression: exp.Join, join_op: str | None = None) -> str:
        """Write the alias of merged columns after USING."""
        join: str = super().join_sql(expression, join_op)
        columns: list[Tree] = expression.args.get("using") or []
        name = columns[-1].meta.get("joined_as") if columns else None
        return join if name is None else f"{join} AS {self.sql(name)}"

    def table_sql(self, expression: exp.Table, sep: str = " AS ") -> str:
        """Write WITH ORDINALITY and TABLESAMPLE before joins in the same parentheses."""
        alone = expression.copy()
        joins: list[Tree] = alone.args.pop("joins", None) or []
        sample: Tree | None = alone.args.pop("sample", None)
        table: str = super().table_sql(alone, sep)
        if sample is not None:
            method, *seed = sample.expressions
            table += f" TABLESAMPLE {self.sql(method)}"
            table += "".join(f" REPEATABLE ({self.sql(each)})" for each in seed)
        return "".join([table, *(self.sql(each) for each in joins)])

    def values_sql(self, expression: exp.Values, values_as_table: bool = True) -> str:  # noqa: ARG002 # sqlglot's
        """Write VALUES as a query; in FROM it has a Subquery around it."""
        rows = f"VALUES {self.expressions(expression, flat=True)}"
        return self.query_modifiers(expression, self.prepend_ctes(expression, rows))

    def subquery_sql(self, expression: exp.Subquery, sep: str = " AS ") -> str:
        """Write VALUES in one line with its parentheses, and any other query as sqlglot does."""
        if not isinstance(expression.this, exp.Values):
            subquery: str = super().subquery_sql(expression, sep)
            return subquery
        alias = self.sql(expression, "alias")
        rows = f"({self.sql(expression, 'this')}){sep + alias if alias else ''}"
        return self.query_modifiers(expression, self.prepend_ctes(expression, rows))

    def tablealias_sql(self, expression: exp.TableAlias) -> str:
        """Write an alias. That of a function may give types to columns and have no name."""
        columns = self.expressions(expression, key="columns", flat=True)
        return f"{self.sql(expression, 'this')}{f'({columns})' if columns else ''}"

    def lateral_sql(self, expression: exp.Lateral) -> str:
        """Write LATERAL with the joins in the same parentheses."""
        ordinality = " WITH ORDINALITY" if expression.args.get("ordinality") else ""
        alias = self.sql(expression, "alias")
        joins = "".join(self.sql(each) for each in expression.args.get("joins") or ())
        item = self.sql(expression, "this")
        return f"LATERAL {item}{ordinality}{f' AS {alias}' if alias else ''}{joins}"


class _Explicit(_Writer):
    EXPLICIT = True
