"""Random queries: a grammar over everything that the analysis must follow.

Every query is a function of the *sets* of rows that it reads: where SQL leaves a choice (which of two equal
values stands for a group, which of two ties is cut off), the grammar fixes it, for a document that changes
without a change of rows is the query's fault, not the analysis'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.integration.properties.schemas import NO_EQUALITY, NUMBERS, SAME, TEXTS, VALUES, Chance, Schema

ENTITY_TYPES = ("integer", "bigint", "text", "varchar(8)", "date", "uuid", "boolean", "size")


class Col(NamedTuple):
    """An expression in sight.

    Attributes:
        merged: it stands for a group of equal values: only what is the same for all may be made of it.
        computed: it is an aggregate, a window or a subquery: a poor entity, since nothing leads to it.
    """

    sql: str
    type: str
    merged: bool = False
    computed: bool = False


class Query(NamedTuple):
    sql: str
    columns: tuple[Col, ...]


class Feed(NamedTuple):
    """A query as a feed; `entity` are output columns."""

    sql: str
    entity: tuple[str, ...]


@dataclass
class Grammar:
    """Writes queries over one schema.

    Attributes:
        depth: how deep subqueries may nest.
    """

    chance: Chance
    schema: Schema
    depth: int = 2
    _names: int = 0
    _ctes: dict[str, tuple[Col, ...]] = field(default_factory=dict[str, tuple[Col, ...]])

    def feed(self, types: Sequence[str] = ENTITY_TYPES) -> Feed:
        """A whole query with an entity of one or two of its columns."""
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
        body = self._body(self.depth, ())
        outputs = [(f"o{n}", col) for n, col in enumerate(body.columns, 1)]
        usable = [
            name for name, col in outputs if col.type in types and not (col.merged and col.type not in SAME)
        ]
        if not usable:
            outputs.append(("o0", Col("1", "integer")))
            usable = ["o0"]
        values = [name for name in usable if not dict(outputs)[name].computed]
        if values and self.chance.percent(95):
            usable = values
        entity = self.chance.some(usable, 1, 2 if self.chance.percent(30) else 1)
        with_ = f"WITH {'RECURSIVE ' * recursive}{', '.join(clauses)} " if clauses else ""
        names = ", ".join(
            f"{canonical(Col(f'q.{name}', col.type, col.merged))} AS {name}" for name, col in outputs
        )
        inner = ", ".join(name for name, col in outputs if col.sql != "1")
        if all(not col.merged or col.type in SAME for _, col in outputs) and "o0" not in dict(outputs):
            return Feed(with_ + body.sql, tuple(entity))
        names = names.replace("q.o0 AS o0", "1 AS o0")
        return Feed(f"{with_}SELECT {names} FROM ({body.sql}) q({inner})", tuple(entity))

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

    def _select(
        self, depth: int, outer: Sequence[Col], types: Sequence[str] = (), *, plain: bool = False
    ) -> Query:
        outer = _qualified(outer)
        from_, cols = self._from(depth, outer)
        conditions = [self._predicate(depth, cols, outer) for _ in range(self.chance.number(0, 2))]
        if outer and self.chance.percent(85):
            tie = self._equality(cols, outer)
            conditions += [tie] if tie else []
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        shape = (
            "plain"
            if plain
            else self.chance.weighed(
                {"plain": 50, "group": 22, "window": 10, "distinct": 6, "on": 6, "limit": 6}
            )
        )
        if shape == "limit" and not outer and not self.chance.percent(30):
            shape = "plain"
        if shape == "group":
            return self._group(depth, cols, outer, f" FROM {from_}{where}", types)
        outputs = self._outputs(depth, cols, outer, types)
        if shape == "window":
            return self._window(cols, outputs, f" FROM {from_}{where}", types)
        listed = _listed(outputs)
        named = tuple(Col(f"o{n}", col.type, col.merged, col.computed) for n, col in enumerate(outputs, 1))
        comparable = all(col.type not in NO_EQUALITY for col in outputs)
        if shape == "distinct" and comparable:
            return Query(f"SELECT DISTINCT {listed} FROM {from_}{where}", _merged(named))
        every = f"ROW({', '.join(canonical(col) for col in outputs)})::text"
        keys = [col.sql for col in self._keys(cols)]
        if shape == "on" and keys:
            keys = keys[: self.chance.number(1, 2)]
            return Query(
                f"SELECT DISTINCT ON ({', '.join(keys)}) {listed} FROM {from_}{where} "
                f"ORDER BY {', '.join(keys)}, {every}",
                named,
            )
        if shape == "limit":
            offset = f" OFFSET {self.chance.number(1, 2)}" if self.chance.percent(25) else ""
            first = f"{self.chance.of(keys)} DESC, " if keys and self.chance.percent(50) else ""
            return Query(
                f"SELECT {listed} FROM {from_}{where} ORDER BY {first}{every} "
                f"LIMIT {self.chance.number(1, 2)}{offset}",
                named,
            )
        return Query(f"SELECT {listed} FROM {from_}{where}", named)

    def _outputs(
        self, depth: int, cols: Sequence[Col], outer: Sequence[Col], types: Sequence[str]
    ) -> list[Col]:
        if types:
            return [self._typed(type_, cols) for type_ in types]
        outputs = self.chance.some(cols, 1, 3)
        if self.chance.percent(35):
            outputs.append(self._expression(depth, cols, outer))
        return outputs

    def _group(
        self, depth: int, cols: Sequence[Col], outer: Sequence[Col], from_: str, types: Sequence[str]
    ) -> Query:
        if types or self.chance.percent(15):
            aggregates = [self._aggregate(cols, type_) for type_ in types or ("integer", "text")]
            return Query(
                f"SELECT {_listed(aggregates)}{from_}",
                tuple(Col(f"o{n}", col.type, computed=True) for n, col in enumerate(aggregates, 1)),
            )
        keys = self._keys(cols)[: self.chance.number(1, 3)] or [Col("1 + 0", "integer")]
        if self.chance.percent(15):
            keys[0] = self._key_expression(keys[0])
        aggregates = [
            self._aggregate(cols, self.chance.of(("integer", "text")))
            for _ in range(self.chance.number(1, 2))
        ]
        sqls = [col.sql for col in keys]
        kind = self.chance.weighed({"plain": 80, "rollup": 7, "cube": 5, "sets": 8})
        group = {
            "plain": ", ".join(sqls),
            "rollup": f"ROLLUP ({', '.join(sqls)})",
            "cube": f"CUBE ({', '.join(sqls)})",
            "sets": f"GROUPING SETS ({', '.join(f'({sql})' for sql in sqls)}, ())",
        }[kind]
        having = ""
        if self.chance.percent(25):
            having = " HAVING " + self.chance.of(("count(*) > 1", f"count({sqls[0]}) > 0"))
            if depth > 0 and self.chance.percent(40):
                having = f" HAVING {self._predicate(depth, keys, outer)}"
        outputs = [*keys, *aggregates]
        columns = tuple(
            Col(f"o{n}", col.type, n <= len(keys), n > len(keys) or col.computed)
            for n, col in enumerate(outputs, 1)
        )
        return Query(f"SELECT {_listed(outputs)}{from_} GROUP BY {group}{having}", columns)

    def _window(self, cols: Sequence[Col], outputs: list[Col], from_: str, types: Sequence[str]) -> Query:
        keys = [col.sql for col in self._keys(cols)][: self.chance.number(1, 2)]
        if self.chance.percent(12):
            keys = []
        partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
        order = f"ORDER BY ROW({', '.join(canonical(col) for col in outputs)})::text"
        of = self.chance.of(
            (
                f"count(*) OVER ({partition.strip()})",
                f"row_number() OVER ({partition}{order})",
                f"rank() OVER ({partition}{order})",
                f"lag({canonical(outputs[0])}::text) OVER ({partition}{order})",
                f"count(*) FILTER (WHERE {outputs[0].sql} IS NULL) OVER ({partition}{order})",
            )
        )
        if types:
            return Query(
                f"SELECT {_listed(outputs)}{from_}",
                tuple(Col(f"o{n}", c.type, c.merged, c.computed) for n, c in enumerate(outputs, 1)),
            )
        outputs = [*outputs, Col(of, "text" if of.startswith("lag") else "bigint", computed=True)]
        columns = tuple(Col(f"o{n}", col.type, col.merged, col.computed) for n, col in enumerate(outputs, 1))
        query = f"SELECT {_listed(outputs)}{from_}"
        if of.startswith(("row_number", "rank")) and self.chance.percent(50):
            name = self._name("w")
            shown = ", ".join(f"{name}.{col.sql}" for col in columns)
            filtered = f"SELECT {shown} FROM ({query}) {name} WHERE {name}.o{len(outputs)} = 1"
            return Query(filtered, columns)
        return Query(query, columns)

    # FROM

    def _from(self, depth: int, outer: Sequence[Col]) -> tuple[str, list[Col]]:
        if self.chance.percent(8) and len(self.schema.tables) > 1:
            return self._using()
        text, cols = self._item(depth, outer, ())
        comma = self.chance.percent(15)
        for _ in range(self.chance.number(0, 2)):
            kind = (
                ","
                if comma
                else self.chance.weighed(
                    {"JOIN": 40, "LEFT JOIN": 35, "RIGHT JOIN": 8, "FULL JOIN": 8, "CROSS JOIN": 9}
                )
            )
            lateral = () if kind in ("RIGHT JOIN", "FULL JOIN") else cols
            if kind in ("LEFT JOIN", "JOIN") and depth > 0 and self.chance.percent(10):
                item, new = self._nested(depth, outer)
            else:
                item, new = self._item(depth, outer, lateral)
            text = f"{text}{kind if comma else ' ' + kind} {item}"
            if kind in (",", "CROSS JOIN"):
                cols = [*cols, *new]
                continue
            text += f" ON {self._on(depth, cols, new, outer, full=kind == 'FULL JOIN')}"
            cols = [*cols, *new]
        return text, cols

    def _on(
        self, depth: int, left: Sequence[Col], right: Sequence[Col], outer: Sequence[Col], *, full: bool
    ) -> str:
        parts: list[str] = []
        tie = self._equality(right, left, plain=full)
        if tie and (full or self.chance.percent(88)):
            parts.append(tie)
        if not full:
            parts += [self._predicate(depth, [*left, *right], outer) for _ in range(self.chance.number(0, 1))]
        return " AND ".join(parts) or "true"

    def _nested(self, depth: int, outer: Sequence[Col]) -> tuple[str, list[Col]]:
        a, left = self._item(0, outer, ())
        b, right = self._item(0, outer, ())
        kind = self.chance.of(("JOIN", "LEFT JOIN"))
        return f"({a} {kind} {b} ON {self._on(0, left, right, (), full=False)})", [*left, *right]

    def _using(self) -> tuple[str, list[Col]]:
        a, b = self.chance.some(self.schema.tables, 2, 2)
        x, y = self._name(a.name), self._name(b.name)
        kind = self.chance.of(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"))
        natural = self.chance.percent(35)
        text = f"{a.name} {x} {'NATURAL ' * natural}{kind} {b.name} {y}{'' if natural else ' USING (id)'}"
        cols = [Col("id", "integer")]
        cols += [
            Col(f"{alias}.{c.name}", c.type)
            for alias, t in ((x, a), (y, b))
            for c in t.columns
            if c.name != "id"
        ]
        return text, cols

    def _item(self, depth: int, outer: Sequence[Col], beside: Sequence[Col]) -> tuple[str, list[Col]]:
        kinds = {"table": 70, "cte": 25 if self._ctes else 0, "derived": 14 if depth > 0 else 0, "values": 2}
        kinds |= {"lateral": 12 if depth > 0 and beside else 0, "function": 9 if beside else 0}
        kind = self.chance.weighed(kinds)
        if kind == "cte":
            cte = self.chance.of(list(self._ctes))
            alias = self._name("t")
            return f"{cte} {alias}", [
                Col(f"{alias}.{col.sql}", col.type, col.merged, col.computed) for col in self._ctes[cte]
            ]
        if kind in ("derived", "lateral"):
            query = self._body(depth - 1, (*beside, *outer) if kind == "lateral" else outer)
            alias = self._name("d")
            names = [f"c{n}" for n, _ in enumerate(query.columns, 1)]
            text = f"{'LATERAL ' * (kind == 'lateral')}({query.sql}) {alias}({', '.join(names)})"
            return text, [
                Col(f"{alias}.{name}", col.type, col.merged, col.computed)
                for name, col in zip(names, query.columns, strict=True)
            ]
        if kind == "values":
            alias = self._name("v")
            return f"(VALUES (1, 'a'), (2, 'b'), (3, NULL)) {alias}(n, w)", [
                Col(f"{alias}.n", "integer"),
                Col(f"{alias}.w", "text"),
            ]
        if kind == "function":
            found = self._function(beside)
            if found is not None:
                return found
        table = self.chance.of(self.schema.tables)
        alias = self._name(table.name)
        return f"{table.name} {alias}", [Col(f"{alias}.{c.name}", c.type) for c in table.columns]

    def _function(self, beside: Sequence[Col]) -> tuple[str, list[Col]] | None:
        usable = [c for c in beside if not c.merged and c.type in ("integer[]", "jsonb", "integer", "small")]
        if not usable:
            return None
        col = self.chance.of(usable)
        alias = self._name("f")
        if col.type == "integer[]":
            if self.chance.percent(30):
                return f"unnest({col.sql}) WITH ORDINALITY {alias}(e, n)", [
                    Col(f"{alias}.e", "integer"),
                    Col(f"{alias}.n", "bigint"),
                ]
            return f"unnest({col.sql}) {alias}(e)", [Col(f"{alias}.e", "integer")]
        if col.type == "jsonb":
            return f"jsonb_array_elements_text({col.sql}) {alias}(e)", [Col(f"{alias}.e", "text")]
        return f"generate_series(1, {col.sql}) {alias}(e)", [Col(f"{alias}.e", "integer")]

    # Conditions

    def _equality(self, some: Sequence[Col], others: Sequence[Col], *, plain: bool = False) -> str | None:  # noqa: PLR0911 # one for each production
        pairs = [(a, b) for a in some for b in others if comparable(a.type, b.type)]
        if not pairs:
            return None
        same = [(a, b) for a, b in pairs if a.type == b.type == "integer"]
        a, b = self.chance.of(same if same and self.chance.percent(60) else pairs)
        if plain or a.merged or b.merged:
            return f"{a.sql} = {b.sql}"
        how = self.chance.weighed({"=": 76, "row": 5, "null-safe": 6, "lower": 4, "cast": 4, "sum": 5})
        if how == "row":
            c, d = self.chance.of(pairs)
            return f"({a.sql}, {c.sql}) = ({b.sql}, {d.sql})"
        if how == "null-safe":
            return f"{a.sql} IS NOT DISTINCT FROM {b.sql}"
        if how == "lower" and a.type in TEXTS and b.type in TEXTS:
            return f"lower({a.sql}) = lower({b.sql})"
        if how == "cast":
            return f"{a.sql}::text = {b.sql}::text"
        if how == "sum" and a.type == "integer" and b.type == "integer":
            return f"{a.sql} = {b.sql} + 1"
        return f"{a.sql} = {b.sql}"

    def _predicate(self, depth: int, cols: Sequence[Col], outer: Sequence[Col]) -> str:  # noqa: PLR0911 # one for each production
        kind = self.chance.weighed(
            {
                "constant": 28,
                "null": 10,
                "columns": 14,
                "list": 6,
                "between": 5,
                "or": 7,
                "not": 3,
                "exists": 9 if depth > 0 else 0,
                "in": 9 if depth > 0 else 0,
                "quantified": 6 if depth > 0 else 0,
                "scalar": 4 if depth > 0 else 0,
                "case": 3,
            }
        )
        comparables = [c for c in cols if c.type not in NO_EQUALITY]
        if not comparables or kind == "null":
            return f"{self.chance.of(cols).sql} IS {'NOT ' * self.chance.percent(50)}NULL"
        col = self.chance.of(comparables)
        match kind:
            case "columns":
                return self._equality(comparables, [*comparables, *outer]) or f"{col.sql} IS NOT NULL"
            case "list":
                values = f"{self._literal(col.type)}, {self._literal(col.type)}"
                return f"{col.sql} {'NOT ' * self.chance.percent(30)}IN ({values})"
            case "between":
                numbers = [c for c in comparables if c.type in NUMBERS]
                if len(numbers) > 1:
                    a, b = self.chance.of(numbers), self.chance.of(numbers)
                    return f"{a.sql} {self.chance.of(('<', '<=', '>', '<>'))} {b.sql}"
                return f"{col.sql} >= {self._literal(col.type)}"
            case "or":
                return f"({self._predicate(depth - 1, cols, outer)} OR {self._predicate(0, cols, outer)})"
            case "not":
                return f"NOT ({self._predicate(depth - 1, cols, outer)})"
            case "case":
                when, then = (self._predicate(0, cols, outer) for _ in range(2))
                return f"CASE WHEN {when} THEN {then} ELSE false END"
            case "exists":
                query = self._body(depth - 1, (*cols, *outer))
                return f"{'NOT ' * self.chance.percent(50)}EXISTS ({query.sql})"
            case "in" | "quantified":
                return self._membership(depth, comparables, outer, kind)
            case "scalar":
                aggregate = self._scalar(depth, [*cols, *outer], "integer")
                operator = self.chance.of(("=", ">", "<", "IS NOT DISTINCT FROM"))
                return f"{aggregate} {operator} {self.chance.number(0, 3)}"
            case _:
                operator = self.chance.of(("=", "=", "=", "<>", ">", "<="))
                return f"{col.sql} {operator} {self._literal(col.type)}"

    def _membership(self, depth: int, cols: Sequence[Col], outer: Sequence[Col], kind: str) -> str:
        safe = [
            c
            for c in cols
            if c.type in ("integer", "text", "bigint", "date", "numeric", "small", "varchar(8)")
        ]
        if not safe:
            return f"{cols[0].sql} IS NOT NULL"
        left = self.chance.some(safe, 1, 2 if self.chance.percent(20) else 1)
        around = (*cols, *outer) if self.chance.percent(40) else ()
        query = self._select(depth - 1, around, [col.type for col in left], plain=self.chance.percent(70))
        row = left[0].sql if len(left) == 1 else f"({', '.join(col.sql for col in left)})"
        how = (
            self.chance.of(("= ANY", "<> ALL", "> ALL", "< ANY"))
            if kind == "quantified"
            else self.chance.of(("IN", "NOT IN"))
        )
        return f"{row} {how} ({query.sql})"

    # Expressions

    def _expression(self, depth: int, cols: Sequence[Col], outer: Sequence[Col]) -> Col:  # noqa: PLR0911 # one for each production
        kind = self.chance.weighed(
            {
                "coalesce": 22,
                "case": 15,
                "sum": 15,
                "text": 15,
                "in": 8 if depth > 0 else 0,
                "scalar": 18 if depth > 0 else 0,
                "array": 7 if depth > 0 else 0,
                "row": 6,
            }
        )
        exact = [c for c in cols if not c.merged]
        numbers = [c for c in exact if c.type in ("integer", "small")]
        match kind:
            case "scalar":
                return Col(self._scalar(depth, [*cols, *outer], "integer"), "integer", computed=True)
            case "array":
                query = self._select(depth - 1, (*cols, *outer), ("integer",), plain=True)
                return Col(f"ARRAY({query.sql} ORDER BY 1)", "integer[]")
            case "in":
                safe = [c for c in cols if c.type not in NO_EQUALITY]
                if safe:
                    return Col(f"({self._membership(depth, safe, outer, 'in')})", "boolean")
            case "sum" if numbers:
                return Col(f"{self.chance.of(numbers).sql} + {self.chance.number(1, 2)}", "integer")
            case "coalesce":
                a = self.chance.of(cols)
                others = [c for c in cols if c.type == a.type]
                return Col(
                    f"COALESCE({a.sql}, {self.chance.of(others).sql})", a.type, any(c.merged for c in others)
                )
            case "case":
                a = self.chance.of(cols)
                return Col(f"CASE WHEN {self._predicate(0, cols, outer)} THEN {a.sql} END", a.type, a.merged)
            case "row" if exact and len(exact) == len(cols):
                return Col(f"ROW({', '.join(c.sql for c in self.chance.some(exact, 1, 3))})::text", "text")
            case _:
                pass
        if exact:
            return Col(f"{self.chance.of(exact).sql}::text", "text")
        return Col("'x'::text", "text")

    def _scalar(self, depth: int, outer: Sequence[Col], type_: str) -> str:
        outer = _qualified(outer)
        from_, cols = self._from(depth - 1, outer)
        conditions = [tie] if (tie := self._equality(cols, outer)) and self.chance.percent(85) else []
        conditions += [self._predicate(depth - 1, cols, outer) for _ in range(self.chance.number(0, 1))]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"(SELECT {self._aggregate(cols, type_).sql} FROM {from_}{where})"

    def _aggregate(self, cols: Sequence[Col], type_: str) -> Col:
        col = self.chance.of(cols)
        filter_ = f" FILTER (WHERE {self.chance.of(cols).sql} IS NOT NULL)" if self.chance.percent(15) else ""
        text = f"{canonical(col)}::text"
        numbers = [c for c in cols if c.type in ("integer", "small")]
        if type_ in ("integer", "bigint", "small", "numeric") and numbers and self.chance.percent(50):
            number = self.chance.of(numbers).sql
            if self.chance.percent(20):
                return Col(f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {number})", "integer")
            return Col(f"{self.chance.of(('max', 'min'))}({number}){filter_}::{type_}", type_)
        if type_ in ("integer", "bigint", "small", "numeric"):
            of = self.chance.of(("*", "DISTINCT " + text, text))
            return Col(f"count({of}){filter_}::{type_}", type_)
        if type_ in TEXTS:
            return Col(f"string_agg({text}, ',' ORDER BY {text}){filter_}::{type_}", type_)
        found = [c for c in cols if c.type == type_]
        if found and type_ in ("date", "timestamptz", "size"):
            return Col(f"max({found[0].sql}){filter_}", type_)
        return Col(f"NULL::{type_}", type_)

    def _typed(self, type_: str, cols: Sequence[Col]) -> Col:
        found = [c for c in cols if c.type == type_]
        if not found or self.chance.percent(8):
            return Col(f"{self._literal(type_)}::{type_}", type_)
        return self.chance.of(found)

    def _keys(self, cols: Sequence[Col]) -> list[Col]:
        return self.chance.some([c for c in cols if c.type not in NO_EQUALITY], 1, 3)

    def _key_expression(self, col: Col) -> Col:
        if col.merged:
            return col
        if col.type in ("integer", "small"):
            return Col(f"{col.sql} % 2", "integer")
        return Col(f"{col.sql}::text", "text")

    def _literal(self, type_: str) -> str:
        return f"{self.chance.of(VALUES[type_])}::{type_}" if type_ in VALUES else "NULL"

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}_{self._names}"


def comparable(a: str, b: str) -> bool:
    if a in NO_EQUALITY or b in NO_EQUALITY:
        return False
    return a == b or (a in NUMBERS and b in NUMBERS) or (a in TEXTS and b in TEXTS)


def canonical(col: Col) -> str:
    """One text for all values that `=` calls equal, where a group of them may stand behind the column."""
    if not col.merged or col.type in SAME or col.type == "char(2)":
        return col.sql
    if col.type == "numeric":
        return f"trim_scale({col.sql})"
    if col.type == "double precision":
        return f"({col.sql} + 0)"
    if col.type == "interval":
        return f"extract(epoch FROM {col.sql})"
    if col.type == "jsonb":
        return f"({col.sql} = '[]'::jsonb)"
    return col.sql


def _qualified(outer: Sequence[Col]) -> list[Col]:
    """Without columns that USING merged: inside a subquery their bare name would mean another."""
    return [col for col in outer if col.sql != "id"]


def _listed(columns: Sequence[Col]) -> str:
    return ", ".join(f"{col.sql} AS o{n}" for n, col in enumerate(columns, 1))


def _merged(columns: Sequence[Col]) -> tuple[Col, ...]:
    return tuple(col._replace(merged=True) for col in columns)
