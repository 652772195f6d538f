"""Random FROM clauses: joins of every kind, derived tables, LATERAL, functions, CTEs and views."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.grammar.terms import Col, Terms


class FromItems(Terms):
    """The productions of FROM."""

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
        tie = self._equality(right, left, plain=True) if full else self._tie(depth, right, left)
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
        x, y = self._name(a.letter), self._name(b.letter)
        self._tables |= {x: a, y: b}
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
        kinds = {"table": 70, "cte": 25 if self._ctes else 0, "view": 40 if self.views else 0}
        kinds |= {"derived": 14 if depth > 0 else 0, "values": 6 if outer else 2}
        kinds |= {"lateral": 12 if depth > 0 and beside else 0, "function": 9 if beside else 0}
        kind = self.chance.weighed(kinds)
        if kind == "cte":
            cte = self.chance.of(list(self._ctes))
            alias = self._name("t")
            return f"{cte} {alias}", [
                Col(f"{alias}.{col.sql}", col.type, col.merged, col.computed) for col in self._ctes[cte]
            ]
        if kind == "view":
            view = self.chance.of(self.views)
            alias = self._name("v")
            return f"{view.name} {alias}", [col._replace(sql=f"{alias}.{col.sql}") for col in view.columns]
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
            around = [col for col in outer if not col.merged and col.type == "integer"]
            rows = f"({self.chance.of(around).sql}, 'c')" if around else "(3, NULL)"
            return f"(VALUES (1, 'a'), (2, 'b'), {rows}) {alias}(n, w)", [
                Col(f"{alias}.n", "integer"),
                Col(f"{alias}.w", "text"),
            ]
        if kind == "function":
            found = self._function(beside)
            if found is not None:
                return found
        table = self.chance.of(self.schema.tables)
        alias = self._name(table.letter)
        self._tables[alias] = table
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
