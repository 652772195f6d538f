"""State that is gathered while a definition is read: unique aliases, occurrences, the parts of a SELECT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Catalogue, TableName, View
from cdc_daemon.analysis.model.collations import mark_casts
from cdc_daemon.analysis.model.dialect import Tree, Unreadable, parse_with_reading
from cdc_daemon.analysis.model.plan import Reading
from cdc_daemon.analysis.model.scopes import Body, Conjunct, OuterJoin, Ref, Source, SubqueryEquality
from cdc_daemon.analysis.read.ctes import Cte, unread
from cdc_daemon.analysis.read.functions import Functions
from cdc_daemon.analysis.read.names import NameScope

MOST_SELECTS = 400


class NotUnderstood(Exception):
    """The analysis does not support a construct of the query; `str()` names it and the remedy."""


@dataclass
class SelectBuilder:
    """The parts of one SELECT, gathered while it is read."""

    names: NameScope
    ctes: Mapping[str, Cte]
    sources: dict[str, Source] = field(default_factory=dict[str, Source])
    joins: list[OuterJoin] = field(default_factory=list[OuterJoin])
    conjuncts: list[Conjunct] = field(default_factory=list[Conjunct])
    used: set[Ref] = field(default_factory=set[Ref])
    subquery_equalities: list[SubqueryEquality] = field(default_factory=list[SubqueryEquality])


class Bodies(Protocol):
    """The interface of the builder for those who read the parts of a SELECT."""

    def body(self, tree: Tree, around: NameScope | None, ctes: Mapping[str, Cte]) -> Body:
        """The scopes of a query inside another."""
        ...

    def resolve(self, select: SelectBuilder, tree: Tree) -> None:
        """Point the columns of an expression at their sources, and read its subqueries."""
        ...

    def condition(
        self, select: SelectBuilder, tree: Tree, join: OuterJoin | None, span: frozenset[str] | None
    ) -> None:
        """Read a WHERE or ON."""
        ...


class BuildContext:
    """State of one definition, including the views that it reads.

    Args:
        feed: the feed's name, for errors.
        functions: the known aggregates and set-returning functions.

    Attributes:
        readings: the text of each view's definition as it was understood.
        occurrences: the relation of each, by its number.
        unread: relations that only unused CTEs name here. Other occurrences may be read.
    """

    def __init__(self, feed: str, catalogue: Catalogue, functions: Functions) -> None:
        self.feed = feed
        self.catalogue = catalogue
        self.functions = functions
        self.readings: dict[TableName, Reading] = {}
        self.occurrences: dict[int, TableName] = {}
        self.unread: set[TableName] = set()
        self._taken: set[str] = {"delta"}
        self._views: dict[TableName, exp.Query] = {}
        self._numbered = 0
        self._selects = 0

    def count_select(self) -> None:
        """Count another SELECT.

        Raises:
            NotUnderstood: there are too many. A CTE or view is copied for each occurrence, so CTEs
                that read each other twice double their number with each level.
        """
        self._selects += 1
        if self._selects > MOST_SELECTS:
            raise NotUnderstood(
                f"more than {MOST_SELECTS} SELECTs once each CTE and view stands where it is read: read them "
                "less often, or write to a table what is read again and again"
            )

    def take(self, alias: str) -> str:
        """An alias like this one that is unique in the whole query."""
        uid, number = alias, 1
        while uid in self._taken:
            number += 1
            uid = f"{alias}_{number}"
        self._taken.add(uid)
        return uid

    def number(self, tree: exp.Query) -> None:
        """Number the occurrences of tables, and mark casts. Copies keep both."""
        mark_casts(tree, self.catalogue.collated_domains)
        for node in tree.find_all(exp.Table):
            node.meta["origin"] = self._numbered
            if node.db:
                self.occurrences[self._numbered] = TableName(node.db, node.name)
            self._numbered += 1
        for cte in unread(tree):
            for node in cte.find_all(exp.Table):
                name = self.occurrences.pop(node.meta["origin"], None)
                self.unread |= set() if name is None else {name}

    def view(self, view: View) -> exp.Query:
        """A copy of a view's definition, to be rewritten in place.

        Its SELECTs are marked with the view's name, because locations in them are not in the user's text.

        Raises:
            NotUnderstood: it can't be parsed.
        """
        if view.name not in self._views:
            try:
                tree, reading = parse_with_reading(view.definition)
            except Unreadable as error:
                raise NotUnderstood(f"the view {view.name} can't be parsed: {error}") from error
            self.readings[view.name] = Reading(view.definition, reading)
            self.number(tree)
            for select in tree.find_all(exp.Select):
                select.meta["view"] = view.name
            self._views[view.name] = tree
        return self._views[view.name].copy()
