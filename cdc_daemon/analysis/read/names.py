"""Name resolution: the source to which a column belongs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from cdc_daemon.analysis.model.collations import marked, of_column
from cdc_daemon.analysis.model.dialect import Tree, Unreadable, quoted
from cdc_daemon.analysis.model.scopes import (
    WHOLE_ROW,
    Body,
    Recursion,
    Ref,
    Scope,
    SetOperation,
    Source,
    fold,
)
from cdc_daemon.errors import FeedError

_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})


@dataclass
class NameScope:
    """The names that an expression can use: the sources of its SELECT, then those of the queries around.

    Attributes:
        feed: the feed's name, for errors.
        sources: by their alias in the definition.
        merged: for an unqualified column that USING merged, the expression for it.
    """

    feed: str
    around: NameScope | None
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    merged: dict[str, Tree] = field(default_factory=dict[str, Tree])

    def uids(self) -> frozenset[str]:
        """The uids of all visible sources."""
        own = frozenset(source.uid for source in self.sources.values())
        return own | self.around.uids() if self.around else own

    def every_source(self) -> Mapping[str, Source]:
        """All visible sources, by uid."""
        own = {source.uid: source for source in self.sources.values()}
        return {**self.around.every_source(), **own} if self.around else own

    def types(self) -> Mapping[Ref, str]:
        """The catalogue's types of the visible columns, where known."""
        found = dict(self.around.types()) if self.around else {}
        for source in self.sources.values():
            for name in source.columns:
                type_ = type_of(source, name)
                if type_ is not None:
                    found[Ref(source.uid, name)] = type_
        return found

    def resolve(self, node: exp.Column) -> None:
        """Point a column at its source.

        Raises:
            FeedError, Unreadable: no visible source has the column. It is never skipped, because changes of a
                column that is not followed would be missed.
        """
        name = WHOLE_ROW if isinstance(node.this, exp.Star) else node.name
        at: NameScope | None = self
        while at is not None and not at.points(node, name):
            at = at.around
        if at is None:
            raise self.unresolved(name, node.table or None, 0)

    def points(self, node: exp.Column, name: str) -> bool:
        """Point a column at a source of this SELECT; return False if none has it."""
        if node.table:
            source = self.sources.get(node.table)
            if source is None:
                return False
            if name != WHOLE_ROW and name not in source.columns:
                raise self.unresolved(name, node.table, 0)
            node.set("table", quoted(source.uid))
            marked(node, of_column(source, name))
            return True
        if name in self.merged:
            node.replace(self.merged[name].copy())
            return True
        having = [source for source in self.sources.values() if name in source.columns]
        if len(having) > 1:
            raise self.unresolved(name, None, len(having))
        if having:
            node.set("table", quoted(having[0].uid))
            marked(node, of_column(having[0], name))
        return bool(having)

    def unresolved(self, name: str, table: str | None, found: int) -> FeedError | Unreadable:
        """The error for a column that `found` sources have instead of one.

        PostgreSQL has resolved the column. So unless it is a system column, the analysis misread the query
        and takes every table as a whole.
        """
        what = f"{table}.{name}" if table else name
        if name in _SYSTEM_COLUMNS:
            return FeedError(
                f'column "{what}" is not a column of any source table in sight',
                where=f"feed {self.feed}",
                hint="system columns such as xmin or ctid can't be followed; use a column of the table",
            )
        return Unreadable(
            f'column "{what}" could be one of several'
            if found > 1
            else f'nothing in sight is called "{what}"'
        )


def type_of(source: Source, name: str) -> str | None:
    """The catalogue's type of a source's column; None if it is not simply a column of a table."""
    if source.table is not None:
        return source.table.columns[source.real[name]].type
    if source.body is None or name not in source.columns:
        return None
    return output_type(source.body, source.columns.index(name))


def null_of(sources: Mapping[str, Source], tree: Tree) -> Tree:
    """NULL in place of a column or a whole row, with its type if known.

    Without the type PostgreSQL might choose another operator, or find none.
    """
    at = tree.unnest()
    source = sources.get(at.table) if isinstance(at, exp.Column) else None
    if source is None:
        return exp.Null()
    if isinstance(at.this, exp.Star) or at.name == WHOLE_ROW:
        return typed_null("record" if source.table is None else source.table.name.quoted)
    type_ = type_of(source, at.name) if at.name in source.columns else None
    return exp.Null() if type_ is None else typed_null(type_)


def typed_null(type_: str) -> Tree:
    """NULL of a type, spelled as in the catalogue."""
    return exp.Cast(this=exp.Null(), to=exp.DataType(this=exp.DType.USERDEFINED, kind=type_))


def output_type(body: Body, n: int) -> str | None:
    """The catalogue's type of an output, by position; None if it is not simply a column of a table."""

    def in_select(scope: Scope) -> str | None:
        output = scope.outputs[n].unnest()
        source = scope.sources.get(output.table) if isinstance(output, exp.Column) else None
        return None if source is None or output.name not in source.columns else type_of(source, output.name)

    def in_arms(_: SetOperation, types: list[str | None]) -> str | None:
        return types[0] if len(set(types)) == 1 else None

    def in_recursion(body: Recursion) -> str | None:
        return output_type(body.base, n) if n < len(body.step.names) else None

    return fold(body, select=in_select, arms=in_arms, recursion=in_recursion)
