"""Random queries: a grammar over everything that the analysis must follow.

Every query is a function of the *sets* of rows that it reads: where SQL leaves a choice (which of two equal
values stands for a group, which of two ties is cut off), the grammar fixes it, for a document that changes
without a change of rows is the query's fault, not the analysis'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.support.grammar.conditions import Conditions
from tests.support.grammar.expressions import Expressions
from tests.support.grammar.from_items import FromItems
from tests.support.grammar.schemas import ELSEWHERE, NO_EQUALITY, SAME
from tests.support.grammar.selects import Selects
from tests.support.grammar.terms import Col, Query, View, canonical

ENTITY_TYPES = ("integer", "bigint", "text", "varchar(8)", "date", "uuid", "boolean", "size", "citext")


class Feed(NamedTuple):
    """A query as a feed; `entity` are output columns, of the types given."""

    sql: str
    entity: tuple[str, ...]
    types: tuple[str, ...]


class Grammar(Expressions, Conditions, FromItems, Selects):
    """Writes queries over one schema, and views in it."""

    def feed(self) -> Feed:
        """A whole query with an entity of one or two of its columns."""
        with_ = self._with()
        body = self._body(self.depth, ())
        outputs = {f"o{n}": col for n, col in enumerate(body.columns, 1)}
        inner = ", ".join(outputs)
        usable = [
            name
            for name, col in outputs.items()
            if col.type in ENTITY_TYPES and not (col.merged and col.type not in SAME)
        ]
        shown = {
            name: canonical(Col(f"q.{name}", col.type, col.merged, col.computed))
            for name, col in outputs.items()
        }
        if not usable:
            outputs["o0"], shown["o0"] = Col("1", "integer"), "1"
            usable = ["o0"]
        values = [name for name in usable if not outputs[name].computed]
        if values and self.chance.percent(95):
            usable = values
        entity = self.chance.some(usable, 1, 2 if self.chance.percent(30) else 1)
        types = tuple(outputs[name].type for name in entity)
        quoted = self.chance.percent(8)
        if not quoted and all(sql == f"q.{name}" for name, sql in shown.items()):
            return Feed(with_ + body.sql, tuple(entity), types)
        names = {name: f"Output {name}" if quoted else name for name in shown}
        listed = ", ".join(f'{sql} AS "{names[name]}"' for name, sql in shown.items())
        query = f"{with_}SELECT {listed} FROM ({body.sql}) q({inner})"
        return Feed(query, tuple(names[name] for name in entity), types)

    def view(self) -> View:
        """A view, which may read those before it; what is written from now on may read it."""
        number = len(self.views) + 1
        name = self.chance.of((f"v{number}", f'"View {number}"', f"{ELSEWHERE}.v{number}"))
        with_ = self._with()
        query = self._body(1, ())
        columns = tuple(
            Col(f"c{n}", col.type, col.merged, col.computed) for n, col in enumerate(query.columns, 1)
        )
        names = ", ".join(col.sql for col in columns)
        view = View(name, columns, f"CREATE VIEW {name}({names}) AS {with_}{query.sql}")
        self.views.append(view)
        return view

    def _with(self) -> str:
        """WITH and its queries, which the query that follows may read, or nothing."""
        self._ctes = {}
        clauses: list[str] = []
        recursive = False
        for _ in range(self.chance.number(0, 2) if self.chance.percent(25) else 0):
            name = self._name("t")
            if self.chance.percent(35):
                recursive = True
                query = self._recursion(name)
            else:
                query = self._body(1, ())
            hint = self.chance.of(("", "", "MATERIALIZED ", "NOT MATERIALIZED "))
            columns = tuple(
                Col(f"c{n}", col.type, col.merged, col.computed) for n, col in enumerate(query.columns, 1)
            )
            clauses.append(f"{name}({', '.join(col.sql for col in columns)}) AS {hint}({query.sql})")
            self._ctes[name] = columns
        return f"WITH {'RECURSIVE ' * recursive}{', '.join(clauses)} " if clauses else ""

    # Bodies

    def _body(self, depth: int, outer: Sequence[Col], types: Sequence[str] = ()) -> Query:
        """A SELECT or a set operation, with outputs o1, o2 …; of given types, if any are given."""
        if depth > 0 and self.chance.percent(12):
            return self._set_operation(depth - 1, outer, types)
        return self._select(depth, outer, types)

    def _set_operation(self, depth: int, outer: Sequence[Col], types: Sequence[str]) -> Query:
        types = types or [
            self.chance.of(("integer", "text", "numeric", "date")) for _ in range(self.chance.number(1, 3))
        ]
        kind = self.chance.of(
            ("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "UNION", "INTERSECT ALL", "EXCEPT ALL")
        )
        if any(type_ in NO_EQUALITY for type_ in types):
            kind = "UNION ALL"
        arms = [self._select(depth, outer, types, plain=True) for _ in range(2)]
        merged = kind != "UNION ALL"
        columns = tuple(
            Col(
                f"o{n}",
                type_,
                merged or any(arm.columns[n - 1].merged for arm in arms),
                any(arm.columns[n - 1].computed for arm in arms),
            )
            for n, type_ in enumerate(types, 1)
        )
        return Query(f"({arms[0].sql}) {kind} ({arms[1].sql})", columns)

    def _recursion(self, name: str) -> Query:
        """A tree by adjacency: UNION ends it on cyclic data, a depth where paths are built."""
        table = self.chance.of(self.schema.tables)
        numbers = [column.name for column in table.columns if column.type == "integer"]
        up, down = self.chance.of(numbers), self.chance.of(numbers)
        other = self.chance.of(table.columns).name
        other_type = next(column.type for column in table.columns if column.name == other)
        start = (
            ""
            if self.chance.percent(30)
            else f" WHERE x.{self.chance.of(numbers)} {self.chance.of(('IS NULL', '= 1', '> 2'))}"
        )
        if other_type in SAME and other_type != "boolean" and self.chance.percent(50):
            root = self.chance.percent(50)
            carried = f"{name}.c2" if root else f"y.{other}"
            return Query(
                f"SELECT x.{down}, x.{other} FROM {table.name} x{start} UNION "
                f"SELECT y.{down}, {carried} FROM {table.name} y JOIN {name} ON y.{up} = {name}.c1",
                (Col("c1", "integer"), Col("c2", other_type)),
            )
        limit = self.chance.number(1, 3)
        return Query(
            f"SELECT x.{down}, 0, '/' || x.{down} FROM {table.name} x{start} UNION ALL "
            f"SELECT y.{down}, {name}.c2 + 1, {name}.c3 || '/' || y.{down} FROM {table.name} y "
            f"JOIN {name} ON y.{up} = {name}.c1 WHERE {name}.c2 < {limit}",
            (Col("c1", "integer"), Col("c2", "integer"), Col("c3", "text")),
        )
