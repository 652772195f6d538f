"""Random values: expressions, scalar subqueries, aggregates."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.grammar.schemas import NO_EQUALITY, TEXTS
from tests.support.grammar.terms import Col, Terms, as_text, canonical, qualified


class Expressions(Terms):
    """The productions of values."""

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
                "whole row": 6 if self._rows(cols) else 0,
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
            case "whole row":
                x = self.chance.of(self._rows(cols))
                return Col(
                    self.chance.of((f"{x}::text", f"row_to_json({x})::text", f"to_jsonb({x})::text")), "text"
                )
            case "row" if exact and len(exact) == len(cols):
                return Col(f"ROW({', '.join(c.sql for c in self.chance.some(exact, 1, 3))})::text", "text")
            case _:
                pass
        if exact:
            return Col(as_text(self.chance.of(exact)), "text")
        return Col("'x'::text", "text")

    def _scalar(self, depth: int, outer: Sequence[Col], type_: str) -> str:
        outer = qualified(outer)
        from_, cols = self._from(depth - 1, outer)
        # Untied, it knows the row around by a derived table in it, if by anything.
        conditions = [tie] if (tie := self._equality(cols, outer)) and self.chance.percent(70) else []
        conditions += [self._predicate(depth - 1, cols, outer) for _ in range(self.chance.number(0, 1))]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"(SELECT {self._aggregate(cols, type_).sql} FROM {from_}{where})"

    def _aggregate(self, cols: Sequence[Col], type_: str) -> Col:  # noqa: PLR0911 # one for each kind
        col = self.chance.of(cols)
        filter_ = f" FILTER (WHERE {self.chance.of(cols).sql} IS NOT NULL)" if self.chance.percent(15) else ""
        text = as_text(col, canonical(col))
        numbers = [c for c in cols if c.type in ("integer", "small")]
        if type_ in ("integer", "bigint", "small", "numeric") and numbers and self.chance.percent(50):
            number = self.chance.of(numbers).sql
            if self.chance.percent(20):
                return Col(f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {number})", "integer")
            return Col(f"{self.chance.of(('max', 'min'))}({number}){filter_}::{type_}", type_)
        if type_ in ("integer", "bigint", "small", "numeric"):
            of = self.chance.of(("*", "DISTINCT " + text, text, *self._rows(cols)))
            return Col(f"count({of}){filter_}::{type_}", type_)
        rows = self._rows(cols)
        if rows and type_ == "text" and self.chance.percent(15):
            row = f"{self.chance.of(rows)}::text"
            return Col(f"string_agg({row}, ',' ORDER BY {row}){filter_}", type_)
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
        return Col(as_text(col), "text")
