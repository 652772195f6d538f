"""Random conditions: equalities of every spelling, membership, EXISTS."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.grammar.schemas import NO_EQUALITY, NUMBERS, TEXTS
from tests.support.grammar.terms import Col, Terms, as_text, comparable


class Conditions(Terms):
    """The productions of conditions."""

    def _equality(self, some: Sequence[Col], others: Sequence[Col], *, plain: bool = False) -> str | None:  # noqa: PLR0911 # one for each production
        pairs = [(a, b) for a in some for b in others if comparable(a.type, b.type)]
        if not pairs:
            return None
        rows = [] if plain else self._equal_rows(some, others)
        if rows and self.chance.percent(12):
            x, y = self.chance.of(rows)
            return f"{x} {self.chance.of(('=', '=', 'IS NOT DISTINCT FROM'))} {y}"
        same = [(a, b) for a, b in pairs if a.type == b.type == "integer"]
        a, b = self.chance.of(same if same and self.chance.percent(60) else pairs)
        if plain or a.merged or b.merged:
            return f"{a.sql} = {b.sql}"
        how = self.chance.weighed(
            {"=": 76, "row": 5, "null-safe": 6, "lower": 4, "cast": 4, "sum": 5, "collate": 5}
        )
        if how == "row":
            c, d = self.chance.of(pairs)
            return f"({a.sql}, {c.sql}) = ({b.sql}, {d.sql})"
        if how == "null-safe":
            return f"{a.sql} IS NOT DISTINCT FROM {b.sql}"
        if how == "lower" and a.type in TEXTS and b.type in TEXTS:
            return f"lower({a.sql}) = lower({b.sql})"
        if how == "cast":
            return f"{as_text(a)} = {as_text(b)}"
        if how == "collate" and a.type in TEXTS and b.type in TEXTS:
            collation = self.chance.of(("public.ci", '"C"'))
            return f"{a.sql} = ({b.sql}) COLLATE {collation}"
        if how == "sum" and a.type == "integer" and b.type == "integer":
            return f"{a.sql} = {b.sql} + 1"
        return f"{a.sql} = {b.sql}"

    def _tie(self, depth: int, new: Sequence[Col], left: Sequence[Col]) -> str | None:
        tie = self._equality(new, left)
        own = [c for c in new if c.type == "integer" and not c.merged]
        theirs = [c for c in left if c.type == "integer" and not c.merged]
        if tie is None or not own or not theirs:
            return tie
        x = self.chance.of(own).sql
        match self.chance.weighed({"=": 82, "or": 6, "case": 4, "chosen": 8 if depth > 0 else 0}):
            case "or":
                return f"({tie} OR {x} = {self.chance.of(theirs).sql})"
            case "case":
                a, b = self.chance.of(theirs), self.chance.of(theirs)
                return f"{x} = CASE WHEN {self._predicate(0, left, ())} THEN {a.sql} ELSE {b.sql} END"
            case "chosen":
                return f"{x} = {self._latest(self.chance.of(theirs).sql)}"
            case _:
                return tie

    def _latest(self, around: str) -> str:
        """A subquery that chooses a row of those that a row around it has."""
        table, alias = self.chance.of(self.schema.tables), self._name("z")
        numbers = [f"{alias}.{c.name}" for c in table.columns if c.type == "integer"]
        value, tied = self.chance.of(numbers), self.chance.of(numbers)
        from_ = f"FROM {table.name} {alias} WHERE {tied} = {around}"
        if self.chance.percent(50):
            return f"(SELECT {self.chance.of(('max', 'min'))}({value}) {from_})"
        return f"(SELECT {value} {from_} ORDER BY {value} DESC NULLS LAST LIMIT 1)"

    def _predicate(self, depth: int, cols: Sequence[Col], outer: Sequence[Col]) -> str:  # noqa: PLR0911, PLR0912 # one for each production
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
                "row": 4 if self._rows(cols) else 0,
            }
        )
        if kind == "row":
            return self._of_whole_row(depth, cols, outer)
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

    def _of_whole_row(self, depth: int, cols: Sequence[Col], outer: Sequence[Col]) -> str:
        """A condition on a whole row: whether it is there, and whether a subquery has an equal one."""
        x = self.chance.of(self._rows(cols))
        table = self._tables[x]
        if depth <= 0 or any(column.type in NO_EQUALITY for column in table.columns):
            return f"{x} IS {'NOT ' * self.chance.percent(50)}NULL"
        y = self._name(table.letter)
        self._tables[y] = table
        own = [Col(f"{y}.{column.name}", column.type) for column in table.columns]
        query = f"SELECT {y} FROM {table.name} {y} WHERE {self._predicate(depth - 1, own, (*cols, *outer))}"
        match self.chance.of(("in", "in", "not in", "any", "exists", "null")):
            case "in":
                return f"{x} IN ({query})"
            case "not in":
                return f"{x} NOT IN ({query})"
            case "any":
                return f"{x} = ANY (ARRAY({query}))"
            case "exists":
                return f"EXISTS ({query} AND {y} = {x})"
            case _:
                return f"NOT ({x} IS NULL)"

    def _membership(self, depth: int, cols: Sequence[Col], outer: Sequence[Col], kind: str) -> str:
        safe = [
            c
            for c in cols
            if c.type in ("integer", "text", "bigint", "date", "numeric", "small", "varchar(8)", "citext")
            or c.type == "folded"
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
