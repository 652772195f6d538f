"""Which source a column belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from cdc_daemon.analysis.dialect import Tree, quoted
from cdc_daemon.analysis.scopes import WHOLE_ROW, Ref, Source
from cdc_daemon.errors import FeedError


@dataclass
class Sight:
    """The names that an expression can refer to: the sources of its SELECT, then those around it.

    Attributes:
        feed: its name, for errors.
        sources: by the alias that the definition gives them.
        merged: what an unqualified column that USING merged stands for.
    """

    feed: str
    around: Sight | None
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    merged: dict[str, Tree] = field(default_factory=dict[str, Tree])

    def uids(self) -> frozenset[str]:
        """Every source in sight."""
        own = frozenset(source.uid for source in self.sources.values())
        return own | self.around.uids() if self.around else own

    def types(self) -> Mapping[Ref, str]:
        """The catalogue's types of the columns of tables in sight."""
        found = dict(self.around.types()) if self.around else {}
        for source in self.sources.values():
            if source.table is not None:
                for visible, real in source.real.items():
                    found[Ref(source.uid, visible)] = source.table.columns[real].type
        return found

    def resolve(self, node: exp.Column) -> None:
        """Point a column at its source.

        Raises:
            FeedError: nothing in sight has it; never skipped, for a column not followed is a change not seen.
        """
        name = WHOLE_ROW if isinstance(node.this, exp.Star) else node.name
        at: Sight | None = self
        while at is not None and not at.points(node, name):
            at = at.around
        if at is None:
            raise self.unresolved(name, node.table or None, 0)

    def points(self, node: exp.Column, name: str) -> bool:
        """Point a column at a source of this SELECT; False if none of them has it."""
        if node.table:
            source = self.sources.get(node.table)
            if source is None:
                return False
            if name != WHOLE_ROW and name not in source.columns:
                raise self.unresolved(name, node.table, 0)
            node.set("table", quoted(source.uid))
            return True
        if name in self.merged:
            node.replace(self.merged[name].copy())
            return True
        having = [source for source in self.sources.values() if name in source.columns]
        if len(having) > 1:
            raise self.unresolved(name, None, len(having))
        if having:
            node.set("table", quoted(having[0].uid))
        return bool(having)

    def unresolved(self, name: str, table: str | None, found: int) -> FeedError:
        """The error for a column that `found` sources have, when it must be one."""
        what = f"{table}.{name}" if table else name
        where = f"feed {self.feed}"
        if found > 1:
            return FeedError(f'column "{what}" could be one of several', where=where, hint="qualify it")
        return FeedError(
            f'column "{what}" is not a column of any source table in sight',
            where=where,
            hint="system columns such as xmin or ctid can't be followed; use a column of the table",
        )
