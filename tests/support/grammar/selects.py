"""Random SELECTs: plain, grouped, with windows, DISTINCT ON and LIMIT."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.grammar.schemas import NO_EQUALITY
from tests.support.grammar.terms import Col, Query, Terms, canonical, listed, merged, qualified


class Selects(Terms):
    """The productions of one SELECT."""

    def _select(
        self, depth: int, outer: Sequence[Col], types: Sequence[str] = (), *, plain: bool = False
    ) -> Query:
        outer = qualified(outer)
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
        arrays = [col for col in cols if col.type == "integer[]" and not col.merged]
        if shape == "plain" and not types and arrays and self.chance.percent(15):
            outputs.append(Col(f"unnest({self.chance.of(arrays).sql})", "integer"))
        if shape == "window":
            return self._window(cols, outputs, f" FROM {from_}{where}", types)
        shown = listed(outputs)
        named = tuple(Col(f"o{n}", col.type, col.merged, col.computed) for n, col in enumerate(outputs, 1))
        comparable = all(col.type not in NO_EQUALITY for col in outputs)
        if shape == "distinct" and comparable:
            return Query(f"SELECT DISTINCT {shown} FROM {from_}{where}", merged(named))
        every = f"ROW({', '.join(canonical(col) for col in outputs)})::text"
        keys = [col.sql for col in self._keys(cols)]
        if shape == "on" and keys:
            keys = keys[: self.chance.number(1, 2)]
            return Query(
                f"SELECT DISTINCT ON ({', '.join(keys)}) {shown} FROM {from_}{where} "
                f"ORDER BY {', '.join(keys)}, {every}",
                named,
            )
        if shape == "limit":
            offset = f" OFFSET {self.chance.number(1, 2)}" if self.chance.percent(25) else ""
            first = f"{self.chance.of(keys)} DESC, " if keys and self.chance.percent(50) else ""
            return Query(
                f"SELECT {shown} FROM {from_}{where} ORDER BY {first}{every} "
                f"LIMIT {self.chance.number(1, 2)}{offset}",
                named,
            )
        return Query(f"SELECT {shown} FROM {from_}{where}", named)

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
                f"SELECT {listed(aggregates)}{from_}",
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
        return Query(f"SELECT {listed(outputs)}{from_} GROUP BY {group}{having}", columns)

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
                f"SELECT {listed(outputs)}{from_}",
                tuple(Col(f"o{n}", c.type, c.merged, c.computed) for n, c in enumerate(outputs, 1)),
            )
        outputs = [*outputs, Col(of, "text" if of.startswith("lag") else "bigint", computed=True)]
        columns = tuple(Col(f"o{n}", col.type, col.merged, col.computed) for n, col in enumerate(outputs, 1))
        query = f"SELECT {listed(outputs)}{from_}"
        if of.startswith(("row_number", "rank")) and self.chance.percent(50):
            name = self._name("w")
            shown = ", ".join(f"{name}.{col.sql}" for col in columns)
            filtered = f"SELECT {shown} FROM ({query}) {name} WHERE {name}.o{len(outputs)} = 1"
            return Query(filtered, columns)
        return Query(query, columns)
