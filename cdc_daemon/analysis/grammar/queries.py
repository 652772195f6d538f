"""Queries: WITH, set operations, SELECT and its clauses (SelectStmt)."""

from __future__ import annotations

from sqlglot import exp

from cdc_daemon.analysis.grammar.cursor import Tree
from cdc_daemon.analysis.grammar.expressions import Expressions
from cdc_daemon.analysis.grammar.lexer import Kind
from cdc_daemon.analysis.grammar.nodes import Words
from cdc_daemon.analysis.grammar.tables import Tables
from cdc_daemon.analysis.grammar.types import TypeNames

_SET_OPERATIONS = {"UNION": exp.Union, "EXCEPT": exp.Except, "INTERSECT": exp.Intersect}


def read_query(text: str) -> Tree:
    """Read the one statement of a text: a SELECT, VALUES or a set operation.

    Raises:
        SyntaxFault: the text holds something else.
    """
    return _Reader(text).statement()


class _Reader(Tables, Expressions, TypeNames):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._queries = {}

    def statement(self) -> Tree:
        query = self.query()
        while self._take(";"):
            pass
        if self._current.kind is not Kind.END:
            raise self._fault()
        return query

    def _interval_type(self) -> exp.DataType:
        return self._interval([])

    # Queries

    def query(self) -> Tree:
        """Read a query with its WITH, ORDER BY and LIMIT."""
        clause = self._with() if self._is("WITH") else None
        found = self._set_operation(self._intersection(), {"UNION", "EXCEPT"})
        self._modifiers(found)
        if clause is not None:
            found.set("with_", clause)
        return found

    def _set_operation(self, left: Tree, words: set[str]) -> Tree:
        while self._one_of(words):
            kind = _SET_OPERATIONS[self._next().upper]
            every = self._take("ALL")
            if not every:
                self._take("DISTINCT")
            right = self._simple() if kind is exp.Intersect else self._intersection()
            left = kind(this=left, expression=right, distinct=not every)
        return left

    def _intersection(self) -> Tree:
        return self._set_operation(self._simple(), {"INTERSECT"})

    def _simple(self) -> Tree:
        """A query without set operations."""
        if self._is("("):
            query = self.parenthesised_query()
            if query is None:
                raise self._fault("where a query is expected")
            return query
        if self._take("VALUES"):
            rows = self._list(lambda: self._in_parentheses(lambda: self._list(self.expression)))
            return exp.Values(expressions=[exp.Tuple(expressions=row) for row in rows])
        if self._take("TABLE"):
            return exp.Select(expressions=[exp.Star()], from_=exp.From(this=self._relation(only=False)))
        if self._take("SELECT"):
            return self._select()
        raise self._fault("where a query is expected")

    def _modifiers(self, query: Tree) -> None:
        if self._take("ORDER", "BY"):
            query.set("order", self.order_by())
        locks: list[exp.Lock] = []
        while True:
            if self._take("LIMIT"):
                every = self._take("ALL")
                limit = exp.Var(this="ALL") if every else self.expression()
                query.set("limit", exp.Limit(expression=limit))
            elif self._take("OFFSET"):
                query.set("offset", exp.Offset(expression=self.expression()))
                if not self._take("ROWS"):
                    self._take("ROW")
            elif self._take("FETCH"):
                query.set("limit", self._fetch())
            elif self._is("FOR"):
                locks.append(self._lock())
            else:
                break
        if locks:
            query.set("locks", locks)

    def _fetch(self) -> exp.Fetch:
        self._next()
        count = None if self._one_of({"ROW", "ROWS"}) else self.expression()
        self._next()
        ties = self._take("WITH", "TIES")
        if not ties:
            self._expect("ONLY")
        return exp.Fetch(
            direction="FIRST", count=count, limit_options=exp.LimitOptions(rows=True, with_ties=ties)
        )

    def _lock(self) -> exp.Lock:
        self._next()
        weak = self._take("NO", "KEY") or self._take("KEY")
        update = self._next().upper == "UPDATE"
        tables = self._list(lambda: self._relation(only=False)) if self._take("OF") else None
        wait = None
        if self._take("NOWAIT"):
            wait = True
        elif self._take("SKIP", "LOCKED"):
            wait = False
        return exp.Lock(update=update, key=weak or None, expressions=tables, wait=wait)

    # SELECT

    def _select(self) -> exp.Select:
        select = exp.Select()
        if self._take("DISTINCT"):
            on = None
            if self._take("ON"):
                on = exp.Tuple(expressions=self._in_parentheses(lambda: self._list(self.expression)))
            select.set("distinct", exp.Distinct(on=on))
        else:
            self._take("ALL")
        empty = self._current.kind is Kind.END or self._one_of(
            {"FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT"}
            | {"OFFSET", "FETCH", "FOR", ")", ";"}
        )
        select.set("expressions", [] if empty else self._list(self._output))
        if self._take("FROM"):
            self.from_clause(select)
        if self._take("WHERE"):
            select.set("where", exp.Where(this=self.expression()))
        if self._take("GROUP", "BY"):
            all_ = False if self._take("DISTINCT") else None
            self._take("ALL")
            select.set("group", exp.Group(all=all_, expressions=self._list(self._grouping)))
        if self._take("HAVING"):
            select.set("having", exp.Having(this=self.expression()))
        if self._take("WINDOW"):
            select.set("windows", self._list(self._window))
        return select

    def _output(self) -> Tree:
        if self._current.kind is Kind.OPERATOR and self._current.text == "*":
            star = exp.Star()
            self._placed(star, self._next())
            return star
        value = self.expression()
        name = self._label() if self._take("AS") else self._bare_label()
        return value if name is None else exp.Alias(this=value, alias=name)

    def _grouping(self) -> Tree:
        if self._take("GROUPING", "SETS"):
            return exp.GroupingSets(expressions=self._in_parentheses(lambda: self._list(self._grouping)))
        for word, kind in (("ROLLUP", exp.Rollup), ("CUBE", exp.Cube)):
            if self._is(word, "("):
                self._next()
                return kind(expressions=self._in_parentheses(lambda: self._list(self.expression)))
        return self.expression()

    def _window(self) -> exp.Window:
        name = self._name()
        self._expect("AS")
        window = self.window_definition()
        window.set("this", name)
        return window

    def order_by(self) -> exp.Order:
        """Read the keys of an ORDER BY."""
        return exp.Order(expressions=self._list(self._ordered))

    def _ordered(self) -> exp.Ordered:
        value = self.expression()
        if self._take("USING"):
            # What comes first under such an operator is not known here, so where NULLs go is part of it.
            parts = [value, exp.Var(this="USING"), exp.Var(this=self._operator_name())]
            if self._take("NULLS"):
                parts.append(exp.Var(this=f"NULLS {self._next().upper}"))
            return exp.Ordered(this=Words(expressions=parts), nulls_first=False)
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls_first = descending
        if self._take("NULLS"):
            nulls_first = self._next().upper == "FIRST"
        return exp.Ordered(this=value, desc=descending or None, nulls_first=nulls_first)

    def _operator_name(self) -> str:
        operator = self._operator()
        return f"OPERATOR({operator.removeprefix('.')})" if "." in operator else operator

    # WITH

    def _with(self) -> exp.With:
        self._next()
        recursive = self._take("RECURSIVE") or None
        clause = exp.With(recursive=recursive)
        clause.set("expressions", self._list(self._cte))
        return clause

    def _cte(self) -> exp.CTE:
        name = self._name()
        columns = None
        if self._is("("):
            columns = self._in_parentheses(lambda: self._list(self._name))
        self._expect("AS")
        materialized = None
        if self._take("NOT", "MATERIALIZED"):
            materialized = False
        elif self._take("MATERIALIZED"):
            materialized = True
        query = self._in_parentheses(self.query)
        alias = exp.TableAlias(this=name, columns=columns)
        cte = exp.CTE(this=query, alias=alias, materialized=materialized)
        if self._take("SEARCH"):
            cte.set("search", self._search())
        if self._take("CYCLE"):
            cte.set("cycle", self._cycle())
        return cte

    def _search(self) -> exp.RecursiveWithSearch:
        kind = self._next().upper
        self._expect("FIRST", "BY")
        columns = exp.Tuple(expressions=self._list(self._name))
        self._expect("SET")
        return exp.RecursiveWithSearch(kind=kind, this=columns, expression=self._name())

    def _cycle(self) -> exp.RecursiveWithSearch:
        columns = exp.Tuple(expressions=self._list(self._name))
        self._expect("SET")
        found = exp.RecursiveWithSearch(kind="CYCLE", this=columns, expression=self._name())
        if self._take("TO"):
            found.set("to", self.primary())
            self._expect("DEFAULT")
            found.set("default", self.primary())
        self._expect("USING")
        found.set("using", self._name())
        return found
