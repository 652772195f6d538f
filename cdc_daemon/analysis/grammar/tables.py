"""FROM: tables, derived tables, functions and joins (table_ref)."""

from __future__ import annotations

from sqlglot import exp

from cdc_daemon.analysis.grammar.calls import Calls
from cdc_daemon.analysis.grammar.cursor import Tree
from cdc_daemon.analysis.grammar.lexer import Kind
from cdc_daemon.analysis.grammar.nodes import TableFunction, Words
from cdc_daemon.analysis.grammar.primaries import Primaries

_SIDES = frozenset({"LEFT", "RIGHT", "FULL"})
_TABLE_FUNCTIONS = frozenset({"XMLTABLE", "JSON_TABLE"})
_XML_OPTIONS = {"PATH", "DEFAULT"}


class Tables(Calls, Primaries):
    """Reads FROM."""

    def from_clause(self, select: exp.Select) -> None:
        """Read what follows FROM into a SELECT."""
        first, *others = self._list(self._joined)
        select.set("from_", exp.From(this=first[0]))
        joins = list(first[1])
        for item, further in others:
            joins += [exp.Join(this=item), *further]
        if joins:
            select.set("joins", joins)

    def _joined(self) -> tuple[Tree, list[exp.Join]]:
        """An item and what is joined to it."""
        item = self._item()
        joins: list[exp.Join] = []
        while (join := self._join()) is not None:
            joins.append(join)
        return item, joins

    def _join(self) -> exp.Join | None:
        natural = self._take("NATURAL")
        side = self._next().upper if self._one_of(_SIDES) else None
        if side is not None:
            self._take("OUTER")
        kind = None
        if side is None and self._one_of({"CROSS", "INNER"}):
            kind = self._next().upper
        if not self._take("JOIN"):
            if natural or side or kind:
                raise self._fault("where JOIN is expected")
            return None
        join = exp.Join(this=self._item(), side=side, kind=kind, method="NATURAL" if natural else None)
        if kind == "CROSS" or natural:
            return join
        inner: list[exp.Join] = []  # `a JOIN b JOIN c ON … ON …`
        while not (self._is("ON") or self._is("USING")):
            further = self._join()
            if further is None:
                raise self._fault("where ON or USING is expected")
            inner.append(further)
        if inner:
            join.this.set("joins", inner)
            join.set("this", exp.Subquery(this=join.this))
        if self._take("ON"):
            join.set("on", self.expression())
            return join
        self._expect("USING")
        columns = self._in_parentheses(lambda: self._list(self._name))
        if self._take("AS"):
            columns[-1].meta["joined_as"] = self._name()
        join.set("using", columns)
        return join

    # Items

    def _item(self) -> Tree:  # noqa: PLR0911 # one for each production
        lateral = self._take("LATERAL")
        if self._take("ROWS", "FROM"):
            return self._rows_from()
        if self._is("("):
            return self._derived(lateral=lateral)
        if self._one_of(_TABLE_FUNCTIONS) and self._ahead().upper == "(":
            return self._function(self._table_function(), [], lateral=lateral)
        only = self._take("ONLY")
        if only and self._take("("):
            table = self._relation(only=True)
            self._expect(")")
            return self._sampled(table)
        if not self._starts_name() and self._ahead().upper not in {"(", "."}:
            return self._function(self.primary(), [], lateral=lateral)  # CURRENT_DATE
        if only or not self._is_call():
            return self._sampled(self._relation(only=only))
        names = [self._label()]
        while self._take("."):
            names.append(self._label())
        # A schema stands beside the call as it does beside a table's name.
        return self._function(self.plain_call(names[-1:]), names[:-1], lateral=lateral)

    def _is_call(self) -> bool:
        """Whether a name, with or without a schema, stands before a parenthesis."""
        n = 1
        while self._ahead(n).upper == ".":
            n += 2
        return self._ahead(n).upper == "("

    def _relation(self, *, only: bool) -> exp.Table:
        names = [self._name()]
        while self._take("."):
            names.append(self._label())
        if self._current.kind is Kind.OPERATOR and self._current.text == "*":
            self._next()
        parts = dict(zip(("this", "db", "catalog"), reversed(names), strict=False))
        return exp.Table(**parts, only=only or None)

    def _sampled(self, table: exp.Table) -> exp.Table:
        alias = self._alias()
        if alias is not None:
            table.set("alias", alias)
        if self._take("TABLESAMPLE"):
            method = self.plain_call([self._label()])
            seed = self._in_parentheses(self.expression) if self._take("REPEATABLE") else None
            table.set("sample", Words(expressions=[method, *([seed] if seed else [])]))
        return table

    def _derived(self, *, lateral: bool) -> Tree:
        query = self.parenthesised_query()
        if query is not None:
            alias = self._alias()
            if lateral:
                return exp.Lateral(this=query, alias=alias)
            query.set("alias", alias)
            return query
        self._expect("(")
        item, joins = self._joined()
        self._expect(")")
        if joins:
            item.set("joins", joins)
        return exp.Subquery(this=item, alias=self._alias())

    def _function(self, call: Tree, schema: list[exp.Identifier], *, lateral: bool) -> Tree:
        ordinality = self._take("WITH", "ORDINALITY") or None
        alias = self._alias()
        if lateral:
            for name in reversed(schema):
                call = exp.Dot(this=name, expression=call)
            return exp.Lateral(this=call, alias=alias, ordinality=ordinality)
        parts = dict(zip(("db", "catalog"), reversed(schema), strict=False))
        return exp.Table(this=call, **parts, alias=alias, ordinality=ordinality)

    def _rows_from(self) -> exp.Table:
        """`ROWS FROM (…)`; LATERAL changes nothing there."""
        calls = self._in_parentheses(lambda: self._list(self._row_function))
        ordinality = self._take("WITH", "ORDINALITY") or None
        return exp.Table(rows_from=calls, ordinality=ordinality, alias=self._alias())

    def _row_function(self) -> exp.Table:
        if not self._is_call():
            return exp.Table(this=self.primary(), alias=self._alias())
        names = [self._label()]
        while self._take("."):
            names.append(self._label())
        parts = dict(zip(("db", "catalog"), reversed(names[:-1]), strict=False))
        return exp.Table(this=self.plain_call(names[-1:]), **parts, alias=self._alias())

    def _alias(self) -> exp.TableAlias | None:
        """`AS q(a, b)`, `q(a int, b text)`, `AS (a int)`."""
        named = self._take("AS")
        if named and self._is("("):
            return exp.TableAlias(columns=self._in_parentheses(lambda: self._list(self._column_alias)))
        if not (named or self._starts_name()):
            return None
        name = self._name()
        columns = None
        if self._is("("):
            columns = self._in_parentheses(lambda: self._list(self._column_alias))
        return exp.TableAlias(this=name, columns=columns)

    def _column_alias(self) -> Tree:
        name = self._name()
        if self._is(",") or self._is(")"):
            return name
        type_ = self.type_name()
        if self._take("COLLATE"):
            type_.set("collate", self._collation())
        return exp.ColumnDef(this=name, kind=type_)

    def _collation(self) -> Tree:
        name: Tree = self._label()
        while self._take("."):
            name = exp.Dot(this=name, expression=self._label())
        return name

    # XMLTABLE and JSON_TABLE

    def _table_function(self) -> TableFunction:
        name = self._next()
        columns: list[str] = []
        parts = self._in_parentheses(lambda: self._table_words(columns))
        found = TableFunction(this=name.upper, expressions=parts, columns=columns)
        self._placed(found, name)
        return found

    def _table_words(self, columns: list[str]) -> list[Tree]:
        """The parts of the call, as they follow each other; the columns' names are added to `columns`."""
        parts: list[Tree] = []
        while not self._is(")"):
            word = self._current.upper
            if self._take("COLUMNS"):
                parts.append(exp.Var(this="COLUMNS"))
                wrapped = self._take("(")
                parts += [exp.Var(this="(")] * wrapped
                parts += self._table_columns(columns)
                if wrapped:
                    self._expect(")")
                    parts.append(exp.Var(this=")"))
            elif word == ",":
                parts.append(exp.Var(this=self._next().text))
            elif self._is("PASSING", "BY"):
                parts += [exp.Var(this=self._next().upper) for _ in range(3)]
            elif self._is("BY", "REF") or self._is("BY", "VALUE"):
                parts += [exp.Var(this=self._next().upper) for _ in range(2)]
            elif word in {"PASSING", "ON", "ERROR", "EMPTY", "ARRAY", "NULL"}:
                parts.append(exp.Var(this=self._next().upper))
            elif self._take("AS"):
                parts += [exp.Var(this="AS"), self._label()]
            else:
                parts.append(self.primary() if parts and parts[-1].name == "VALUE" else self.expression())
        return parts

    def _table_columns(self, columns: list[str]) -> list[Tree]:
        parts = self._table_column(columns)
        while self._take(","):
            parts += [exp.Var(this=","), *self._table_column(columns)]
        return parts

    def _table_column(self, columns: list[str]) -> list[Tree]:
        if self._is("NESTED"):
            return self._nested(columns)
        name = self._name()
        columns.append(name.name)
        if self._take("FOR", "ORDINALITY"):
            return [name, exp.Var(this="FOR ORDINALITY")]
        parts: list[Tree] = [name, self.type_name()]
        while not (self._is(",") or self._is(")")):
            word = self._current
            if word.kind is Kind.WORD and parts[-1].name not in _XML_OPTIONS:
                parts.append(exp.Var(this=self._next().upper))
            else:
                parts.append(self.expression(restricted=True))
        return parts

    def _nested(self, columns: list[str]) -> list[Tree]:
        parts: list[Tree] = [exp.Var(this=self._next().upper)]
        if self._take("PATH"):
            parts.append(exp.Var(this="PATH"))
        parts.append(self.primary())
        if self._take("AS"):
            parts += [exp.Var(this="AS"), self._label()]
        self._expect("COLUMNS", "(")
        parts += [exp.Var(this="COLUMNS"), exp.Var(this="("), *self._table_columns(columns)]
        self._expect(")")
        return [*parts, exp.Var(this=")")]
